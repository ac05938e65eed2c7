"""What the training of the network of `dpcm_mlp` is told. Nothing here needs TensorFlow."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from compression.codecs import model_folders
from compression.codecs.dpcm import network
from compression.common.config import redefined, setting
from compression.training import config as config_lib
from compression.training import experiment as experiment_lib
from compression.training.config import CheckedConfig, LoopConfig


@dataclasses.dataclass(frozen=True)
class PredictionConfig(LoopConfig):
  """How it is trained; the help of each field is that of its flag.

  Raises:
    ConfigError: if a value is not allowed.
  """

  train_glob: str = setting("", "training images: a pattern, or several with commas between them")
  batch_size: int = setting(4096, "windows a step, on all devices together", low=1, high=2**20)
  learning_rate: float = setting(
    3e-3, "the highest of Adam; it ends at 2 % of that", low=1e-9, high=10.0
  )
  steps: int = redefined(LoopConfig, "steps", 12000)
  clip_norm: float = redefined(LoopConfig, "clip_norm", 0.0)
  init: str = setting("", "a released model or a folder with the weights to start from")


@dataclasses.dataclass(frozen=True)
class NetworkConfig(CheckedConfig):
  """The architecture of `codecs/dpcm/network.py`."""

  hidden: int = setting(32, "units of the hidden layer", low=1, high=network.MAX_HIDDEN)


@dataclasses.dataclass(frozen=True)
class PredictionExperiment(experiment_lib.Experiment):
  """The network of `dpcm_mlp` and its training."""

  codec: ClassVar[str] = network.KIND
  may_change: ClassVar = config_lib.MAY_CHANGE | {"train_glob"}

  model: NetworkConfig = dataclasses.field(default_factory=NetworkConfig)
  training: PredictionConfig = dataclasses.field(default_factory=PredictionConfig)

  @classmethod
  def starting_from(cls, init: str) -> PredictionExperiment:
    return cls(model=NetworkConfig(network.read(model_folders.find(init).folder).hidden))
