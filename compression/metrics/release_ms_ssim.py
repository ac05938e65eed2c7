"""MS-SSIM as the 2017 release's `msssim.py` computed it, for numbers comparable with its users'.

`compression.metrics.ms_ssim` is the one to use for anything else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compression.common.errors import ImageError
from compression.metrics.pairs import check_pair

_WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])  # Wang et al., Asilomar 2003
_WINDOW_SIZE = 11
_WINDOW_SIGMA = 1.5
_C1 = (0.01 * 255) ** 2  # (k1 * max_val)^2, Wang et al., IEEE TIP 2004
_C2 = (0.03 * 255) ** 2
_ROWS = 128  # of the result at a time: small enough for the cache, and for any photo


def release_ms_ssim(original: Any, compared: Any) -> float:
  """The release's MultiScaleSSIM(original, compared, max_val=255) on a batch of one.

  It differs from `tf.image.ssim_multiscale` in this:
    - the terms of a scale are averaged over positions and channels together, and their product is
      taken once, while TensorFlow takes the product for each channel and averages the results;
    - a scale smaller than the window gets a smaller window, of the standard deviation
      size * 1.5 / 11, so that five scales are used at any size;
    - a negative mean of the contrast terms, as of an image and its negative, gives NaN, where
      TensorFlow takes 0.
  The release's FFT convolution is a direct one here: equal to about 1e-14.

  Args:
    original, compared: uint8 [H, W, 3], 0..255, sides of at least 1.

  Returns:
    At most 1, which is for equal images; or NaN.

  Raises:
    ImageError: if the arrays are no uint8 images or their shapes differ.
  """
  original, compared = check_pair(original, compared)
  for image in (original, compared):
    if image.dtype != np.uint8 or image.ndim != 3:
      raise ImageError(
        "the release's MS-SSIM takes uint8 images [height, width, 3]. "
        f"Received: shape {image.shape}, dtype {image.dtype}"
      )
  a, b = original.astype(np.float64), compared.astype(np.float64)
  terms = np.empty(len(_WEIGHTS))
  for scale in range(len(_WEIGHTS)):
    ssim, terms[scale] = _mean_ssim_and_contrast(a, b)
    a, b = _halve(a), _halve(b)
  terms[-1] = ssim  # only the last scale has the luminance term
  with np.errstate(invalid="ignore"):
    return float(np.prod(terms[:-1] ** _WEIGHTS[:-1]) * terms[-1] ** _WEIGHTS[-1])


def _mean_ssim_and_contrast(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
  """Means of SSIM and of its contrast-structure part over positions and channels, a scale each."""
  size = min(_WINDOW_SIZE, *a.shape[:2])
  offsets = np.arange(size) - (size - 1) / 2
  window = np.exp(-(offsets**2) / (2 * (size * _WINDOW_SIGMA / _WINDOW_SIZE) ** 2))
  window /= window.sum()  # the release's 2-D window is the outer product of this with itself
  height, width, depth = a.shape[0] - size + 1, a.shape[1] - size + 1, a.shape[2]
  ssim_sum = contrast_sum = 0.0
  for row in range(0, height, _ROWS):
    rows = slice(row, min(row + _ROWS, height) + size - 1)
    x, y = a[rows], b[rows]
    mean_x, mean_y = _blur(x, window), _blur(y, window)
    # Variances and covariance as differences of moments, as the release has them.
    xx = _blur(x * x, window) - mean_x * mean_x
    yy = _blur(y * y, window) - mean_y * mean_y
    xy = _blur(x * y, window) - mean_x * mean_y
    contrast = (2 * xy + _C2) / (xx + yy + _C2)
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x * mean_x + mean_y * mean_y + _C1)
    contrast_sum += float(np.sum(contrast))
    ssim_sum += float(np.sum(luminance * contrast))
  count = height * width * depth
  return ssim_sum / count, contrast_sum / count


def _blur(image: np.ndarray, window: np.ndarray) -> np.ndarray:
  """Convolves [H, W, C] with a symmetric window [S] both ways, only where the window fits."""
  height, width = (side - len(window) + 1 for side in image.shape[:2])
  image = sum(weight * image[i : i + height] for i, weight in enumerate(window))
  return sum(weight * image[:, i : i + width] for i, weight in enumerate(window))


def _halve(image: np.ndarray) -> np.ndarray:
  """Means of 2 x 2 blocks of [H, W, C]; where a side is odd, the last row or column counts twice.

  The release convolves with 2 x 2 ones by `scipy.ndimage.convolve(..., mode="reflect")` and takes
  every second pixel. SciPy's convolution flips the kernel and its origin, so that the window at i
  covers i and i + 1, and "reflect" repeats the edge pixel: this, without SciPy.
  """
  height, width = image.shape[:2]
  image = np.pad(image, [(0, height % 2), (0, width % 2), (0, 0)], mode="edge")
  return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4
