"""First weights of transforms: principal components of the photos, layer after layer.

Random weights take tens of thousands of steps to find what is known of images: that neighbours are
alike. So each convolution begins as the principal components of what it sees, of blocks that do not
overlap, 4x4 pixels, then 2x2 places, then 2x2, and each transposed one as their inverse:

    9x9, every 4th    . . x x x x . . .        5x5, every 2nd    . x x . .

as `balle2017` has them, with the rest of each kernel a tenth of what it would be else. That is
about what JPEG does, without its prediction of DC. Latents begin in units of the step that is the
best one for the lambda with an orthonormal transform and small steps: of 255 * 3 values in a block
of 256 pixels one bit more of a coefficient gains 2 ln 2 step^2 / 12, so

    lambda * 2 ln(2) step^2 / 12 / (3 * 256) = 1 / 256     step = sqrt(18 / (ln(2) lambda))

and the prior of each channel as wide as what training tiles have there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from compression.codecs.balle2017.network import Balle2017Network

PEAK = 255.0

LEAST_SPREAD = 0.3
"""The spread of a latent, in steps, that a prior begins with at least."""

OF_LOGISTIC = math.pi / math.sqrt(3)
"""The standard deviation of a logistic distribution of scale 1."""

_FIRST_GAIN = 0.5
"""The gain of first components: GDN, which starts as x / sqrt(1 + 0.1 x^2), changes little then."""

_RANDOM = 0.1


class Stage(NamedTuple):
  """A convolution of an analysis and its inverse.

  Attributes:
    conv: with `kernel`, `bias` or none, and `strides`.
    inverse: the transposed one that takes its output back.
    gain: what the components are multiplied by, and divided by in the inverse.
    gdn: what follows the convolution, or None.
  """

  conv: Any
  inverse: Any
  gain: float
  gdn: Any = None


def start(network: Balle2017Network, tiles: np.ndarray, lmbda: float) -> None:
  """Sets the first weights.

  Args:
    network: built, with random weights.
    tiles: uint8 [N, H, W, 3], some hundred thousand pixels.
    lmbda: of the training.
  """
  analysis = {layer.name: layer for layer in network.analysis.layers}
  synthesis = {layer.name: layer for layer in network.synthesis.layers}
  step = first_step(lmbda)
  values = tf.constant(tiles, tf.float32) / PEAK
  synthesis["conv3"].bias.assign(tf.reduce_mean(values, [0, 1, 2]))
  stages = (
    Stage(analysis["conv1"], synthesis["conv3"], _FIRST_GAIN, analysis["gdn1"]),
    Stage(analysis["conv2"], synthesis["conv2"], 1.0, analysis["gdn2"]),
    Stage(analysis["conv3"], synthesis["conv1"], 1 / (step * _FIRST_GAIN)),
  )
  values = set_stages(stages, values)
  spread = np.maximum(values.numpy().std((0, 1, 2)), LEAST_SPREAD)
  network.prior.set_scales(spread / OF_LOGISTIC)


def first_step(lmbda: float) -> float:
  """That of latents, of pixels in 0..1."""
  return math.sqrt(18 / (math.log(2) * lmbda)) / PEAK


def set_stages(stages: Sequence[Stage], values: tf.Tensor) -> tf.Tensor:
  """Sets the kernels of all, one after the other, and biases so that outputs have the mean 0.

  Args:
    stages: from the first convolution on.
    values: what that one sees, float32 [N, H, W, C].

  Returns: what the last one gives.
  """
  for stage in stages:
    stride = stage.conv.strides[0]
    found, middle = components(values.numpy(), stride)
    chosen = found[: stage.conv.filters]
    _set(stage.conv.kernel, chosen, stride, stage.gain)
    _set(stage.inverse.kernel, chosen, stride, 1 / stage.gain)
    if stage.conv.use_bias:
      bias = np.zeros(stage.conv.filters)
      bias[: len(chosen)] = -stage.gain * chosen @ middle
      stage.conv.bias.assign(bias)
    values = stage.conv(values)
    if stage.gdn is not None:
      values = stage.gdn(values)
  return values


def components(values: np.ndarray, stride: int) -> tuple[np.ndarray, np.ndarray]:
  """Principal components of blocks, the largest first, orthonormal: [n, stride * stride * C].

  Args:
    values: [N, h, w, C].
    stride: the side of a block.

  Returns: them, and the mean of the blocks.
  """
  count, height, width, channels = values.shape
  high, wide = height // stride, width // stride
  values = values[:, : high * stride, : wide * stride]
  blocks = values.reshape(count, high, stride, wide, stride, channels).transpose(0, 1, 3, 2, 4, 5)
  blocks = blocks.reshape(-1, stride * stride * channels).astype(np.float64)
  middle = blocks.mean(0)
  _, vectors = np.linalg.eigh(np.cov(blocks - middle, rowvar=False))
  return vectors[:, ::-1].T, middle


def _set(kernel: Any, found: np.ndarray, stride: int, gain: float) -> None:
  """Puts components into the taps of the block that an output stands for.

  Args:
    kernel: [k, k, from, to] of a convolution, or [k, k, to, from] of a transposed one: either way
      the last but one axis is that of the larger picture, the first channels of which are meant.
    components: of `_components`.
    stride: of the convolution, with "same" padding: the taps before the block are half of what the
      kernel has beyond it, rounded down.
    gain: what they are multiplied by.
  """
  size = kernel.shape[0]
  before = (size - stride) // 2
  channels = found.shape[1] // stride**2
  chosen = found.reshape(-1, stride, stride, channels)
  first = _RANDOM * gain * kernel.numpy()
  block = slice(before, before + stride)
  first[block, block, :channels, : len(chosen)] += gain * chosen.transpose(1, 2, 3, 0)
  kernel.assign(first)
