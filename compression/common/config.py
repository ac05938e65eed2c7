"""Configurations: frozen dataclasses that are read from JSON and refuse what they do not know."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from compression.common.errors import ConfigError

_Config = TypeVar("_Config", bound="JsonConfig")


def parse_json(text: str, where: str = "the configuration") -> Any:
  """What a JSON text holds; raises ConfigError, which begins with `where`, if it is none."""
  try:
    return json.loads(text)
  except (ValueError, RecursionError) as error:
    raise ConfigError(f"{where} is not JSON: {error}") from error


def refuse_unknown(values: Any, known: Sequence[str], where: str = "the configuration") -> None:
  """Raises ConfigError if `values` is no dict or has a key that is not among `known`."""
  if not isinstance(values, dict):
    raise ConfigError(f"{where} must be an object with keys: {values!r}")
  unknown = sorted(set(values) - set(known), key=str)
  if unknown:
    raise ConfigError(f"unknown key {unknown[0]!r} in {where}; known: {', '.join(known)}")


def keys(config: Any) -> list[str]:
  """The fields of a dataclass or of an object of one."""
  return [field.name for field in dataclasses.fields(config)]


def setting(default: Any, help: str, **limits: Any) -> Any:
  """A field with what its flag says.

  Limits are `choices`, or `low` and `high`; `flag` is the name of the flag, if it has another one.
  """
  return dataclasses.field(default=default, metadata={"help": help, **limits})


def redefined(config: type, name: str, default: Any) -> Any:
  """A field of a base class, with its help and limits, and another default."""
  (field,) = (field for field in dataclasses.fields(config) if field.name == name)
  return dataclasses.field(default=default, metadata=field.metadata)


def flag_name(field: dataclasses.Field) -> str:
  """The flag of a `setting`."""
  return str(field.metadata.get("flag", field.name))


@dataclasses.dataclass(frozen=True)
class JsonConfig:
  """Base of the configurations that are saved beside weights; subclasses check their values."""

  def to_dict(self) -> dict[str, Any]:
    return dataclasses.asdict(self)

  def to_json(self) -> str:
    return json.dumps(self.to_dict(), indent=2) + "\n"

  @classmethod
  def from_dict(cls: type[_Config], values: dict[str, Any]) -> _Config:
    """Raises ConfigError on unknown keys."""
    refuse_unknown(values, keys(cls))
    return cls(**values)

  @classmethod
  def from_json(cls: type[_Config], text: str) -> _Config:
    """Raises ConfigError if the text is not JSON, or on unknown keys."""
    return cls.from_dict(parse_json(text))
