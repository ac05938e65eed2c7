"""Rate-distortion curves: what is one, and the area under it."""

from __future__ import annotations

from typing import Any

import numpy as np

from compression.common.errors import CompressionError

# The first and the last rate of the networks of Toderici et al. (CVPR 2017), in bits per pixel: 16
# iterations of 128 bits for 32 x 32 pixels each.
LOWEST_BPP = 0.125
HIGHEST_BPP = 2.0


class CurveError(CompressionError, ValueError):
  """Points are no rate-distortion curve, or two curves have no range in common."""


def area_under_curve(bpp: Any, quality: Any) -> float:
  """AUC of Toderici et al. (CVPR 2017): the area under a curve up to 2 bits per pixel.

    AUC = integral of quality over bits per pixel, from LOWEST_BPP to HIGHEST_BPP

  by the trapezoidal rule on the points. Where the points end within the limits, the quality of the
  last one is held to the limit; where they go beyond, the curve is cut off at the limit, at the
  quality that lies on the line between its neighbours. This is for every codec the same.

  The paper does not say how it treats the ends. Here are its numbers for MS-SSIM on Kodak, of eight
  networks trained on 32 x 32 images, beside those of the curves that were published later, of one
  network (tensorflow/compression, `results/image_compression/kodak`):

    from .. to 2 bpp           first point   0, as if 0 there   0, held   0.125, held   in the paper
    network, 16 points              1.8116             1.8628    1.9140        1.8116   1.795..1.810
    JPEG 4:2:0, from 0.17 bpp       1.7629             1.8233    1.8837        1.7947         1.7998

  The area begins at the first point, then, not at 0; and held at 0.125 it is the nearest for JPEG,
  which has no file so small: that is to JPEG's advantage. Numbers for different limits, or of
  different images, cannot be compared; nor can areas of `psnr_hvs` be with the paper's of PSNR-HVS,
  whose images had lower values: 52.6 for JPEG 4:2:0, which on Kodak has 68.7 in luma.

  Args:
    bpp, quality: [P] with P >= 1, in any order: bits per pixel above 0, and PSNR, MS-SSIM or any
      other measure for which more is better; of one image, or means over a set of images.

  Returns:
    The area, in the unit of `quality` times bits per pixel; at most 1.875 for MS-SSIM.

  Raises:
    CurveError: if these are no points, or all lie on one side outside the limits.
  """
  rates, values = check_curve("the curve", bpp, quality)
  if rates[0] >= HIGHEST_BPP or rates[-1] <= LOWEST_BPP:
    raise CurveError(
      f"a curve needs points in {LOWEST_BPP}..{HIGHEST_BPP} bits per pixel. "
      f"Received: {rates[0]:g}..{rates[-1]:g}"
    )
  inside = (rates > LOWEST_BPP) & (rates < HIGHEST_BPP)
  ends = np.interp([LOWEST_BPP, HIGHEST_BPP], rates, values)
  x = np.concatenate([[LOWEST_BPP], rates[inside], [HIGHEST_BPP]])
  y = np.concatenate([ends[:1], values[inside], ends[1:]])
  return float(np.sum((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2))


def check_curve(name: str, bpp: Any, quality: Any) -> tuple[np.ndarray, np.ndarray]:
  """Refuses what is no curve; returns its points in the order of their rates.

  Args:
    name: of the curve, for the messages.
    bpp, quality: [P] with P >= 1, in any order; rates above 0.

  Returns:
    Rates and qualities, float64 [P]; of equal rates, the worse quality first.

  Raises:
    CurveError: if these are no lists of one length, or a number is out of range.
  """
  try:
    rates, values = np.asarray(bpp, np.float64), np.asarray(quality, np.float64)
  except (TypeError, ValueError) as error:
    raise CurveError(f"{name} is not made of numbers. Received: {error}") from None
  if rates.ndim != 1 or rates.shape != values.shape or not rates.size:
    raise CurveError(
      f"{name} must be two lists of one length, at least 1. "
      f"Received: shapes {rates.shape} and {values.shape}"
    )
  for rate, value in zip(rates, values):
    if not (0 < rate < np.inf and np.isfinite(value)):
      raise CurveError(
        f"{name} must have rates above 0 and finite qualities. Received: {value:g} at {rate:g} bpp"
      )
  order = np.lexsort((values, rates))
  return rates[order], values[order]
