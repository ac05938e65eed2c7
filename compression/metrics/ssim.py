"""Structural similarity of RGB images, as `tf.image.ssim` computes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from compression.metrics.pairs import check_uint8_pair

MIN_SIDE = 11  # of the Gaussian window: Wang et al., IEEE TIP 2004, section III.B


def ssim(original: Any, compared: Any) -> float | np.ndarray:
  """SSIM of Wang, Bovik, Sheikh and Simoncelli (IEEE TIP 2004): the mean of the colour channels'.

  With means mu, variances sigma^2 and the covariance sigma_xy of a channel under an 11 x 11
  Gaussian window of standard deviation 1.5, C_1 = (0.01 * 255)^2 and C_2 = (0.03 * 255)^2 (their
  equation 13):

             (2 mu_x mu_y + C_1) (2 sigma_xy + C_2)
    SSIM = ------------------------------------------------
           (mu_x^2 + mu_y^2 + C_1) (sigma_x^2 + sigma_y^2 + C_2)

  averaged over all positions at which the window fits into the image.

  The window does not grow with the image, so that the number depends on the resolution: compare
  images of similar size only.

  Args:
    original, compared: uint8 [H, W, 3] or [N, H, W, 3], 0..255; arrays or tensors.

  Returns:
    For [H, W, 3] a float in -1..1; for [N, H, W, 3] float64 [N], one for each image. 1 for equal
    images, below 0 where structure is inverted. Computed in float32: within about 2e-5 of the
    exact number.

  Raises:
    ImageError: if the arrays are no uint8 images, their shapes differ, or a side is under MIN_SIDE.
  """
  import tensorflow as tf  # here, so that PSNR and the tools that need no networks start at once

  original, compared = check_uint8_pair("SSIM", MIN_SIDE, original, compared)

  def of_one(a: np.ndarray, b: np.ndarray) -> float:
    # One image at a time: TensorFlow keeps several float32 copies of what it is given.
    return float(tf.image.ssim(a, b, max_val=255))

  if original.ndim == 4:
    return np.array([of_one(a, b) for a, b in zip(original, compared)], np.float64)
  return of_one(original, compared)
