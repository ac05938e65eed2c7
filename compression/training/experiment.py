"""What a run is: the model, and everything that its weights then depend on.

An experiment file holds both, and `train_config.json` in the folder of a run is one:

    {"codec": "recurrent", "model": {"unit": "residual_gru", ...}, "training": {"steps": 400, ...}}

Without "codec" it is of the recurrent network. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection
from typing import Any, ClassVar, TypeVar

from compression.codecs.model_folders import CODEC_KEY, RECURRENT
from compression.common.config import JsonConfig, keys, refuse_unknown
from compression.common.errors import ConfigError
from compression.common.files import atomic_write
from compression.training import config as config_lib
from compression.training.config import is_begun, read, refuse_changes

FILE = "train_config.json"

MODEL = "model"
"""The folder of a run that holds the result so far: a model like the released ones."""

_ABOUT = "about"

_Experiment = TypeVar("_Experiment", bound="Experiment")


@dataclasses.dataclass(frozen=True)
class Experiment(JsonConfig):
  """A model and its training; subclasses say of which classes those are.

  Attributes:
    codec: the kind of codec whose weights are learned.
    may_change: settings of the training that may differ when a run goes on: where things are, how
      far it goes, on how many devices.
  """

  codec: ClassVar[str] = RECURRENT
  may_change: ClassVar[Collection[str]] = config_lib.MAY_CHANGE

  model: Any = None
  training: Any = None

  @classmethod
  def starting_from(cls: type[_Experiment], init: str) -> _Experiment:
    """What flags and files then change: of the architecture of the model `init`.

    Raises:
      ModelError: if there is no such model, or it is another codec's.
    """
    del init
    return cls()

  def override(self: _Experiment, values: dict[str, Any]) -> _Experiment:
    """This experiment with other values, {"model": {...}, "training": {...}}; both may be partial.

    A file may also have "about", texts for its readers: of released models the command, what it
    cost and what came out.

    Raises:
      ConfigError: on unknown keys and values that are not allowed.
    """
    parts: dict[str, Any] = {}
    refuse_unknown(values, (*keys(self), CODEC_KEY, _ABOUT), "the experiment")
    if values.get(CODEC_KEY, self.codec) != self.codec:
      raise ConfigError(f"the experiment is of codec {values[CODEC_KEY]!r}, not {self.codec!r}")
    for name, part in (("model", self.model), ("training", self.training)):
      changes = values.get(name, {})
      refuse_unknown(changes, keys(part), f'"{name}" of the experiment')
      parts[name] = dataclasses.replace(part, **changes)
    return type(self)(**parts)

  @classmethod
  def from_dict(cls: type[_Experiment], values: dict[str, Any]) -> _Experiment:
    return cls().override(values)

  def to_dict(self) -> dict[str, Any]:
    named = {} if self.codec == RECURRENT else {CODEC_KEY: self.codec}
    return {**named, **super().to_dict()}

  def save(self, folder: pathlib.Path) -> None:
    """Writes FILE into a folder; raises OutputError if it cannot."""
    with atomic_write(folder / FILE) as file:
      file.write(self.to_json().encode())

  @classmethod
  def load(cls: type[_Experiment], path: pathlib.Path) -> _Experiment:
    """The experiment of a file.

    Raises:
      ConfigError: if it cannot be read or holds what is not allowed; names the file.
    """
    values = read(path)
    try:
      return cls.from_dict(values)
    except ConfigError as error:
      raise ConfigError(f"{path}: {error}") from error

  @classmethod
  def base(cls: type[_Experiment], folder: pathlib.Path, init: str = "") -> _Experiment:
    """What an experiment file and flags then change.

    Args:
      folder: of a run. If it has a checkpoint, its experiment: the folder is all that a run needs
        to go on.
      init: the model that a new run starts from, whose architecture is then the base; or "".

    Raises:
      ConfigError: if the folder's experiment is damaged.
      ModelError: if there is no such model.
    """
    if is_begun(folder):
      return cls.load(folder / FILE)
    return cls.starting_from(init) if init else cls()

  def check_resumable(self, folder: pathlib.Path) -> None:
    """Refuses to go on with other settings than those that the run in `folder` was begun with.

    Raises:
      ModelError: names the first setting that differs and must not.
    """
    if not is_begun(folder):
      return
    begun = self.load(folder / FILE)
    for part in ("model", "training"):
      old = dataclasses.asdict(getattr(begun, part))
      refuse_changes(folder, old, dataclasses.asdict(getattr(self, part)), self.may_change)


def codec_in(path: pathlib.Path) -> str:
  """The kind of codec that an experiment file is of; raises ConfigError if it cannot be read."""
  return codec_of(read(path))


def codec_of(values: Any) -> str:
  """That of what is in such a file."""
  return str(values.get(CODEC_KEY, RECURRENT)) if isinstance(values, dict) else RECURRENT
