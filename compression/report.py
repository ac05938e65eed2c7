"""Writes a report on photos: one HTML file that shows them at each iteration, beside JPEG.

  python -m compression.report --images='kodak/*.png' --output=report.html
  python -m compression.report --images='kodak/*.png' --output=report.html --evaluation=evaluation

The file holds everything it shows, and needs no network: the originals, our reconstructions, JPEG
files of as many bytes, residuals, curves and tables. Without --evaluation, a folder that
`compression.evaluate --output_dir` wrote, the curves and tables are those of the photos in the
report. A photo of 0.4 megapixels adds some 4 MB.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from absl import flags

from compression.codecs import model_folders, registry
from compression.codecs.base import Options
from compression.common import jobs, program
from compression.common.errors import ImageError
from compression.common.files import atomic_write, check_output

if TYPE_CHECKING:
  from compression.reporting.photos import Shown

_IMAGES = flags.DEFINE_string("images", None, "a pattern of photos")
_OUTPUT = flags.DEFINE_string("output", None, "the HTML file to write")
_MODEL = flags.DEFINE_string(
  "model", model_folders.DEFAULT_MODEL, "a model, a folder, another codec"
)
_PRECISION = jobs.define_precision_flag()
_EVALUATION = flags.DEFINE_string(
  "evaluation", None, "a folder of compression.evaluate: its curves and tables are shown"
)
_MAX_IMAGES = flags.DEFINE_integer("max_images", None, "show the first of them only", 1)
_MAX_SIDE = flags.DEFINE_integer(
  "max_side", None, "scale larger photos down to that many pixels before all else", 1
)
_LOSSLESS = flags.DEFINE_bool(
  "lossless", False, "store reconstructions exactly, which takes two to three times the bytes"
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace the file if it exists")


def main(argv: list[str]) -> None:
  pattern, output = program.require(argv, _IMAGES, _OUTPUT)
  files = program.expand([pattern])[: _MAX_IMAGES.value]
  for file in files:
    check_output(output, _OVERWRITE.value, file)
  model = registry.find(_MODEL.value).name

  from compression.evaluation import plots
  from compression.images.photos import read_photos
  from compression.reporting import curves

  plots.check()
  evaluation = None if _EVALUATION.value is None else curves.read(_EVALUATION.value)
  files = [file for file, _ in read_photos(files, program.warn)]  # before work is done for one
  program.end_cleanly_when_terminated()
  shown = _show(files, with_points=evaluation is None)

  from compression.reporting import page

  if evaluation is None:
    evaluation = curves.Evaluation([point for photo in shown for point in photo.points])
  text = page.render(model, shown, curves.draw(evaluation), curves.tabulate(evaluation, model))
  with atomic_write(output, _OVERWRITE.value) as target:
    target.write(text.encode())
  print(f"{output}: {len(shown)} photo(s), {os.path.getsize(output)} bytes")


def _show(files: list[str], with_points: bool) -> list[Shown]:
  """The photos through the model; a bar on a terminal."""
  from tqdm import tqdm

  from compression.images.photos import read_photo
  from compression.reporting import photos, pictures

  codec = registry.find(_MODEL.value, Options(_PRECISION.value))
  store = pictures.exact if _LOSSLESS.value else pictures.close
  shown = []
  for file in tqdm(files, unit="photo", disable=not sys.stderr.isatty()):
    image, notes = read_photo(file)
    if _MAX_SIDE.value is not None and max(image.shape[:2]) > _MAX_SIDE.value:
      notes += (f"scaled from {image.shape[1]} × {image.shape[0]}",)
      image = pictures.shrunk(image, _MAX_SIDE.value)
    try:
      shown.append(photos.show(codec, _name(file), image, store, with_points, notes))
    except ImageError as error:
      raise ImageError(f"{file}: {error}") from error
  return shown


def _name(file: str) -> str:
  """Without the folder; what is no UTF-8, as names of files may be, is replaced."""
  return os.fsencode(os.path.basename(file)).decode("utf-8", "replace")


if __name__ == "__main__":
  program.run(main)
