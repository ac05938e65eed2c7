"""First weights of `balle2017`: principal components of the photos, layer after layer.

Random weights take tens of thousands of steps to find what is known of images: that neighbours are
alike. So each convolution begins as the principal components of what it sees, of blocks that do not
overlap, 4x4 pixels, then 2x2 places, then 2x2, and each transposed one as their inverse:

    9x9, every 4th    . . x x x x . . .        5x5, every 2nd    . x x . .

with the rest of each kernel a tenth of what it would be else. That is about what JPEG does, without
its prediction of DC. Latents begin in units of the step that is the best one for the lambda with an
orthonormal transform and small steps: of 255 * 3 values in a block of 256 pixels one bit more of a
coefficient gains 2 ln 2 step^2 / 12, so

    lambda * 2 ln(2) step^2 / 12 / (3 * 256) = 1 / 256     step = sqrt(18 / (ln(2) lambda))

and the prior of each channel as wide as what training tiles have there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from compression.codecs.balle2017.network import Balle2017Network

_PEAK = 255.0
_FIRST_GAIN = 0.5
"""Of the first components: GDN, which starts from x / sqrt(1 + 0.1 x^2), then changes little."""

_RANDOM = 0.1
_LEAST_SPREAD = 0.3
"""Of a latent, in steps, that a prior begins with."""

_OF_LOGISTIC = math.pi / math.sqrt(3)
"""The standard deviation of a logistic distribution of scale 1."""


def start(network: Balle2017Network, tiles: np.ndarray, lmbda: float) -> None:
  """Sets the first weights.

  Args:
    network: built, with random weights.
    tiles: uint8 [N, H, W, 3], some hundred thousand pixels.
    lmbda: of the training.
  """
  analysis = {layer.name: layer for layer in network.analysis.layers}
  synthesis = {layer.name: layer for layer in network.synthesis.layers}
  step = math.sqrt(18 / (math.log(2) * lmbda)) / _PEAK
  values = tf.constant(tiles, tf.float32) / _PEAK
  mean = tf.reduce_mean(values, [0, 1, 2])
  synthesis["conv3"].bias.assign(mean)
  stages: Sequence[tuple[str, str, int, float]] = (
    ("conv1", "conv3", 4, _FIRST_GAIN),
    ("conv2", "conv2", 2, 1.0),
    ("conv3", "conv1", 2, 1 / (step * _FIRST_GAIN)),
  )
  for number, (name, inverse, stride, gain) in enumerate(stages, 1):
    components, middle = _components(values.numpy(), stride)
    components = components[: network.channels]
    _set(analysis[name].kernel, components, stride, gain)
    _set(synthesis[inverse].kernel, components, stride, 1 / gain)
    if analysis[name].use_bias:
      bias = np.zeros(network.channels)
      bias[: len(components)] = -gain * components @ middle
      analysis[name].bias.assign(bias)
    values = analysis[name](values)
    if f"gdn{number}" in analysis:
      values = analysis[f"gdn{number}"](values)
  spread = np.maximum(values.numpy().std((0, 1, 2)), _LEAST_SPREAD)
  network.prior.set_scales(spread / _OF_LOGISTIC)


def _components(values: np.ndarray, stride: int) -> tuple[np.ndarray, np.ndarray]:
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


def _set(kernel: Any, components: np.ndarray, stride: int, gain: float) -> None:
  """Puts components into the taps of the block that an output stands for.

  Args:
    kernel: [k, k, from, to] of a convolution, or [k, k, to, from] of a transposed one: either way
      the last but one axis is that of the larger picture.
    components: of `_components`.
    stride: of the convolution, with "same" padding: the taps before the block are half of what the
      kernel has beyond it, rounded down.
    gain: what they are multiplied by.
  """
  size, _, channels, _ = kernel.shape
  before = (size - stride) // 2
  chosen = components.reshape(-1, stride, stride, channels)
  first = _RANDOM * gain * kernel.numpy()
  block = slice(before, before + stride)
  first[block, block, :, : len(chosen)] += gain * chosen.transpose(1, 2, 3, 0)
  kernel.assign(first)
