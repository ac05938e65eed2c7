"""Measures a model on photos: mean bits per pixel, PSNR and MS-SSIM at each iteration.

  python -m compression.evaluate --images='kodak/*.png' [--model=residual_gru] [--csv=points.csv]

Prints a table, beside the points that were published for the network of Toderici et al. (CVPR 2017)
on the Kodak images. Sizes are those of real files.
"""

from __future__ import annotations

import csv
import io
import pathlib
import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from absl import flags

from compression import container, jobs, program, registry
from compression.files import atomic_write, check_output

if TYPE_CHECKING:
  from compression.codec import Codec

_IMAGES = flags.DEFINE_string("images", None, "a pattern of photos")
_MODEL = flags.DEFINE_string("model", registry.DEFAULT_MODEL, "a released model or a folder")
_PRECISION = jobs.define_precision_flag()
_CSV = flags.DEFINE_string("csv", None, "a file to write: one row an image and iteration")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace the file if it exists")

# Images of other sets are not to be compared with the published means.
_KODAK_IMAGES = 24


class Point(NamedTuple):
  """An image at an iteration; the columns of the file."""

  image: str
  codec: str
  setting: int
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
  from compression import metrics

  data = codec.compress(image, codec.config.iterations)
  pixels = image.shape[0] * image.shape[1]
  points = []
  for size, decoded in zip(container.layer_ends(data), codec.progressive(data)):
    psnr = float(metrics.psnr(image, decoded.image))
    ms_ssim = float(metrics.ms_ssim(image, decoded.image))
    iteration = decoded.iterations
    points.append(Point(name, codec.name, iteration, size, 8 * size / pixels, psnr, ms_ssim))
  return points


def main(argv: list[str]) -> None:
  (pattern,) = program.require(argv, _IMAGES)
  names = program.expand([pattern])
  if _CSV.value is not None:
    check_output(_CSV.value, _OVERWRITE.value)
  registry.find(_MODEL.value)

  from tqdm import tqdm

  from compression.codec import load
  from compression.datasets.images import read_photo

  codec = load(_MODEL.value, _PRECISION.value)
  points: list[Point] = []
  for name in tqdm(names, unit="photo", disable=not sys.stderr.isatty()):
    points += evaluate(codec, pathlib.Path(name).name, read_photo(name).image)
  if _CSV.value is not None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Point._fields)
    writer.writerows(points)
    with atomic_write(_CSV.value) as file:
      file.write(text.getvalue().encode())
  print(table(points))


def table(points: list[Point]) -> str:
  """Means over the images, as a Markdown table; with the paper's where the images are Kodak's."""
  from compression.metrics.published import TODERICI_2017_KODAK

  names = {point.image for point in points}
  kodak = len(names) == _KODAK_IMAGES and all(name.startswith("kodim") for name in names)
  heads = ["iterations", "bpp", "PSNR dB", "MS-SSIM"]
  rows = []
  for iteration in sorted({point.setting for point in points}):
    chosen = [point for point in points if point.setting == iteration]
    bpp, psnr, ms_ssim = (
      float(np.mean([getattr(point, field) for point in chosen]))
      for field in ("bpp", "psnr", "ms_ssim")
    )
    row = [str(iteration), f"{bpp:.3f}", f"{psnr:.2f}", f"{ms_ssim:.4f}"]
    if kodak and iteration <= len(TODERICI_2017_KODAK):
      paper = TODERICI_2017_KODAK[iteration - 1]
      row += [f"{paper.psnr:.2f}", f"{paper.ms_ssim:.4f}"]
    rows.append(row)
  if kodak:
    heads += ["paper PSNR dB", "paper MS-SSIM"]
  lines = [heads, ["---:"] * len(heads), *rows]
  return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
  program.run(main)
