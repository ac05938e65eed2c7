"""What the training of a network of one quality is told. Nothing here needs TensorFlow."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from compression.codecs import model_folders, qualities
from compression.common.config import redefined, setting
from compression.common.errors import ConfigError
from compression.training import experiment as experiment_lib
from compression.training.config import CheckedConfig
from compression.training.tasks.photos_config import MAY_CHANGE, PhotosConfig


@dataclasses.dataclass(frozen=True)
class RateDistortionConfig(PhotosConfig):
  """How such a network is trained; the help of each field is that of its flag.

  Loss and Adam are those of Ballé, Laparra, Simoncelli (ICLR 2017), who take patches of 256x256 and
  a million steps at 1e-4; these defaults are for an hour.

  Raises:
    ConfigError: if a value is not allowed.
  """

  lmbda: float = setting(
    0.01,
    "of the loss, bits per pixel + lambda * mean square of errors of pixels in 0..255: .0018 (few"
    " bits) to .18; lmbda in experiment files",
    flag="lambda",
    low=1e-9,
    high=1e6,
  )
  enlarged: float = setting(
    0.0,
    "share of tiles that show half as much, enlarged two times: where training photos are smaller"
    " than those that are to be compressed, they are busier, too",
    low=0.0,
    high=1.0,
  )
  patch_size: int = redefined(PhotosConfig, "patch_size", 128)
  batch_size: int = redefined(PhotosConfig, "batch_size", 8)
  optimizer: str = redefined(PhotosConfig, "optimizer", "adam")
  constant_share: float = redefined(PhotosConfig, "constant_share", 0.3)
  clip_norm: float = redefined(PhotosConfig, "clip_norm", 1.0)
  init: str = setting(
    "",
    "a released model or a folder with the weights to start from; of several qualities that of the"
    " nearest lambda. Train the highest lambda first, and the lower ones from it",
  )


@dataclasses.dataclass(frozen=True)
class Balle2017Config(CheckedConfig):
  """The architecture of `codecs/balle2017`."""

  channels: int = setting(64, "N of the paper: of each layer and of the latent", low=1, high=1024)


@dataclasses.dataclass(frozen=True)
class CoarseToFineConfig(RateDistortionConfig):
  """How `hu2020` is trained: as the others, with a loss that helps to begin.

  By Muon rather than Adam: in 300 steps from the same weights it lowered the loss nearly twice as
  far.

  Raises:
    ConfigError: if a value is not allowed.
  """

  optimizer: str = redefined(RateDistortionConfig, "optimizer", "muon")
  learning_rate: float = redefined(RateDistortionConfig, "learning_rate", 0.002)
  helping: float = setting(
    0.002,
    "in the first third of the steps, weight of the mean square of what is linear in the hyper"
    " syntheses less the latents that they tell of; none with init",
    low=0.0,
    high=1e6,
  )


@dataclasses.dataclass(frozen=True)
class Hu2020Config(CheckedConfig):
  """The architecture of `codecs/hu2020`."""

  channels: int = setting(
    128, "N: of the finest latent, a multiple of 32; the other layers follow", low=32, high=1024
  )

  def __post_init__(self) -> None:
    super().__post_init__()
    if self.channels % 32:
      raise ConfigError(f"channels must be a multiple of 32: {self.channels}")


@dataclasses.dataclass(frozen=True)
class RateDistortionExperiment(experiment_lib.Experiment):
  """A network of one quality and its training; subclasses say which network.

  Attributes:
    model_config: the class of `model`.
  """

  may_change: ClassVar = MAY_CHANGE
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


@dataclasses.dataclass(frozen=True)
class Hu2020Experiment(RateDistortionExperiment):
  """Hu, Yang, Liu (2020)."""

  codec: ClassVar[str] = "hu2020"
  model_config: ClassVar = Hu2020Config

  model: Hu2020Config = dataclasses.field(default_factory=Hu2020Config)
  training: CoarseToFineConfig = dataclasses.field(default_factory=CoarseToFineConfig)
