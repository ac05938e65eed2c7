"""What the training of an entropy coder is: three JSON files, as in the 2017 release.

    model_config.json    ProgressiveConfig or InterlacedConfig
    train_config.json    EntropyTrainConfig
    input_config.json    InputConfig

The keys of the release's files are all here, and mean what they mean there; others are ours, and
may be left out. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, NamedTuple

from compression.common.config import JsonConfig, setting
from compression.common.errors import ConfigError, ModelError
from compression.common.files import atomic_write
from compression.training import config as config_lib
from compression.training.config import CheckedConfig, LoopConfig, is_begun

RELEASE_EPSILON = 1.0
EPSILON = 1e-7

_FILES = ("model_config.json", "train_config.json", "input_config.json")

_MAY_CHANGE = config_lib.MAY_CHANGE | {"data"}
"""What may differ when a run goes on: where things are, how far it goes, on how many devices."""


@dataclasses.dataclass(frozen=True)
class EntropyTrainConfig(LoopConfig):
  """How an entropy coder is trained.

  The release has `batch_size`, `learning_rate`, `decay_rate` and `samples_per_decay`.
  With `samples_per_decay` the rate falls in steps, by `decay_rate` each time that so many codes
  have been seen, and Adam's epsilon is 1: the release. Without, it stays, then ends as half a
  cosine, as in `compression.training.schedule`.

  `init` is for codes that changed, or for another model's: an entropy coder of the same
  architecture has learned most of what there is to learn.

  Raises:
    ConfigError: if a value is not allowed.
  """

  batch_size: int = setting(20, "codes a step", low=1, high=65536)
  learning_rate: float = setting(2e-3, "at the beginning", low=1e-9, high=10.0)
  optimizer: str = setting("adam", "the optimizer", choices=("adam", "muon"))
  decay_rate: float = setting(1.0, "by which the rate falls", low=1e-9, high=1.0)
  samples_per_decay: int = setting(0, "codes until it falls; 0 for a cosine", low=0, high=10**12)
  steps: int = setting(12000, "steps of training in all", low=1, high=10**9)
  epsilon: float = setting(0.0, "of Adam; 0 for 1 with the release's schedule", low=0.0, high=10.0)
  clip_norm: float = setting(
    1.0, "gradients of a larger norm are scaled down to it; 0 leaves them", low=0.0, high=1e9
  )
  ema: float = setting(
    0.998,
    "decay of the average of weights that is the result; 0 takes the last",
    low=0.0,
    high=1.0,
  )
  init: str = setting("", "the folder of an entropy coder with the weights to start from")

  @property
  def adam_epsilon(self) -> float:
    """The epsilon that is used."""
    return self.epsilon or (RELEASE_EPSILON if self.samples_per_decay else EPSILON)


@dataclasses.dataclass(frozen=True)
class InputConfig(CheckedConfig):
  """The codes to learn from; the first two are the release's.

  Raises:
    ConfigError: if a value is not allowed.
  """

  data: str = setting("", "a TFRecord file of codes, or a pattern")
  unique_code_size: bool = setting(False, "all codes have one size, and are used whole")
  crop_size: int = setting(10, "else: blocks along a side of the windows", low=1, high=4096)


class EntropyExperiment(NamedTuple):
  """A probability model and its training.

  Attributes:
    name: of the model in `compression.entropy.bits.models`.
    model: its configuration.
    training, input: see there.
  """

  name: str
  model: Any
  training: EntropyTrainConfig = EntropyTrainConfig()
  input: InputConfig = InputConfig()

  def save(self, folder: pathlib.Path) -> None:
    """Writes the three files into a folder; raises OutputError if it cannot."""
    for file, config in zip(_FILES, self[1:]):
      with atomic_write(folder / file) as stream:
        stream.write(config.to_json().encode())


def read(path: str | pathlib.Path, kind: type[JsonConfig]) -> Any:
  """The configuration in a file.

  Raises:
    ConfigError: if it cannot be read, or holds an unknown key or a wrong value; names the file.
  """
  values = config_lib.read(pathlib.Path(path))
  try:
    return kind.from_dict(values)
  except ConfigError as error:
    raise ConfigError(f"{path}: {error}") from error


def check_resumable(wanted: EntropyExperiment, folder: pathlib.Path) -> None:
  """Refuses to go on with other settings than those that the run in `folder` was begun with.

  Raises:
    ModelError: names the first setting that differs and must not.
  """
  if not is_begun(folder):
    return
  for file, new in zip(_FILES, wanted[1:]):
    try:
      old = read(folder / file, type(new)).to_dict()
    except ConfigError as error:
      raise ModelError(f"{folder}: was begun with another model: {error}") from error
    config_lib.refuse_changes(folder, old, new.to_dict(), _MAY_CHANGE)
