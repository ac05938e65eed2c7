"""Peak signal-to-noise ratios that weigh errors by how well people see them.

    8 x 8 blocks of luma          weights of the            squared errors
    x, y ------------------> DCT ---------------> masking ----------------> PSNR in dB
                                  frequencies     (only in PSNR-HVS-M)

Their author's program, `psnrhvsm.m` of https://ponomarenko.info/psnrhvsm.htm, is what the details
below follow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compression.metrics.pairs import check_uint8_pair

BLOCK = 8  # pixels; the side of JPEG's blocks, too
MIN_SIDE = BLOCK

_ROWS = 32 * BLOCK  # handled at a time, so that a large photo needs no copies of itself in float64

# ITU-T T.81 (JPEG), annex K.1: how coarsely the luma of each frequency may be quantized.
_JPEG_LUMA = np.array(
  [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
  ],
  np.float64,
)
# The program's tables CSFCof and MaskCof, which it has with six decimals. They are made of JPEG's:
# the scale gives the first a mean square of 1, so that PSNR-HVS of white noise in luma is its PSNR;
# the second is (10 / table)^2, which the paper of 2007 says.
CONTRAST_SENSITIVITY = np.round(25.73509 / _JPEG_LUMA, 6)
MASKING = np.round((10 / _JPEG_LUMA) ** 2, 6)
_MASK_NORM = 16  # the normalizing factor of Ponomarenko et al. 2007

# ITU-R BT.601, 8 bits: Y' in 16..235 of R'G'B' in 0..255, as MATLAB's rgb2ycbcr.
LUMA = np.array([65.481, 128.553, 24.966])
_BLACK = 16
_PEAK = 255  # not 219: the program's, whatever the range of its input

# DCT-II with orthonormal rows: X = D x D^T.
DCT = np.sqrt(2 / BLOCK) * np.cos(
  np.pi * np.outer(np.arange(BLOCK), 2 * np.arange(BLOCK) + 1) / (2 * BLOCK)
)
DCT[0] /= np.sqrt(2)


def psnr_hvs(original: Any, compared: Any) -> float | np.ndarray:
  """PSNR-HVS of Egiazarian et al. (VPQM 2006): the error weighed by frequency.

  The paper is "New full-reference quality metrics based on HVS". With X and Y the orthonormal DCTs
  of the 8 x 8 blocks of both images' luma, and c the contrast sensitivities of their frequencies:

    PSNR-HVS = 10 log10(255^2 / mean over blocks and frequencies of (c_uv (X_uv - Y_uv))^2)

  Luma is that of BT.601 with 8 bits, integers in 16..235, as published figures for colour images
  have it: those of TID2013, and those of the package psnr-hvsm. Chroma does not count. Where a side
  is no multiple of 8, the last rows or columns, fewer than 8, do not count, as in the program of
  the authors; the package refuses such images.

  Args:
    original, compared: uint8 [H, W, 3] or [N, H, W, 3], 0..255; arrays or tensors.

  Returns:
    For [H, W, 3] a float in dB; for [N, H, W, 3] float64 [N], one for each image. Above -7: black
    against white has -2.8. Infinity where luma is equal (the authors' program says 100000, the
    package 100).

  Raises:
    ImageError: if the arrays are no uint8 images, their shapes differ, or a side is under MIN_SIDE.
  """
  return _of_images("PSNR-HVS", original, compared, masked=False)


def psnr_hvs_m(original: Any, compared: Any) -> float | np.ndarray:
  """PSNR-HVS-M of Ponomarenko et al. (VPQM 2007): without the errors that contents hide.

  The paper is "On between-coefficient contrast masking of DCT basis functions". With m the table
  MASKING, V(.) the unbiased variance of pixels times their number, and x_1..x_4 the quarters of the
  block x of luma:

    E(x)   = sqrt(sum over uv != 00 of m_uv X_uv^2 * sum_k V(x_k) / V(x) / 16) / 8
    t_uv   = max(E(x), E(y)) / m_uv, but t_00 = 0
    PSNR-HVS-M = 10 log10(255^2 / mean of (c_uv max(|X_uv - Y_uv| - t_uv, 0))^2)

  The ratio of variances is near 1 in an even texture and near 0 at an edge, which hides little.
  It is never lower than PSNR-HVS. Luma, sides that are no multiple of 8: as for `psnr_hvs`.

  Args:
    original, compared: uint8 [H, W, 3] or [N, H, W, 3], 0..255; arrays or tensors.

  Returns:
    As `psnr_hvs`. Infinity where no error is visible, which says that images look equal, not that
    they are.

  Raises:
    ImageError: if the arrays are no uint8 images, their shapes differ, or a side is under MIN_SIDE.
  """
  return _of_images("PSNR-HVS-M", original, compared, masked=True)


def luma(image: np.ndarray) -> np.ndarray:
  """BT.601 luma with 8 bits: uint8 [..., 3] to whole numbers in 16..235, float64 [...]."""
  r, g, b = np.moveaxis(image, -1, 0).astype(np.float64)
  # In this order, so that what lies half-way between two values is rounded as in psnr-hvsm.
  red, green, blue = LUMA
  return np.round(_BLACK + red * r / 255 + green * g / 255 + blue * b / 255)


def _of_images(measure: str, original: Any, compared: Any, masked: bool) -> float | np.ndarray:
  original, compared = check_uint8_pair(measure, MIN_SIDE, original, compared)
  if original.ndim == 4:
    return np.array([_of_one(a, b, masked) for a, b in zip(original, compared)], np.float64)
  return _of_one(original, compared, masked)


def _of_one(original: np.ndarray, compared: np.ndarray, masked: bool) -> float:
  height, width = (side // BLOCK * BLOCK for side in original.shape[:2])
  total = 0.0
  for row in range(0, height, _ROWS):
    rows = slice(row, min(row + _ROWS, height))
    x, y = (_blocks(luma(image[rows, :width])) for image in (original, compared))
    X, Y = (DCT @ blocks @ DCT.T for blocks in (x, y))
    # Equal luma gives equal coefficients, to the bit: its error is 0, and the result infinity.
    error = np.abs(X - Y)
    if masked:
      threshold = np.maximum(_masking(x, X), _masking(y, Y))[:, None, None] / MASKING
      threshold[:, 0, 0] = 0
      error = np.maximum(error - threshold, 0)
    total += float(np.sum(np.square(CONTRAST_SENSITIVITY * error)))
  if total == 0:
    return float("inf")
  return float(10 * np.log10(_PEAK**2 * height * width / total))


def _blocks(plane: np.ndarray) -> np.ndarray:
  """[H, W] with sides that are multiples of 8 to [H / 8 * W / 8, 8, 8]."""
  height, width = plane.shape
  blocks = plane.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
  return blocks.swapaxes(1, 2).reshape(-1, BLOCK, BLOCK)


def _masking(x: np.ndarray, X: np.ndarray) -> np.ndarray:
  """E(x) of `psnr_hvs_m` for blocks [N, 8, 8] and their DCTs: [N]. Flat blocks hide nothing."""
  energy = np.sum((MASKING * np.square(X)).reshape(-1, BLOCK * BLOCK)[:, 1:], 1)
  half = BLOCK // 2
  quarters = x.reshape(-1, 2, half, 2, half).swapaxes(2, 3).reshape(-1, 4, half * half)
  # Luma is whole numbers, so that the variance of a flat block is exactly 0.
  whole = _variance(x.reshape(-1, BLOCK * BLOCK))
  parts = np.sum(_variance(quarters), 1)
  ratio = np.divide(parts, whole, out=np.zeros_like(whole), where=whole > 0)
  return np.sqrt(energy * ratio / _MASK_NORM) / BLOCK


def _variance(values: np.ndarray) -> np.ndarray:
  """V of `psnr_hvs_m` along the last axis."""
  count = values.shape[-1]
  return np.var(values, axis=-1, ddof=1) * count
