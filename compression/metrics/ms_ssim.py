"""Multi-scale structural similarity of RGB images, as `tf.image.ssim_multiscale` computes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from compression.metrics.pairs import check_uint8_pair

# Z. Wang, E. P. Simoncelli and A. C. Bovik, "Multi-scale structural similarity for image quality
# assessment", Asilomar 2003, section 3.2: the exponents of the scales, full size first.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MIN_SIDE = 11  # of SSIM's Gaussian window


def ms_ssim(original: Any, compared: Any) -> float | np.ndarray:
  """MS-SSIM of Wang, Simoncelli and Bovik (Asilomar 2003): the mean of the colour channels'.

  With l_5 the luminance term of the smallest scale and cs_j the contrast and structure term of the
  scale j, means over all positions of an 11 x 11 Gaussian window of standard deviation 1.5:

    MS-SSIM = l_5^w_5 * prod_{j=1..5} cs_j^w_j

  Each scale halves the sides, rounded up, and all have to hold the window: five scales take sides
  of 161 pixels. Smaller images get as many as fit, with the first weights divided by their sum, so
  that the exponents still add up to 1:

    shorter side   161 and more   81..160   41..80   21..40   11..20
    scales                    5         4        3        2        1

  Fewer scales give different numbers: compare images of similar size only.

  Args:
    original, compared: uint8 [H, W, 3] or [N, H, W, 3], 0..255; arrays or tensors.

  Returns:
    For [H, W, 3] a float in 0..1; for [N, H, W, 3] float64 [N], one for each image. 1 for equal
    images. Computed in float32.

  Raises:
    ImageError: if the arrays are no uint8 images, their shapes differ, or a side is under MIN_SIDE.
  """
  import tensorflow as tf  # here, so that PSNR and the tools that need no networks start at once

  original, compared = check_uint8_pair("MS-SSIM", MIN_SIDE, original, compared)
  weights = scale_weights(min(original.shape[-3:-1]))

  def of_one(a: np.ndarray, b: np.ndarray) -> float:
    # One image at a time: TensorFlow keeps a dozen float32 copies of what it is given.
    return float(tf.image.ssim_multiscale(a, b, max_val=255, power_factors=weights))

  if original.ndim == 4:
    return np.array([of_one(a, b) for a, b in zip(original, compared)], np.float64)
  return of_one(original, compared)


def decibels(similarity: Any) -> Any:
  """-10 log10(1 - MS-SSIM), in which differences near 1 show; infinity for 1.

  Args:
    similarity: a float or an array, at most 1.

  Returns: a float or an array of that shape.
  """
  with np.errstate(divide="ignore"):
    result = -10 * np.log10(np.maximum(1 - np.asarray(similarity), 0))
  return result if result.ndim else float(result)


def scale_weights(side: int) -> tuple[float, ...]:
  """The exponents for an image whose shorter side is `side` >= MIN_SIDE, one for each scale."""
  scales = 1
  while scales < len(WEIGHTS) and -(-side // 2**scales) >= MIN_SIDE:
    scales += 1
  if scales == len(WEIGHTS):
    return WEIGHTS  # as published, although they add up to 1.0001
  return tuple(weight / sum(WEIGHTS[:scales]) for weight in WEIGHTS[:scales])
