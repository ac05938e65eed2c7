"""What the training of the recurrent network is told. Nothing here needs TensorFlow."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from compression.codecs import model_folders
from compression.codecs.recurrent import folders
from compression.codecs.recurrent.config import RecurrentConfig
from compression.common.config import setting
from compression.common.errors import ConfigError
from compression.training import experiment as experiment_lib
from compression.training.tasks.photos_config import MAY_CHANGE, PhotosConfig
from compression.training.tasks.recurrent.curriculum import Curriculum
from compression.training.terms import Terms

PAPER: dict[str, Any] = {
  "loss": "l1",
  "rate_weight": 0.0,
  "rate_weight_last": 0.0,
  "synthetic": 0.0,
}
"""What the paper trains for: the distortion alone, of photos alone."""


@dataclasses.dataclass(frozen=True)
class TrainConfig(PhotosConfig):
  """How a model is trained; the help of each field is that of its flag.

  The size of batches and patches is that of Toderici et al. (CVPR 2017), section 4. The paper has
  PAPER, Adam, no curriculum, no average of the weights, and draws its bits at random.

  Raises:
    ConfigError: if a value is not allowed.
  """

  epsilon: float = setting(
    1e-7, "of the optimizer (sgd has none); the paper has 1", low=1e-12, high=10.0
  )
  loss: str = setting(
    "log_mse:0.75,psnr_hvs:0.25,ms_ssim:0.35",
    "a sum of l1, ssim_l1, mse, log_mse, ms_ssim and psnr_hvs with weights:"
    " log_mse:0.75,psnr_hvs:0.25; the last three are in decibels. The paper's is l1",
  )
  rate_weight: float = setting(
    1.1,
    "of the bits, which a model beside the networks estimates: 1 asks for bits that gain as many"
    " decibels as those of a good codec; 0 leaves them out, as the paper does, and as every loss"
    " that is not in decibels must",
    low=0.0,
    high=1e3,
  )
  rate_weight_last: float = setting(
    0.65,
    "that of iteration 16, to which it falls from iteration 6 on; 0 for the same",
    low=0.0,
    high=1e3,
  )
  rate_ramp: float = setting(
    0.1, "share of the steps in which the weight of the bits grows", low=0.0, high=1.0
  )
  rate_learning_rate: float = setting(
    2e-3, "the highest of the model that estimates bits, which is Adam's", low=1e-9, high=10.0
  )
  synthetic: float = setting(
    0.05,
    "share of tiles that are drawn instead of cut out: flat and saturated colours, ramps, text,"
    " line art",
    low=0.0,
    high=1.0,
  )
  synthetic_weight: float = setting(
    0.05,
    "of their decibels, each by itself, in a loss of decibels; in l1 and mse they count as photos",
    low=0.0,
    high=0.99,
  )
  stochastic_binarizer: bool = setting(False, "draw the bits at random in training")
  curriculum: str = setting(
    "4:0.12,8:0.3,16:1",
    "iterations:until this share of the steps, ...; never more iterations than the model's",
  )
  init: str = setting(
    "",
    "a released model or a folder with the weights to start from; a narrower one is widened, and"
    " biases are added",
  )

  def __post_init__(self) -> None:
    super().__post_init__()
    Curriculum.parse(self.curriculum)
    terms = Terms.parse(self.loss)
    if self.rate_weight and not terms.in_decibels:
      raise ConfigError(
        f"rate_weight needs a loss in decibels, such as log_mse: {self.loss!r}; 0 leaves bits out"
      )


@dataclasses.dataclass(frozen=True)
class Experiment(experiment_lib.Experiment):
  """The recurrent network and its training.

  A new one has biases, without which weak signals are lost.
  """

  may_change: ClassVar = MAY_CHANGE

  model: RecurrentConfig = RecurrentConfig(use_bias=True)
  training: TrainConfig = dataclasses.field(default_factory=TrainConfig)

  @classmethod
  def starting_from(cls, init: str) -> Experiment:
    return cls(model=folders.read_config(model_folders.find(init)))
