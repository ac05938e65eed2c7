"""Peak signal-to-noise ratio of RGB images."""

from __future__ import annotations

from typing import Any

import numpy as np

from compression.metrics.pairs import check_pair

_ROWS = 256  # handled at a time, so that a large photo needs no second copy of itself in float64


def psnr(original: Any, compared: Any, max_value: float = 255.0) -> float | np.ndarray:
  """10 log10(max_value^2 / MSE) in decibels, the MSE over all pixels and channels of an image.

  Args:
    original, compared: [H, W, 3] or [N, H, W, 3], integers or floats in 0..max_value.
    max_value: the largest value that a pixel can have: 255 for uint8.

  Returns:
    For [H, W, 3] a float; for [N, H, W, 3] float64 [N], one for each image. Infinity where the
    images are equal. The mean PSNR of a data set is the mean of these, not the PSNR of a mean MSE.

  Raises:
    ImageError: if the arrays are no images or their shapes differ.
    ValueError: if `max_value` is not above 0.
  """
  if not max_value > 0:
    raise ValueError(f"max_value must be above 0. Received: {max_value}")
  original, compared = check_pair(original, compared)
  if original.ndim == 4:
    return np.array([_psnr(a, b, max_value) for a, b in zip(original, compared)], np.float64)
  return _psnr(original, compared, max_value)


def _psnr(original: np.ndarray, compared: np.ndarray, max_value: float) -> float:
  total = 0.0
  for row in range(0, original.shape[0], _ROWS):
    a, b = (image[row : row + _ROWS].astype(np.float64) for image in (original, compared))
    total += float(np.sum(np.square(a - b)))
  if total == 0:
    return float("inf")
  return float(10 * np.log10(max_value**2 * original.size / total))
