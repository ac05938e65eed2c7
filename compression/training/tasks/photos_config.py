"""What trainings on tiles of photos are told. Nothing here needs TensorFlow."""

from __future__ import annotations

import dataclasses

from compression.common.config import setting
from compression.common.errors import ConfigError
from compression.training import config as config_lib
from compression.training.config import LoopConfig

MAY_CHANGE = config_lib.MAY_CHANGE | {"train_glob", "train_records", "validation_glob"}
"""What may differ when a run goes on: where photos are, too."""

_GRANULARITY = 16


@dataclasses.dataclass(frozen=True)
class PhotosConfig(LoopConfig):
  """Photos, their tiles, and how fast weights move; the help of each field is that of its flag.

  Raises:
    ConfigError: if a value is not allowed.
  """

  train_glob: str = setting("", "training images: a pattern, or several with commas between them")
  train_records: str = setting(
    "", "or files of tiles, as compression.mine_tiles writes them: tiles@8.tfrecord"
  )
  validation_glob: str = setting("", "images whose centres are looked at at every checkpoint")
  patch_size: int = setting(
    32, "pixels along a side of the training patches, a multiple of 16", low=_GRANULARITY, high=1024
  )
  batch_size: int = setting(32, "patches a step, on all devices together", low=1, high=65536)
  learning_rate: float = setting(
    0.0,
    "the highest; it ends at 2 % of that. 0 for 0.01 with muon and 0.001 with the others",
    low=0.0,
    high=10.0,
  )
  optimizer: str = setting(
    "muon", "the optimizer", choices=("muon", "adam", "adamw", "nadam", "rmsprop", "sgd")
  )
  epsilon: float = setting(1e-7, "of the optimizer; sgd has none", low=1e-12, high=10.0)
  constant_share: float = setting(
    0.5, "of the steps: until then the rate is at its highest", low=0.0, high=0.99
  )
  precision: str = setting(
    "float32", "of the networks in training", choices=("float32", "mixed_bfloat16")
  )

  def __post_init__(self) -> None:
    super().__post_init__()
    if self.patch_size % _GRANULARITY:
      raise ConfigError(f"patch_size must be a multiple of {_GRANULARITY}: {self.patch_size}")
    if self.train_glob and self.train_records:
      raise ConfigError("train_glob and train_records exclude each other")

  @property
  def peak_rate(self) -> float:
    """The learning rate that is used at its highest."""
    return self.learning_rate or (1e-2 if self.optimizer == "muon" else 1e-3)
