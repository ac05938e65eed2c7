"""Rate-distortion points that others have published, to stand beside ours.

Source: tensorflow/compression, `results/image_compression/kodak`, files
`{PSNR,MS-SSIM}_sRGB_RGB_toderici-2017-cvpr.txt`: means over the 24 Kodak images, of the network of
Toderici et al. (CVPR 2017) with its entropy coder left out.
"""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
  """Bits per pixel, PSNR in dB and MS-SSIM, means over a set of images."""

  bpp: float
  psnr: float
  ms_ssim: float


TODERICI_2017_KODAK = (
  Point(0.125, 23.01408, 0.81910),
  Point(0.250, 25.64631, 0.90370),
  Point(0.375, 27.14417, 0.93747),
  Point(0.500, 28.26710, 0.95384),
  Point(0.625, 29.28139, 0.96357),
  Point(0.750, 30.14441, 0.97151),
  Point(0.875, 30.94135, 0.97578),
  Point(1.000, 31.61794, 0.97959),
  Point(1.125, 32.22460, 0.98219),
  Point(1.250, 32.76169, 0.98394),
  Point(1.375, 33.21572, 0.98584),
  Point(1.500, 33.62664, 0.98683),
  Point(1.625, 33.95550, 0.98782),
  Point(1.750, 34.23728, 0.98834),
  Point(1.875, 34.46750, 0.98849),
  Point(2.000, 34.63004, 0.98872),
)
"""Of the 16 iterations of the paper's network."""
