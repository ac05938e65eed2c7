"""What the training of a network of one quality is told. Nothing here needs TensorFlow."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from compression.codecs import model_folders, qualities
from compression.common.config import setting
from compression.common.errors import ConfigError
from compression.training import config as config_lib
from compression.training import experiment as experiment_lib
from compression.training.config import CheckedConfig, LoopConfig

_BLOCK = 16


@dataclasses.dataclass(frozen=True)
class RateDistortionConfig(LoopConfig):
  """How such a network is trained; the help of each field is that of its flag.

  Loss and Adam are those of Ballé, Laparra, Simoncelli (ICLR 2017), who take patches of 256x256 and
  a million steps at 1e-4; these defaults are for an hour.

  Raises:
    ConfigError: if a value is not allowed.
  """

  train_glob: str = setting("", "training images: a pattern, or several with commas between them")
  train_records: str = setting(
    "", "or files of tiles, as compression.mine_tiles writes them: tiles@8.tfrecord"
  )
  validation_glob: str = setting("", "images whose centres are looked at at every checkpoint")
  lmbda: float = setting(
    0.01,
    "of the loss, bits per pixel + lambda * mean square of errors of pixels in 0..255: .0018 (few"
    " bits) to .18; lmbda in experiment files",
    flag="lambda",
    low=1e-9,
    high=1e6,
  )
  patch_size: int = setting(
    128, "pixels along a side of the training patches, a multiple of 16", low=_BLOCK, high=1024
  )
  batch_size: int = setting(8, "patches a step, on all devices together", low=1, high=65536)
  enlarged: float = setting(
    0.0,
    "share of tiles that show half as much, enlarged two times: where training photos are smaller"
    " than those that are to be compressed, they are busier, too",
    low=0.0,
    high=1.0,
  )
  learning_rate: float = setting(
    0.0,
    "the highest; it ends at 2 % of that. 0 for 0.01 with muon and 0.001 with the others",
    low=0.0,
    high=10.0,
  )
  optimizer: str = setting(
    "adam", "the optimizer", choices=("muon", "adam", "adamw", "nadam", "rmsprop", "sgd")
  )
  epsilon: float = setting(1e-7, "of the optimizer; sgd has none", low=1e-12, high=10.0)
  constant_share: float = setting(
    0.3, "of the steps: until then the rate is at its highest", low=0.0, high=0.99
  )
  clip_norm: float = setting(
    1.0, "gradients of a larger norm are scaled down to it; 0 leaves them", low=0.0, high=1e9
  )
  precision: str = setting(
    "float32", "of the networks in training", choices=("float32", "mixed_bfloat16")
  )
  init: str = setting(
    "",
    "a released model or a folder with the weights to start from; of several qualities that of the"
    " nearest lambda. Train the highest lambda first, and the lower ones from it",
  )

  def __post_init__(self) -> None:
    super().__post_init__()
    if self.patch_size % _BLOCK:
      raise ConfigError(f"patch_size must be a multiple of {_BLOCK}: {self.patch_size}")
    if self.train_glob and self.train_records:
      raise ConfigError("train_glob and train_records exclude each other")

  @property
  def peak_rate(self) -> float:
    """The learning rate that is used at its highest."""
    return self.learning_rate or (1e-2 if self.optimizer == "muon" else 1e-3)


@dataclasses.dataclass(frozen=True)
class Balle2017Config(CheckedConfig):
  """The architecture of `codecs/balle2017`."""

  channels: int = setting(64, "N of the paper: of each layer and of the latent", low=1, high=1024)


@dataclasses.dataclass(frozen=True)
class RateDistortionExperiment(experiment_lib.Experiment):
  """A network of one quality and its training; subclasses say which network.

  Attributes:
    model_config: the class of `model`.
  """

  may_change: ClassVar = config_lib.MAY_CHANGE | {"train_glob", "train_records", "validation_glob"}
  model_config: ClassVar[Any]

  training: RateDistortionConfig = dataclasses.field(default_factory=RateDistortionConfig)

  @classmethod
  def starting_from(cls, init: str) -> RateDistortionExperiment:
    config = qualities.read_config(model_folders.find(init), cls.codec)
    return cls(model=cls.model_config.from_dict(config.model))


@dataclasses.dataclass(frozen=True)
class Balle2017Experiment(RateDistortionExperiment):
  """Ballé, Laparra, Simoncelli (2017)."""

  codec: ClassVar[str] = "balle2017"
  model_config: ClassVar = Balle2017Config

  model: Balle2017Config = dataclasses.field(default_factory=Balle2017Config)
