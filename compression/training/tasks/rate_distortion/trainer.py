"""The training of a network of one quality as a Keras model.

What is made small is R + lambda D of Ballé, Laparra, Simoncelli (ICLR 2017), equation 3:

    R    bits of the latents by the prior, with noise in the place of rounding, for each pixel
    D    mean square of x - x^, with pixels in 0..255
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from compression.codecs import qualities
from compression.codecs.qualities import Quality
from compression.common import npz
from compression.training.experiment import MODEL
from compression.training.tasks.rate_distortion.config import RateDistortionExperiment
from compression.training.trainer import Measures, Trainer

_PEAK = 255.0
_HELPED = 1 / 3  # of the steps
_REPLICAS = 2**16  # below: seeds of noise are step * this + replica


class Network(Protocol):
  """What such a network has beside Keras' own: see `codecs/balle2017/network.py`."""

  def named_variables(self) -> dict[str, tf.Variable]:
    """By their names in archives."""

  def noise_shape(self, shape: tf.Tensor) -> list[Any]:
    """The shape of the noise that `call` takes with images of a shape."""

  def to_archive(self, tiles: np.ndarray) -> dict[str, np.ndarray]:
    """What a model keeps: weights, and integers that decoders count on; of images, uint8."""

  def from_archive(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights among what a model keeps, float, by their names; raises ModelError."""


class Means(NamedTuple):
  """What a batch gave: bits per pixel, and the mean square of pixels in 0..255."""

  bpp: tf.Tensor
  square: tf.Tensor


class RateDistortionTrainer(Trainer):
  """Trains a network with Keras' `fit`.

  Args:
    experiment: its `lmbda` weighs D; its seed is that of the noise, with the step.
    make: makes the network; once for what is trained and once for its average, in float32.
    tiles: gives some of the images, uint8 [N, H, W, 3], for what is counted in the end.

  Call arguments:
    inputs: images uint8 [N, H, W, 3]; H and W multiples of 16.
  """

  def __init__(
    self,
    experiment: RateDistortionExperiment,
    make: Callable[[str], tf.keras.Model],
    tiles: Callable[[], np.ndarray],
    **kwargs: Any,
  ):
    network, averaged = make(experiment.training.precision), make("float32")
    for each in (network, averaged):
      each.build(None)
    super().__init__(network, averaged, experiment.training.ema, **kwargs)
    self.experiment = experiment
    self.tiles = tiles
    training = experiment.training
    self.helping = 0.0 if training.init else float(getattr(training, "helping", 0.0))
    self.means = Means(tf.keras.metrics.Mean("bpp"), tf.keras.metrics.Mean("square"))

  def start_from(self, arrays: Mapping[str, np.ndarray], source: str) -> None:
    """Takes the weights of a model's quality; raises ModelError if they do not fit."""
    arrays = self.network.from_archive(arrays)
    for network in (self.network, self.averaged):
      npz.assign(network.named_variables(), arrays, source)

  def take_average(self) -> None:
    """Makes the weights of now their own average: for such as were not trained yet."""
    for mean, variable in self._pairs():
      mean.assign(variable)

  def measure(self, batch: tf.Tensor) -> tuple[tf.Tensor, Any]:
    x = tf.cast(batch, tf.float32) / _PEAK
    context = tf.distribute.get_replica_context()
    replica = tf.cast(context.replica_id_in_sync_group, tf.int64)
    step = tf.cast(self.optimizer.iterations, tf.int64)
    # Noise follows from the step: a run that was cut off draws what it would have drawn.
    seed = tf.stack([tf.constant(self.experiment.training.seed, tf.int64), step * _REPLICAS])
    seed += tf.stack([tf.zeros_like(replica), replica])
    noise = tf.random.stateless_uniform(self.network.noise_shape(tf.shape(x)), seed, -0.5, 0.5)
    coded = self.network(x, noise)
    pixels = tf.cast(tf.shape(x)[1] * tf.shape(x)[2], tf.float32)
    bpp = tf.reduce_mean(coded.bits) / pixels
    square = tf.reduce_mean(tf.square(coded.x_hat - x)) * _PEAK**2
    loss = bpp + self.experiment.training.lmbda * square
    if self.helping:
      helped = step < round(_HELPED * self.experiment.training.steps)
      loss += tf.where(helped, self.helping, 0.0) * coded.helping
    return loss, Means(bpp, square)

  def note(self, measured: Any) -> None:
    for metric, value in zip(self.means, measured):
      metric.update_state(value)

  def measures(self) -> Measures:
    """Loss, estimated bits per pixel, and the PSNR of the mean square over the batches."""
    bpp, square = (float(metric.result().numpy()) for metric in self.means)
    loss = bpp + self.experiment.training.lmbda * square
    psnr = decibels(square)
    scalars = {"loss": loss, "bpp": bpp, "psnr": psnr}
    return Measures(loss, f"loss {loss:.4f}  bpp {bpp:.4f}  PSNR {psnr:.2f}", scalars)

  def names(self, network: tf.keras.Model) -> dict[str, tf.Variable]:
    return network.named_variables()

  def arrays(self) -> dict[str, np.ndarray]:
    """The arrays of the average: what a model's folder holds."""
    return self.averaged.to_archive(self.tiles())

  def export(self, folder: pathlib.Path) -> None:
    """Writes the average as `folder`/model, a model of one quality."""
    experiment = self.experiment
    quality = Quality(experiment.training.lmbda, self.arrays())
    qualities.save(folder / MODEL, experiment.codec, experiment.model.to_dict(), [quality])


def decibels(square: float) -> float:
  """PSNR of a mean square of pixels in 0..255."""
  return float(10 * np.log10(_PEAK**2 / max(square, float(np.finfo(np.float32).tiny))))
