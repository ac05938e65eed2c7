"""What a training run is: the model, and everything that its weights then depend on.

An experiment file holds both, and `train_config.json` in the folder of a run is one:

    {"model": {"unit": "residual_gru", ...}, "training": {"train_glob": "...", ...}}

Nothing here needs TensorFlow.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection
from typing import Any

from compression.codecs import model_folders
from compression.codecs.recurrent import folders
from compression.codecs.recurrent.config import BLOCK, RecurrentConfig
from compression.common.config import JsonConfig, keys, parse_json, refuse_unknown
from compression.common.errors import ConfigError, ModelError
from compression.common.files import atomic_write
from compression.training.curriculum import Curriculum

FILE = "train_config.json"

CHECKPOINTS = "checkpoints"
"""The folder of a run that holds what it goes on from."""

MAY_CHANGE = frozenset(
  {
    "train_glob",
    "train_records",
    "validation_glob",
    "steps",
    "checkpoint_steps",
    "distribution",
    "init",
  }
)
"""What may differ when a run goes on: where things are, how far it goes, on how many devices."""


def setting(default: Any, help: str, **limits: Any) -> Any:
  """A field with what its flag says; limits are `choices`, or `low` and `high`."""
  return dataclasses.field(default=default, metadata={"help": help, **limits})


@dataclasses.dataclass(frozen=True)
class TrainConfig:
  """How a model is trained; the help of each field is that of its flag.

  Loss and the size of batches and patches are those of Toderici et al. (CVPR 2017), section 4. The
  paper has Adam, no curriculum, no average of the weights, and draws its bits at random.

  Raises:
    ConfigError: if a value is not allowed.
  """

  train_glob: str = setting("", "training images: a pattern, or several with commas between them")
  train_records: str = setting(
    "", "or files of tiles, as compression.mine_tiles writes them: tiles@8.tfrecord"
  )
  validation_glob: str = setting("", "images whose centres are looked at at every checkpoint")
  patch_size: int = setting(
    32, "pixels along a side of the training patches, a multiple of 16", low=BLOCK, high=1024
  )
  batch_size: int = setting(32, "patches a step, on all devices together", low=1, high=65536)
  steps: int = setting(20000, "steps of training in all", low=1, high=10**9)
  checkpoint_steps: int = setting(1000, "steps from checkpoint to checkpoint", low=1, high=10**9)
  learning_rate: float = setting(
    0.0,
    "the highest; it ends at 2 % of that. 0 for 0.01 with muon and 0.001 with the others",
    low=0.0,
    high=10.0,
  )
  optimizer: str = setting(
    "muon", "the optimizer", choices=("muon", "adam", "adamw", "nadam", "rmsprop", "sgd")
  )
  epsilon: float = setting(
    1e-7, "of the optimizer (sgd has none); the paper has 1", low=1e-12, high=10.0
  )
  clip_norm: float = setting(
    0.5, "gradients of a larger norm are scaled down to it; 0 leaves them", low=0.0, high=1e9
  )
  loss: str = setting("l1", "of the residuals", choices=("l1", "mse"))
  stochastic_binarizer: bool = setting(False, "draw the bits at random in training")
  curriculum: str = setting(
    "4:0.12,8:0.3,16:1",
    "iterations:until this share of the steps, ...; never more iterations than the model's",
  )
  ema: float = setting(
    0.999,
    "decay of the average of weights that is the result; 0 takes the last",
    low=0.0,
    high=1.0,
  )
  precision: str = setting(
    "float32", "of the networks in training", choices=("float32", "mixed_bfloat16")
  )
  seed: int = setting(0, "of everything that is random", low=0, high=2**32 - 1)
  distribution: str = setting(
    "none",
    "none: one device; mirrored: all of this machine's; multi_worker, parameter_server: the group"
    " of processes in TF_CONFIG, in step or each at its own pace",
    choices=("none", "mirrored", "multi_worker", "parameter_server"),
  )
  init: str = setting(
    "", "a released model or a folder with the weights to start from; a narrower one is widened"
  )

  def __post_init__(self) -> None:
    for field in dataclasses.fields(self):
      check(field, getattr(self, field.name))
    if self.patch_size % BLOCK:
      raise ConfigError(f"patch_size must be a multiple of {BLOCK}: {self.patch_size}")
    if self.train_glob and self.train_records:
      raise ConfigError("train_glob and train_records exclude each other")
    if self.ema == 1:
      raise ConfigError("ema must be below 1: at 1 the average would never change")
    Curriculum.parse(self.curriculum)

  @property
  def peak_rate(self) -> float:
    """The learning rate that is used at its highest."""
    return self.learning_rate or (1e-2 if self.optimizer == "muon" else 1e-3)


_ABOUT = "about"


@dataclasses.dataclass(frozen=True)
class Experiment(JsonConfig):
  """A model and its training."""

  model: RecurrentConfig = dataclasses.field(default_factory=RecurrentConfig)
  training: TrainConfig = dataclasses.field(default_factory=TrainConfig)

  def override(self, values: dict[str, Any]) -> Experiment:
    """This experiment with other values, {"model": {...}, "training": {...}}; both may be partial.

    A file may also have "about", texts for its readers: of released models the command, what it
    cost and what came out.

    Raises:
      ConfigError: on unknown keys and values that are not allowed.
    """
    parts: dict[str, Any] = {}
    refuse_unknown(values, (*keys(self), _ABOUT), "the experiment")
    for name, part in (("model", self.model), ("training", self.training)):
      changes = values.get(name, {})
      refuse_unknown(changes, keys(part), f'"{name}" of the experiment')
      parts[name] = dataclasses.replace(part, **changes)
    return Experiment(**parts)

  @classmethod
  def from_dict(cls, values: dict[str, Any]) -> Experiment:
    return cls().override(values)

  def save(self, folder: pathlib.Path) -> None:
    """Writes FILE into a folder; raises OutputError if it cannot."""
    with atomic_write(folder / FILE) as file:
      file.write(self.to_json().encode())


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


def load(path: pathlib.Path) -> Experiment:
  """The experiment of a file.

  Raises:
    ConfigError: if it cannot be read or holds what is not allowed; names the file.
  """
  values = read(path)
  try:
    return Experiment().override(values)
  except ConfigError as error:
    raise ConfigError(f"{path}: {error}") from error


def is_begun(folder: pathlib.Path) -> bool:
  """Whether there is something to go on from."""
  return (folder / CHECKPOINTS / "checkpoint").is_file()  # TensorFlow's list of checkpoints


def base(folder: pathlib.Path, init: str = "") -> Experiment:
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
    return load(folder / FILE)
  if init:
    return Experiment(model=folders.read_config(model_folders.find(init)))
  return Experiment()


def check_resumable(wanted: Experiment, folder: pathlib.Path) -> None:
  """Refuses to go on with other settings than those that the run in `folder` was begun with.

  Raises:
    ModelError: names the first setting that differs and must not.
  """
  if not is_begun(folder):
    return
  begun = base(folder)
  for part in ("model", "training"):
    old = dataclasses.asdict(getattr(begun, part))
    refuse_changes(folder, old, dataclasses.asdict(getattr(wanted, part)), MAY_CHANGE)


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
