"""Photos -> a codec of one quality. Beside what every run leaves, its folder has

train_config.json   the experiment
model/              the result so far, for `compression.load` and the programs
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from compression.codecs import model_folders, qualities
from compression.codecs.balle2017.network import Balle2017Network
from compression.codecs.hu2020.network import Hu2020Network
from compression.datasets.enlarged_tiles import WithEnlargedTiles
from compression.datasets.some_tiles import is_chosen
from compression.layers.stacks import Coded
from compression.metrics import ms_ssim, psnr
from compression.training.callbacks import Plan
from compression.training.console import Console, Say
from compression.training.pipeline import Source
from compression.training.schedule import make_optimizer
from compression.training.tasks.photos import PhotosTask, Validation, tiles_of
from compression.training.tasks.rate_distortion import coarse_to_fine, principal
from compression.training.tasks.rate_distortion.config import RateDistortionExperiment
from compression.training.tasks.rate_distortion.trainer import RateDistortionTrainer


class _Kind(NamedTuple):
  """What a codec trains.

  Attributes:
    network: takes the fields of the experiment's model.
    start: sets first weights, by tiles uint8 [N, H, W, 3] and lambda.
    rescale: whether the network can make its latents larger or smaller, when it starts from one
      with another lambda: the best step is in proportion to 1 / sqrt(lambda).
  """

  network: Callable[..., tf.keras.Model]
  start: Callable[[Any, np.ndarray, float], None]
  rescale: bool = False


_KINDS = {
  "balle2017": _Kind(Balle2017Network, principal.start),
  "hu2020": _Kind(Hu2020Network, coarse_to_fine.start, rescale=True),
}
"""By their codecs."""

_PEAK = np.float32(255)
_START_TILES = 64  # of the first batches


class RateDistortionTask(PhotosTask):
  """The training of an experiment."""

  def __init__(self, experiment: RateDistortionExperiment):
    super().__init__(experiment)
    values = ", ".join(f"{name} {value}" for name, value in experiment.model.to_dict().items())
    self.title = f"{experiment.codec}, {values}, lambda {experiment.training.lmbda:g}"

  def source(self, warn: Say) -> tuple[Source, str]:
    """Tiles of photos, some enlarged, or tiles that were mined: uint8 [N, H, W, 3]."""
    training = self.experiment.training
    photos, content = tiles_of(training, warn, candidates=1)
    if not training.enlarged:
      return photos, content
    count = is_chosen(training.batch_size, training.enlarged).sum()
    source = WithEnlargedTiles(photos, training.enlarged)
    return source, f"{content}, {count} of {training.batch_size} tiles enlarged"

  def make_trainer(self, source: Source, init: str) -> RateDistortionTrainer:
    """The network with the weights of the model `init`, or the first ones of its kind."""
    experiment, training = self.experiment, self.experiment.training
    kind, values = _KINDS[experiment.codec], experiment.model.to_dict()
    tiles = functools.partial(_first_tiles, source)
    trainer = RateDistortionTrainer(
      experiment, lambda dtype: kind.network(**values, dtype=dtype), tiles
    )
    if init:
      model = model_folders.find(init)
      config = qualities.read_config(model, experiment.codec)
      distances = [abs(math.log(each / training.lmbda)) for each in config.lambdas]
      quality = qualities.read_quality(model, config, int(np.argmin(distances)) + 1)
      trainer.start_from(quality.arrays, init)
      if kind.rescale and quality.lmbda != training.lmbda:
        trainer.network.rescale(math.sqrt(training.lmbda / quality.lmbda))
        trainer.take_average()
    else:
      kind.start(trainer.network, tiles(), training.lmbda)
      trainer.take_average()
    matrices = [int("kernel" in v.name) for v in trainer.network.trainable_variables]
    trainer.prepare(
      make_optimizer(
        training.optimizer, self.rate(), training.epsilon, training.clip_norm, matrices
      )
    )
    return trainer

  def validate(
    self,
    plan: Plan,
    images: Sequence[np.ndarray],
    writer: tf.summary.SummaryWriter,
    console: Console,
  ) -> Validate:
    return Validate(plan, images, writer, console.say)


def _first_tiles(source: Source) -> np.ndarray:
  """Some of the images that a source has, uint8 [N, H, W, 3]."""
  batches = -(-_START_TILES // source.batch_size)
  return np.concatenate([source.batch(step) for step in range(batches)])[:_START_TILES]


class Validate(Validation):
  """Measures the average of the weights at checkpoints, on rounded latents and pixels."""

  def measure(self, step: int) -> None:
    means = np.mean([self._of(image) for image in self.images], axis=0)
    scalars = dict(zip(("bpp", "psnr", "ms_ssim"), map(float, means)))
    with self.writer.as_default(step=step):
      for name, value in scalars.items():
        tf.summary.scalar(name, value)
    self.writer.flush()
    text = "bpp {:.4f}  PSNR {:.2f}  MS-SSIM {:.4f}".format(*means)
    self.say(f"step {step}/{self.plan.steps}  validation {text}")

  def _of(self, image: np.ndarray) -> tuple[float, float, float]:
    """Bits per pixel by the prior, PSNR and MS-SSIM."""
    coded = self._coded(tf.constant(image[np.newaxis] / _PEAK))
    pixels = np.rint(np.clip(coded.x_hat[0].numpy(), 0, 1) * _PEAK).astype(np.uint8)
    bpp = float(coded.bits[0]) / (image.shape[0] * image.shape[1])
    return bpp, float(psnr(image, pixels)), float(ms_ssim(image, pixels))

  @functools.cached_property
  def _coded(self) -> Callable[[tf.Tensor], Coded]:
    """The function that codes x, with rounding in the place of noise."""
    network = self.model.averaged
    return tf.function(network.rounded, reduce_retracing=True)
