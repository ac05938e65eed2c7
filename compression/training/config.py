"""What every training is told, and how it is read from files and checked.

Nothing here needs TensorFlow.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection
from typing import Any

from compression.common.config import JsonConfig, parse_json, setting
from compression.common.errors import ConfigError, ModelError

CHECKPOINTS = "checkpoints"
"""The folder of a run that holds what it goes on from."""

MAY_CHANGE = frozenset({"steps", "checkpoint_steps", "distribution", "init"})
"""What may differ when a run goes on: how far it goes, on how many devices."""


class CheckedConfig(JsonConfig):
  """Base of dataclasses whose fields are `setting`s; refuses what those do not allow."""

  def __post_init__(self) -> None:
    for field in dataclasses.fields(self):
      check(field, getattr(self, field.name))


@dataclasses.dataclass(frozen=True)
class LoopConfig(CheckedConfig):
  """What all trainings have; the help of each field is that of its flag.

  Raises:
    ConfigError: if a value is not allowed.
  """

  steps: int = setting(20000, "steps of training in all", low=1, high=10**9)
  checkpoint_steps: int = setting(1000, "steps from checkpoint to checkpoint", low=1, high=10**9)
  clip_norm: float = setting(
    0.5, "gradients of a larger norm are scaled down to it; 0 leaves them", low=0.0, high=1e9
  )
  ema: float = setting(
    0.999,
    "decay of the average of weights that is the result; 0 takes the last",
    low=0.0,
    high=1.0,
  )
  seed: int = setting(0, "of everything that is random", low=0, high=2**32 - 1)
  distribution: str = setting(
    "none",
    "none: one device; mirrored: all of this machine's; multi_worker, parameter_server: the group"
    " of processes in TF_CONFIG, in step or each at its own pace",
    choices=("none", "mirrored", "multi_worker", "parameter_server"),
  )
  init: str = setting("", "what to take the first weights from")

  def __post_init__(self) -> None:
    super().__post_init__()
    if self.ema == 1:
      raise ConfigError("ema must be below 1: at 1 the average would never change")


def read(path: pathlib.Path) -> dict[str, Any]:
  """The values of a JSON file, not checked yet.

  Raises:
    ConfigError: if it cannot be read or is not JSON; names the file.
  """
  try:
    text = path.read_text("utf-8")
  except OSError as error:
    raise ConfigError(f"{path}: {error.strerror}") from error
  except UnicodeDecodeError as error:
    raise ConfigError(f"{path}: is not JSON: {error}") from error
  return parse_json(text, f"{path}:")


def is_begun(folder: pathlib.Path) -> bool:
  """Whether there is something to go on from."""
  return (folder / CHECKPOINTS / "checkpoint").is_file()  # TensorFlow's list of checkpoints


def refuse_changes(
  folder: pathlib.Path, old: dict[str, Any], new: dict[str, Any], may_change: Collection[str]
) -> None:
  """Raises ModelError if a run begun with old settings cannot go on with the new ones."""
  for key, value in old.items():
    if value != new[key] and key not in may_change:
      raise ModelError(
        f"{folder}: was begun with {key} {value!r} and cannot go on with {new[key]!r}; "
        "use another folder"
      )


def check(field: dataclasses.Field, value: Any) -> None:
  """Raises ConfigError if a value is not one that `setting` allows for the field."""
  name, limits, kind = field.name, field.metadata, type(field.default)
  if "choices" in limits and value not in limits["choices"]:
    raise ConfigError(f"{name} must be one of {', '.join(limits['choices'])}: {value!r}")
  allowed = (int, float) if kind is float else (kind,)
  if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    raise ConfigError(f"{name} must be {kinds[kind]}: {value!r}")
  if "low" in limits and not limits["low"] <= value <= limits["high"]:
    raise ConfigError(f"{name} must be from {limits['low']:g} to {limits['high']:g}: {value!r}")
