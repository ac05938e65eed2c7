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

from absl import flags

from compression import jobs, program, registry
from compression.files import atomic_write, check_output

_IMAGES = flags.DEFINE_string("images", None, "a pattern of photos")
_MODEL = flags.DEFINE_string("model", registry.DEFAULT_MODEL, "a released model or a folder")
_PRECISION = jobs.define_precision_flag()
_CSV = flags.DEFINE_string("csv", None, "a file to write: one row an image and iteration")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace the file if it exists")


def main(argv: list[str]) -> None:
  (pattern,) = program.require(argv, _IMAGES)
  names = program.expand([pattern])
  if _CSV.value is not None:
    check_output(_CSV.value, _OVERWRITE.value)
  registry.find(_MODEL.value)

  from tqdm import tqdm

  from compression.codec import load
  from compression.datasets.images import read_photo
  from compression.rate_distortion import Point, evaluate, table

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


if __name__ == "__main__":
  program.run(main)
