"""Bits against quality: a codec on photos, at each of its iterations."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from compression import container, metrics
from compression.metrics.published import TODERICI_2017_KODAK

if TYPE_CHECKING:
  from compression.codec import Codec

# Images of other sets are not to be compared with the published means.
_KODAK_IMAGES = 24


class Point(NamedTuple):
  """An image at an iteration; the columns of the file.

  `bytes` and `bpp` are those of the file; `nominal_bpp` those of the bits before entropy coding,
  without the container.
  """

  image: str
  codec: str
  setting: int
  nominal_bpp: float
  bytes: int
  bpp: float
  psnr: float
  ms_ssim: float


def evaluate(codec: Codec, name: str, image: np.ndarray) -> list[Point]:
  """A point for each iteration.

  Args:
    image: uint8 [H, W, 3], sides of at least 11 pixels.

  Raises:
    ImageError: if it is too small for MS-SSIM.
  """
  data = codec.compress(image, codec.config.iterations)
  pixels = image.shape[0] * image.shape[1]
  header = container.read_header(data)
  bits = header.blocks_high * header.blocks_wide * codec.config.bits
  points = []
  for size, decoded in zip(container.layer_ends(data), codec.progressive(data)):
    psnr = float(metrics.psnr(image, decoded.image))
    ms_ssim = float(metrics.ms_ssim(image, decoded.image))
    iteration = decoded.iterations
    nominal = iteration * bits / pixels
    bpp = 8 * size / pixels
    points.append(Point(name, codec.name, iteration, nominal, size, bpp, psnr, ms_ssim))
  return points


def table(points: list[Point]) -> str:
  """Means over the images, as a Markdown table; with the paper's where the images are Kodak's.

  The paper's points are at the nominal bits per pixel: it has no files.
  """
  names = {point.image for point in points}
  kodak = len(names) == _KODAK_IMAGES and all(name.startswith("kodim") for name in names)
  heads = ["iterations", "nominal bpp", "bpp", "saved", "PSNR dB", "MS-SSIM"]
  rows = []
  for iteration in sorted({point.setting for point in points}):
    chosen = [point for point in points if point.setting == iteration]
    nominal, bpp, psnr, ms_ssim = (
      float(np.mean([getattr(point, field) for point in chosen]))
      for field in ("nominal_bpp", "bpp", "psnr", "ms_ssim")
    )
    rates = [f"{nominal:.3f}", f"{bpp:.3f}", f"{1 - bpp / nominal:.1%}"]
    row = [str(iteration), *rates, f"{psnr:.2f}", f"{ms_ssim:.4f}"]
    if kodak and iteration <= len(TODERICI_2017_KODAK):
      paper = TODERICI_2017_KODAK[iteration - 1]
      row += [f"{paper.psnr:.2f}", f"{paper.ms_ssim:.4f}"]
    rows.append(row)
  if kodak:
    heads += ["paper PSNR dB", "paper MS-SSIM"]
  lines = [heads, ["---:"] * len(heads), *rows]
  return "\n".join("| " + " | ".join(line) + " |" for line in lines)
