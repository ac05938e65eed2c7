"""The networks of Hu, Yang, Liu (2020) in Keras, as they are trained.

With N channels, and k/2 a convolution of k x k at every second place, k*2 a transposed one to twice
as many (and conv5 of the output of at least 3):

analysis, x -> y, /16                    hyper_analysis2, y -> z2, /32
  conv1  5/2  N/4   GDN                    conv1  3  N/2, then space to depth
  conv2  5/2  N/2   GDN                    conv2  1  N    ReLU
  conv3  5/2  5N/8  GDN                    conv3  1  N    ReLU
  conv4  5/2  N                            conv4  1  N/2
                                         hyper_analysis1, z2 -> z1, /64: half as many of all

hyper_synthesis2, z2 -> h2, /16          prediction3, h2 -> mu and scale of y
  conv1  1  N                              conv1  5  N/2  ReLU
  conv2  1  N  ReLU                        conv2  1  N    ReLU
  conv3  1  N  ReLU, then depth to space   conv3  1  2N
  conv4  3  N/2
hyper_synthesis1, z1 -> h1, /32          prediction2, h1 -> mu and scale of z2
  N/2 of all                               N/2, N/2, N

synthesis, y -> /2                       side, [h2, depth to space of h1] -> /2
  conv1  5*2  5N/8  IGDN                   conv1  5*2  N/4
  conv2  5*2  N/2   IGDN                   conv2  5*2  N/4  LeakyReLU
  conv3  5*2  N/4   IGDN                   conv3  5*2  N/8  LeakyReLU

output, s = [synthesis, side] -> x^
  conv1  3    3N/16  LeakyReLU             conv4  5*2  3N/32
  conv2  3    3N/16  LeakyReLU             conv5  3    N/16   LeakyReLU
  conv3  3    3N/8   LeakyReLU, plus s     conv6  1    3

y is z3 of the paper. The parts named in INTEGER become integers (`integers.py`); so what enters
them and what comes out is limited here as it is there.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from compression.codecs.hu2020.predictor import RESIDUALS, Latents, counted
from compression.entropy import fixed_point
from compression.entropy.latents import tables
from compression.entropy.latents.factorized import FactorizedPrior
from compression.layers.gdn import GDN
from compression.layers.lower_bound import lower_bound
from compression.layers.recurrent_cell import REGISTRATION
from compression.layers.stacks import Coded, named_variables, own_name

DOWN = 16
"""Pixels along a side of what a place of y stands for."""

INTEGER = ("hyper_synthesis1", "prediction2", "hyper_synthesis2", "prediction3")
"""The parts that choose tables, from the first to the last that a decoder needs."""

INPUT_SHARE = 4
"""Latents enter those divided by this."""

LIMIT = (2**15 - 1) / 2**10
"""The largest value that enters them, or is between their layers."""

GAIN = 16
"""y is this times what the analysis gives, and the synthesis gets the same part of it. Kernels on
both sides then have values of one size, which Adam's steps suit: else those of a synthesis of large
latents are so small that each step is a good part of them."""

MU_GAIN = 4
"""mu is this times what a prediction gives, as latents are larger than what is between layers."""

LOW, HIGH = -3.0, 6.0
"""The logarithms, to base 2, of the least and the largest scale."""

_COLOURS = 3
_PEAK = 255
_LEAKY = 0.2
_LEAST = 1e-9
"""Probabilities count as no less in training."""


class Latent(NamedTuple):
  """What is coded at one level, with what is known of it before.

  Attributes:
    values: not rounded.
    mu: where the distribution of each value is, of the same shape.
    scale: the logarithm, to base 2, of its standard deviation.
  """

  values: tf.Tensor
  mu: tf.Tensor
  scale: tf.Tensor

  def rounded(self) -> tf.Tensor:
    """Around mu; with the gradient of values and mu as if they were not."""
    q = self.values - self.mu
    return self.mu + q + tf.stop_gradient(tf.round(q) - q)

  def bits(self, noise: tf.Tensor) -> tf.Tensor:
    """The bits of each image, float32 [N]: of values with noise; rounded if noise is the rest."""
    sigma = tf.exp(self.scale * math.log(2))
    far = tf.abs(self.values + noise - self.mu)
    unit = 1 / (sigma * math.sqrt(2))
    chances = (tf.math.erfc((far - 0.5) * unit) - tf.math.erfc((far + 0.5) * unit)) / 2
    bits = tf.math.log(lower_bound(chances, tf.constant(_LEAST))) / -math.log(2)
    return tf.reduce_sum(bits, [1, 2, 3])


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class Hu2020Network(tf.keras.Model):
  """All of it.

  Args:
    channels: N, a multiple of 32.

  Call arguments:
    inputs: x, float32 [n, H, W, 3] in 0..1; H and W multiples of 16.
    noise: float32 [n, H/16, W/16, 2N], the second half for z2 and z1.

  Returns: Coded.
  """

  def __init__(self, channels: int = 128, **kwargs: Any):
    super().__init__(**kwargs)
    self.channels = n = int(channels)
    conv, up, gdn = self._conv, self._up, self._gdn
    sequential = tf.keras.Sequential
    self.analysis = sequential(
      [
        *(conv("conv1", n // 4, 5, 2), gdn("gdn1")),
        *(conv("conv2", n // 2, 5, 2), gdn("gdn2")),
        *(conv("conv3", n * 5 // 8, 5, 2), gdn("gdn3")),
        conv("conv4", n, 5, 2),
      ],
      name="analysis",
    )
    self.hyper_analysis2 = _hyper_analysis("hyper_analysis2", (n // 2, n, n // 2))
    self.hyper_analysis1 = _hyper_analysis("hyper_analysis1", (n // 4, n // 2, n // 4))
    self.hyper_synthesis1 = _hyper_synthesis("hyper_synthesis1", n // 2, n // 2)
    self.prediction2 = _prediction("prediction2", n // 2, n // 2, n // 2)
    self.hyper_synthesis2 = _hyper_synthesis("hyper_synthesis2", n, n // 2)
    self.prediction3 = _prediction("prediction3", n // 2, n, n)
    self.synthesis = sequential(
      [
        *(up("conv1", n * 5 // 8), gdn("igdn1", inverse=True)),
        *(up("conv2", n // 2), gdn("igdn2", inverse=True)),
        *(up("conv3", n // 4), gdn("igdn3", inverse=True)),
      ],
      name="synthesis",
    )
    self.side = sequential(
      [up("conv1", n // 4), up("conv2", n // 4, _leaky), up("conv3", n // 8, _leaky)],
      name="side",
    )
    narrow = n * 3 // 16
    self.output_layers = sequential(
      [
        conv("conv1", narrow, 3, 1, _leaky),
        conv("conv2", narrow, 3, 1, _leaky),
        conv("conv3", 2 * narrow, 3, 1, _leaky),
        up("conv4", n * 3 // 32),
        conv("conv5", max(n // 16, _COLOURS), 3, 1, _leaky),
        conv("conv6", _COLOURS, 1, 1),
      ],
      name="output",
    )
    self.prior = FactorizedPrior(name="prior")
    self.helping = [_conv("helping2", n // 2, 3), _conv("helping3", n, 3)]

  def build(self, input_shape: Any = None) -> None:
    del input_shape
    n = self.channels
    for stack, channels in (
      (self.analysis, _COLOURS),
      (self.hyper_analysis2, n),
      (self.hyper_analysis1, n // 2),
      (self.hyper_synthesis1, n // 4),
      (self.prediction2, n // 2),
      (self.hyper_synthesis2, n // 2),
      (self.prediction3, n // 2),
      (self.synthesis, n),
      (self.side, n // 2 + n // 8),
      (self.prior, n // 4),
      *((layer, n // 2) for layer in self.helping),
    ):
      stack.build([None, None, None, channels])
    wide = n // 4 + n // 8
    for layer in self.output_layers.layers:
      layer.build([None, None, None, wide])
      wide = layer.filters
    self.output_layers.built = True
    self.built = True

  def call(self, inputs: tf.Tensor, noise: tf.Tensor) -> Coded:
    return self._coded(inputs, noise)

  def rounded(self, x: tf.Tensor) -> Coded:
    """As `call`, but rounded: z1 to whole numbers, while files round around the prior's medians."""
    return self._coded(x, None)

  def noise_shape(self, shape: tf.Tensor) -> list[tf.Tensor | int]:
    """The shape of the noise for images [n, H, W, 3] of a shape."""
    return [shape[0], shape[1] // DOWN, shape[2] // DOWN, 2 * self.channels]

  def g_a(self, x: tf.Tensor) -> tf.Tensor:
    """float32 [n, H, W, 3] in 0..1 -> y, float32 [n, H/16, W/16, N]."""
    return tf.cast(self.analysis(x), tf.float32) * GAIN

  def hyper_analyses(self, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """y -> z2 and z1, each of half as many rows and columns, rounded up."""
    z2 = self.hyper_analysis2(even(y / GAIN))
    return z2, self.hyper_analysis1(even(z2))

  def g_s(self, y_hat: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
    """y^, float32 [n, h, w, N], and both h, of as many places -> x^, float32 [n, 16 h, 16 w, 3]."""
    values = tf.concat([self.synthesis(y_hat / GAIN), self.side(h)], -1)
    conv1, conv2, conv3, *others = self.output_layers.layers
    values += conv3(conv2(conv1(values)))
    for layer in others:
      values = layer(values)
    return tf.cast(values, tf.float32)

  def named_variables(self) -> dict[str, tf.Variable]:
    """By their names in archives: "analysis/conv1/kernel", ..., "training/prior/matrix1", ...

    Helping layers are not in archives.
    """
    named = named_variables(self.stacks())
    for variable in self.prior.weights:
      named[f"training/prior/{own_name(variable)}"] = variable
    return named

  def to_archive(self, tiles: np.ndarray) -> dict[str, np.ndarray]:
    """What a model keeps: weights, some as integers, and the integers of the prior.

    Args:
      tiles: uint8 [n, H, W, 3].

    Raises:
      ModelError: if a weight has no integer.
    """
    arrays = {name: variable.numpy() for name, variable in self.named_variables().items()}
    chosen = {n: a for n, a in arrays.items() if n.partition("/")[0] in INTEGER}
    integers = fixed_point.to_integers(chosen, lambda name, kernel: np.ones(1))
    arrays = {**arrays, **integers, **tables.of_training(arrays)}
    latents = []
    for tile in tiles:
      y = self.g_a(tile[np.newaxis] / np.float32(_PEAK))
      latents.append(Latents(*(each[0].numpy() for each in (y, *self.hyper_analyses(y)))))
    return {**arrays, **counted(arrays, latents)}

  def from_archive(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights among what a model keeps, to go on training from."""
    arrays = {n: a for n, a in tables.without(arrays).items() if not n.startswith(RESIDUALS)}
    chosen = {n: a for n, a in arrays.items() if n.partition("/")[0] in INTEGER}
    return {**arrays, **fixed_point.to_floats(chosen)}

  def rescale(self, factor: float) -> None:
    """Makes y larger, and all that sees it the same: for steps of another size."""
    encoder, hyper, decoder, predicted = (
      stack.layers[at]
      for stack, at in (
        (self.analysis, -1),
        (self.hyper_analysis2, 0),
        (self.synthesis, 0),
        (self.prediction3, -1),
      )
    )
    for variable in encoder.weights:
      variable.assign(variable * factor)
    hyper.kernel.assign(hyper.kernel / factor)
    decoder.kernel.assign(decoder.kernel / factor)
    mus = np.repeat([factor, 1.0], self.channels).astype(np.float32)
    more = np.repeat([0.0, math.log2(factor)], self.channels)
    predicted.kernel.assign(predicted.kernel * mus)
    predicted.bias.assign(predicted.bias * mus + more)

  def stacks(self) -> list[tf.keras.Sequential]:
    """All that has names."""
    return [
      *(self.analysis, self.hyper_analysis2, self.hyper_analysis1),
      *(self.hyper_synthesis1, self.prediction2, self.hyper_synthesis2, self.prediction3),
      *(self.synthesis, self.side, self.output_layers),
    ]

  def _coded(self, x: tf.Tensor, noise: tf.Tensor | None) -> Coded:
    y = self.g_a(x)
    z2, z1 = self.hyper_analyses(y)
    z1_hat = z1 + tf.stop_gradient(tf.round(z1) - z1)
    h1 = self._hyper_synthesis(self.hyper_synthesis1, z1_hat, z2)
    coded2 = self._predicted(self.prediction2, h1, z2)
    z2_hat = coded2.rounded()
    h2 = self._hyper_synthesis(self.hyper_synthesis2, z2_hat, y)
    coded3 = self._predicted(self.prediction3, h2, y)
    y_hat = coded3.rounded()
    if noise is None:
      bits = self.prior(z1_hat) + coded2.bits(z2_hat - z2) + coded3.bits(y_hat - y)
    else:
      n = self.channels
      noise3, noise2, noise1 = (
        noise[..., :n],
        noise[:, ::2, ::2, n : n + n // 2],
        noise[:, ::4, ::4, n + n // 2 : n + n // 2 + n // 4],
      )
      bits = self.prior(z1 + noise1) + coded2.bits(noise2) + coded3.bits(noise3)
    helping = tf.add_n(
      [
        tf.reduce_mean(tf.square(layer(h) - tf.stop_gradient(z)))
        for layer, h, z in zip(self.helping, (h1, h2), (z2, y))
      ]
    )
    h1 = tf.nn.depth_to_space(h1, 2)[:, : tf.shape(h2)[1], : tf.shape(h2)[2]]
    return Coded(self.g_s(y_hat, tf.concat([h2, h1], -1)), bits, helping)

  def _hyper_synthesis(
    self, stack: tf.keras.Sequential, z_hat: tf.Tensor, like: tf.Tensor
  ) -> tf.Tensor:
    """h, of as many rows and columns as `like`."""
    h = stack(limited(z_hat / INPUT_SHARE))
    return limited(h[:, : tf.shape(like)[1], : tf.shape(like)[2]])

  def _predicted(self, stack: tf.keras.Sequential, h: tf.Tensor, values: tf.Tensor) -> Latent:
    mu, scale = tf.split(stack(h), 2, -1)
    scale = tf.minimum(lower_bound(scale, tf.constant(LOW)), HIGH)
    return Latent(values, mu * MU_GAIN, scale)

  def _conv(self, name: str, filters: int, size: int, stride: int, activation: Any = None) -> Any:
    return tf.keras.layers.Conv2D(
      *(filters, size, stride, "same"), activation=activation, name=name, dtype=self.dtype_policy
    )

  def _up(self, name: str, filters: int, activation: Any = None) -> Any:
    return tf.keras.layers.Conv2DTranspose(
      *(filters, 5, 2, "same"), activation=activation, name=name, dtype=self.dtype_policy
    )

  def _gdn(self, name: str, inverse: bool = False) -> GDN:
    return GDN(inverse, name=name, dtype=self.dtype_policy)


def limited(values: tf.Tensor) -> tf.Tensor:
  """Within +-LIMIT."""
  return tf.clip_by_value(values, -LIMIT, LIMIT)


def _relu(values: tf.Tensor) -> tf.Tensor:
  return tf.clip_by_value(values, 0.0, LIMIT)


def _leaky(values: tf.Tensor) -> tf.Tensor:
  return tf.nn.leaky_relu(values, _LEAKY)


def _conv(name: str, filters: int, size: int = 1, activation: Any = None, **kwargs: Any) -> Any:
  return tf.keras.layers.Conv2D(
    filters, size, padding="same", activation=activation, name=name, dtype="float32", **kwargs
  )


def _hyper_analysis(name: str, widths: tuple[int, int, int]) -> tf.keras.Sequential:
  first, between, last = widths
  to_depth = functools.partial(tf.nn.space_to_depth, block_size=2)
  return tf.keras.Sequential(
    [
      _conv("conv1", first, 3),
      tf.keras.layers.Lambda(to_depth, name="to_depth"),
      _conv("conv2", between, activation="relu"),
      _conv("conv3", between, activation="relu"),
      _conv("conv4", last),
    ],
    name=name,
  )


def _hyper_synthesis(name: str, between: int, last: int) -> tf.keras.Sequential:
  to_space = functools.partial(tf.nn.depth_to_space, block_size=2)
  return tf.keras.Sequential(
    [
      _conv("conv1", between, activation=limited),
      _conv("conv2", between, activation=_relu),
      _conv("conv3", between, activation=_relu),
      tf.keras.layers.Lambda(to_space, name="to_space"),
      _conv("conv4", last, 3),
    ],
    name=name,
  )


def _prediction(name: str, first: int, between: int, latent: int) -> tf.keras.Sequential:
  return tf.keras.Sequential(
    [
      _conv("conv1", first, 5, _relu),
      _conv("conv2", between, activation=_relu),
      _conv("conv3", 2 * latent, kernel_initializer="zeros"),
    ],
    name=name,
  )


def even(values: tf.Tensor) -> tf.Tensor:
  """With a last row and column again where there is an odd number of them."""
  height, width = tf.unstack(tf.shape(values)[1:3])
  return tf.pad(values, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]], "SYMMETRIC")
