"""Rate-distortion points that others have published, to stand beside ours.

Source: tensorflow/compression, `results/image_compression/kodak`, files
`{PSNR,MS-SSIM}_sRGB_RGB_*.txt`: means over the 24 Kodak images.
"""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
  """Bits per pixel, PSNR in dB and MS-SSIM, means over a set of images."""

  bpp: float
  psnr: float
  ms_ssim: float


class Curve(NamedTuple):
  """Points by their rates, and a name for legends and tables."""

  name: str
  points: tuple[Point, ...]


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
"""`toderici-2017-cvpr`: the 16 iterations of the network of Toderici et al. (CVPR 2017), without
its entropy coder."""

JOHNSTON_2017_KODAK = (
  Point(0.0985, 25.043, 0.89174),
  Point(0.1231, 25.874, 0.90612),
  Point(0.2167, 27.263, 0.94152),
  Point(0.2332, 27.744, 0.94522),
  Point(0.2664, 28.222, 0.95129),
  Point(0.3164, 28.994, 0.95876),
  Point(0.3697, 29.430, 0.96474),
  Point(0.4164, 30.038, 0.96779),
  Point(0.5146, 30.599, 0.97431),
  Point(0.5646, 31.228, 0.97694),
  Point(0.6195, 31.445, 0.97904),
  Point(0.6646, 31.980, 0.98053),
  Point(0.7632, 32.288, 0.98321),
  Point(0.8133, 33.077, 0.98469),
  Point(0.8691, 33.276, 0.98583),
  Point(0.9132, 33.667, 0.98641),
  Point(1.0127, 33.972, 0.98803),
  Point(1.0627, 34.365, 0.98874),
  Point(1.1194, 34.506, 0.98941),
  Point(1.1626, 34.838, 0.98976),
  Point(1.2620, 35.067, 0.99076),
  Point(1.3120, 35.429, 0.99130),
  Point(1.3692, 35.537, 0.99171),
  Point(1.4120, 36.024, 0.99199),
  Point(1.5114, 36.246, 0.99270),
  Point(1.5614, 36.505, 0.99305),
  Point(1.8365, 36.894, 0.99426),
  Point(1.9600, 36.972, 0.99454),
)
"""`johnston-2017-cvpr`: the successor, Johnston et al. (arXiv:1703.10114, CVPR 2018), with its
entropy coder. Lines through these points pass the 82 published ones within 0.05 dB and 0.0005."""

JPEG_420_KODAK = (
  Point(0.1778, 21.666, 0.72523),
  Point(0.1954, 22.792, 0.77027),
  Point(0.2154, 23.838, 0.80475),
  Point(0.2358, 24.683, 0.83580),
  Point(0.2561, 25.333, 0.85390),
  Point(0.2761, 25.832, 0.87116),
  Point(0.2963, 26.228, 0.88008),
  Point(0.3163, 26.656, 0.89277),
  Point(0.3745, 27.632, 0.91627),
  Point(0.4276, 28.349, 0.93155),
  Point(0.4621, 28.782, 0.93959),
  Point(0.5102, 29.309, 0.94788),
  Point(0.5700, 29.867, 0.95574),
  Point(0.6403, 30.464, 0.96283),
  Point(0.7300, 31.152, 0.96943),
  Point(0.8591, 31.996, 0.97562),
  Point(0.9046, 32.292, 0.97761),
  Point(1.1324, 33.541, 0.98332),
  Point(1.2815, 34.235, 0.98583),
  Point(1.3236, 34.403, 0.98643),
  Point(1.3654, 34.665, 0.98717),
  Point(1.4575, 34.985, 0.98799),
  Point(1.6343, 35.738, 0.98966),
  Point(1.7573, 36.175, 0.99051),
  Point(1.8122, 36.419, 0.99100),
  Point(1.9004, 36.691, 0.99145),
  Point(1.9634, 36.949, 0.99184),
  Point(2.0726, 37.285, 0.99231),
  Point(2.1544, 37.598, 0.99269),
  Point(2.4159, 38.372, 0.99376),
  Point(2.5405, 38.810, 0.99415),
)
"""`jpeg420`: JPEG 4:2:0 with the standard Huffman tables, up to 2.6 bits per pixel. Lines through
these points pass the published ones within 0.03 dB and 0.0005."""

NETWORKS_KODAK = (
  Curve("Toderici et al. 2017, nominal bpp", TODERICI_2017_KODAK),
  Curve("Johnston et al. 2017", JOHNSTON_2017_KODAK),
)
"""The networks that ours stands in line with."""

SOURCE = "tensorflow/compression, results/image_compression/kodak"
"""Where all of these come from, for plots and tables."""
