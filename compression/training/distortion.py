"""How far images are from the originals, as a sum of named terms that training makes small.

    distortion = Distortion.parse("log_mse:0.75,psnr_hvs:0.25,ms_ssim:0.35")
    errors = distortion.errors(x, y)         # of each tile
    loss = distortion.combine(errors, mean)  # of a batch, by its mean

    l1        mean |x - y|                       x, y as the networks have them
    ssim_l1   mean w |x - y|                     w = (1 - SSIM) / 2 at each pixel, over its mean
    mse       mean (x - y)^2
    log_mse   10 log10 of the mean square        dB of pixels in 0..1: -PSNR
    ms_ssim   10 log10 (1 - MS-SSIM)             dB
    psnr_hvs  10 log10 of PSNR-HVS's square      dB: -PSNR-HVS

Decibels make all qualities count alike: of the mean squares of sixteen iterations the first is
most of the sum. A term is of the whole batch, as the logarithm of a mean is no mean of logarithms.
MS-SSIM and PSNR-HVS are those of `compression.metrics`, with gradients. `ssim_l1` weighs as do
Johnston et al. (CVPR 2018, arXiv:1703.10114), and w has no gradient.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from compression.metrics.ms_ssim import scale_weights
from compression.metrics.psnr_hvs import BLOCK, CONTRAST_SENSITIVITY, DCT, LUMA
from compression.training.terms import Terms

LEAST_SQUARE = 1e-9
"""What is added to mean squares of pixels in 0..1, so that what is equal has 90 dB."""

_LEAST_DISSIMILARITY = 1e-6
_LEAST_CONTRAST = 1e-4  # of a scale of MS-SSIM: below, it has no gradient, as its power has none
_C1, _C2 = 0.01**2, 0.03**2
_WINDOW, _SIGMA = 11, 1.5

L1, SSIM_L1, MSE, MS_SSIM, PSNR_HVS = "l1", "ssim_l1", "mse", "ms_ssim", "psnr_hvs"


class _Term(NamedTuple):
  """One named term.

  Attributes:
    error: the name of the error of each tile that it is made of.
    of_mean: the term out of the mean of those errors, or None for the mean itself.
  """

  error: str
  of_mean: Callable[[tf.Tensor, float], tf.Tensor] | None = None


def decibels(squares: tf.Tensor, least: float = LEAST_SQUARE) -> tf.Tensor:
  """10 log10 of values that are not negative."""
  return tf.math.log(squares + least) * (10 / math.log(10))


def _square_to_decibels(square: tf.Tensor, peak: float) -> tf.Tensor:
  return decibels(square / peak**2)


_TERMS = {
  "l1": _Term(L1),
  "ssim_l1": _Term(SSIM_L1),
  "mse": _Term(MSE),
  "log_mse": _Term(MSE, _square_to_decibels),
  "ms_ssim": _Term(MS_SSIM, lambda m, _: decibels(1 - m, _LEAST_DISSIMILARITY)),
  "psnr_hvs": _Term(PSNR_HVS, lambda square, _: decibels(square)),
}


class Distortion(NamedTuple):
  """A sum of terms, computed.

  Attributes:
    terms: with their weights.
  """

  terms: Terms

  @classmethod
  def parse(cls, text: str) -> Distortion:
    """As `Terms.parse`."""
    return cls(Terms.parse(text))

  @property
  def needs(self) -> tuple[str, ...]:
    """The errors that `errors` gives, by name, in its order; the mean square is always one."""
    return tuple(dict.fromkeys([MSE, *(_TERMS[name].error for name in self.terms.weights)]))

  def errors(self, x: tf.Tensor, y: tf.Tensor, pixel_range: float) -> tuple[tf.Tensor, ...]:
    """Measures each tile.

    Args:
      x: originals, float32 [N, H, W, 3] in -pixel_range..pixel_range; at least 11 a side for
        ms_ssim, multiples of 8 for psnr_hvs.
      y: reconstructions, float32 [N, H, W, 3].
      pixel_range: of the pixels.

    Returns: float32 [N] for each of `needs`.
    """
    residual = x - y
    pair = [(image + pixel_range) / (2 * pixel_range) for image in (x, y)]
    measured = []
    for name in self.needs:
      if name == L1:
        measured.append(tf.reduce_mean(tf.abs(residual), [1, 2, 3]))
      elif name == SSIM_L1:
        measured.append(tf.reduce_mean(dissimilarity(*pair) * tf.abs(residual), [1, 2, 3]))
      elif name == MSE:
        measured.append(tf.reduce_mean(tf.square(residual), [1, 2, 3]))
      else:
        of = ms_ssim if name == MS_SSIM else hvs_square
        measured.append(of(*pair))
    return tuple(measured)

  def combine(
    self, errors: Sequence[tf.Tensor], mean: Callable[[tf.Tensor], tf.Tensor], pixel_range: float
  ) -> tf.Tensor:
    """The distortion of a batch.

    Args:
      errors: what `errors` gave, or several of it: float32 [..., N] each.
      mean: of those over the tiles of the batch, on all devices: [..., N] to [...].
      pixel_range: of the pixels.

    Returns: float32 [...].
    """
    means = {name: mean(values) for name, values in zip(self.needs, errors)}
    total = 0.0
    for name, weight in self.terms.weights.items():
      error, of_mean = _TERMS[name]
      value = means[error]
      total += weight * (value if of_mean is None else of_mean(value, 2 * pixel_range))
    return total


def ms_ssim(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
  """MS-SSIM as `compression.metrics.ms_ssim`, with a gradient: the mean of the colours'.

  Args:
    a, b: float32 [N, H, W, 3] in 0..1; sides at least 11, and even as far as scales halve them.

  Returns: float32 [N].
  """
  weights = scale_weights(min(a.shape[1:3]))
  a, b = (_colours_first(image) for image in (a, b))
  product = 1.0
  for scale, weight in enumerate(weights):
    if scale:
      a, b = (_halved(image) for image in (a, b))
    last = scale == len(weights) - 1
    similarity = tf.reduce_mean(_similarity(a, b, luminance=last), [2, 3])
    product *= tf.maximum(similarity, _LEAST_CONTRAST) ** weight
  return tf.reduce_mean(product, -1)


def dissimilarity(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
  """(1 - SSIM) / 2 at each pixel, over its mean in the image; without a gradient.

  Args:
    a, b: float32 [N, H, W, 3] in 0..1.

  Returns: float32 [N, H, W, 1]; 1 everywhere where images are equal.
  """
  a, b = (_colours_first(image) for image in (a, b))
  similarity = _similarity(a, b, luminance=True, border=True)
  weights = (1 - tf.reduce_mean(similarity, 1)) / 2 + _LEAST_DISSIMILARITY
  weights /= tf.reduce_mean(weights, [1, 2], keepdims=True)
  return tf.stop_gradient(weights[..., tf.newaxis])


def _colours_first(images: tf.Tensor) -> tf.Tensor:
  """[N, H, W, 3] to [N, 3, H, W]."""
  return tf.transpose(images, [0, 3, 1, 2])


def _similarity(a: tf.Tensor, b: tf.Tensor, luminance: bool, border: bool = False) -> tf.Tensor:
  """SSIM of a scale, or only its contrast and structure.

  Args:
    a, b: [N, 3, H, W].
    luminance: whether that is a factor, too.
    border: whether also where the window lies outside in part.

  Returns: [N, 3, H - 10, W - 10], or [N, 3, H, W] with the border.
  """
  down, right = (_gaussian(side, border) for side in a.shape[2:])

  def blur(image: tf.Tensor) -> tf.Tensor:
    # Dense matrices: a few times the operations of convolutions, which processors do far slower.
    return tf.matmul(tf.matmul(down, image), right, transpose_b=True)

  # Of differences to a common mean, whose squares lose fewer digits when they are subtracted.
  centre = tf.stop_gradient(tf.reduce_mean(b, [2, 3], keepdims=True))
  a, b = a - centre, b - centre
  mean_a, mean_b = blur(a), blur(b)
  # The window is normalized, as that of TensorFlow: no factor for an unbiased variance.
  variances = blur(tf.square(a) + tf.square(b)) - tf.square(mean_a) - tf.square(mean_b)
  covariance = blur(a * b) - mean_a * mean_b
  similarity = (2 * covariance + _C2) / (variances + _C2)
  if luminance:
    mean_a, mean_b = mean_a + centre, mean_b + centre
    similarity *= (2 * mean_a * mean_b + _C1) / (tf.square(mean_a) + tf.square(mean_b) + _C1)
  return similarity


def _halved(image: tf.Tensor) -> tf.Tensor:
  """The means of 2x2 pixels: [N, 3, H, W] to [N, 3, H / 2, W / 2]."""
  _, depth, height, width = image.shape
  cells = tf.reshape(image, [-1, depth, height // 2, 2, width // 2, 2])
  return tf.reduce_mean(cells, [3, 5])


@functools.lru_cache(maxsize=16)
def _gaussian(side: int, border: bool) -> np.ndarray:
  """Rows that give the mean under the window at each position: float32 [side - 10, side].

  With the border there are `side` positions, and what lies outside has no weight.
  """
  reach = _WINDOW // 2
  distance = np.subtract.outer(np.arange(side), np.arange(side))
  rows = np.exp(-(distance**2) / (2 * _SIGMA**2)) * (abs(distance) <= reach)
  if not border:
    rows = rows[reach : side - reach]
  return (rows / rows.sum(1, keepdims=True)).astype(np.float32)


def hvs_square(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
  """PSNR-HVS's weighed square of the error of luma, which is not rounded here.

  Args:
    a, b: float32 [N, H, W, 3] in 0..1; sides multiples of 8.

  Returns: float32 [N]; -10 log10 of it is the PSNR-HVS.
  """
  _, height, width, _ = a.shape
  luma = tf.tensordot(a - b, tf.constant(LUMA / 255, tf.float32), 1)
  rows = [-1, height // BLOCK, BLOCK, width // BLOCK, BLOCK]
  blocks = tf.transpose(tf.reshape(luma, rows), [0, 1, 3, 2, 4])
  blocks = tf.reshape(blocks, [-1, height * width // BLOCK**2, BLOCK**2])
  return tf.reduce_mean(tf.square(tf.matmul(blocks, _weighed_dct())), [1, 2])


@functools.cache
def _weighed_dct() -> np.ndarray:
  """Pixels of a block to its weighed coefficients: float32 [64, 64]."""
  pixels = np.eye(BLOCK**2).reshape(-1, BLOCK, BLOCK)
  weighed = CONTRAST_SENSITIVITY * (DCT @ pixels @ DCT.T)
  return weighed.reshape(BLOCK**2, -1).astype(np.float32)
