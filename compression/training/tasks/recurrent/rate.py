"""The cost of bits in training: the weight of the estimated rate, by iteration and over the steps.

    L = mean_t [ D_t + alpha_t s_t bpp_t ],   s_t = 6 (0.105 t bits / 32)^-0.65

bpp_t are the bits of iterations 1..t for each pixel: what a file of t iterations takes. s_t is how
many decibels a good codec gains for one more bit per pixel, at the rate where iteration t usually
ends; so a weight alpha_t of 1 asks for bits that gain what they do there. alpha_t falls along a
line from FIRST_FALLING to the last iteration.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent.config import BLOCK, MAX_ITERATIONS

FIRST_FALLING = 6
"""The iteration after which the weight begins to fall."""

_BPP_OF_ITERATION = 0.105  # with 32 bits a block, of which the coder saves a sixth
_SLOPE, _POWER = 6, -0.65  # dB for a bit per pixel at 1 bpp, and how it falls with the rate
_BEGIN = 1e-4
"""The share of the weight at the first step; not zero, as the entropy model's gradient is divided
by it."""


class RateTerm(NamedTuple):
  """The weight of the rate in the loss.

  Attributes:
    first: alpha of iterations up to FIRST_FALLING.
    last: alpha of iteration 16.
    ramp: steps over which the weight grows from nearly nothing.
  """

  first: float
  last: float
  ramp: int

  def weights(self, bits: int, iterations: int) -> np.ndarray:
    """alpha_t s_t of each iteration, dB for a bit per pixel: float32 [iterations].

    Args:
      bits: of a block and iteration.
      iterations: how many.
    """
    t = np.arange(1, iterations + 1)
    falling = np.clip((t - FIRST_FALLING) / (MAX_ITERATIONS - FIRST_FALLING), 0, 1)
    alpha = self.first + falling * (self.last - self.first)
    bpp = _BPP_OF_ITERATION * t * bits / 32
    return (alpha * _SLOPE * bpp**_POWER).astype(np.float32)

  def share(self, step: tf.Tensor) -> tf.Tensor:
    """The share of these weights at step `step`, from 0: float32 [], above 0 and at most 1."""
    grown = tf.cast(step, tf.float32) / max(self.ramp, 1)
    return tf.clip_by_value(grown if self.ramp else 1.0, _BEGIN, 1.0)


def bits_per_pixel(bits: tf.Tensor, blocks: int) -> tf.Tensor:
  """Bits of each iteration of images of so many blocks to those of files a pixel: both [T, N]."""
  return tf.cumsum(bits) / float(blocks * BLOCK**2)
