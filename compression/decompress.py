"""Decompresses .rnic files to PNG images.

  python -m compression.decompress photo.rnic [more.rnic ...]
  python -m compression.decompress photo.rnic --iterations=4
  python -m compression.decompress photo.rnic --all_iterations     photo_01.png, photo_02.png, ...
  python -m compression.decompress - < photo.rnic > photo.png

A file that was cut short decodes to its last whole iteration, with a warning; --strict refuses it.
The model is the one that the file was made with.
"""

from __future__ import annotations

import functools
import pathlib
import time
from typing import TYPE_CHECKING

from absl import flags

from compression.codecs import model_folders
from compression.codecs.recurrent import folders
from compression.common import jobs, program
from compression.common.errors import FormatError
from compression.formats import rnic

if TYPE_CHECKING:
  from compression.codecs.recurrent.codec import RecurrentCodec

_ITERATIONS = flags.DEFINE_integer(
  "iterations", None, "use only the first so many", lower_bound=1, upper_bound=rnic.MAX_LAYERS
)
_ALL_ITERATIONS = flags.DEFINE_bool(
  "all_iterations", False, "write the image after each iteration, as NAME_01.png and so on"
)
_MODEL = flags.DEFINE_string(
  "model", None, "a released model or a folder (default: the one that the file was made with)"
)
_PRECISION = jobs.define_precision_flag()
_OUTPUTS = jobs.define_output_flags()
_STRICT = flags.DEFINE_bool("strict", False, "refuse a file that is cut short")


def targets(target: str, iterations: int) -> list[str]:
  """The names of the images of all iterations: photo.png -> photo_01.png, photo_02.png, ..."""
  path = pathlib.Path(target)
  return [
    str(path.with_name(f"{path.stem}_{t:02d}{path.suffix}")) for t in range(1, iterations + 1)
  ]


def main(argv: list[str]) -> int:
  if _ALL_ITERATIONS.value and _ITERATIONS.value is not None:
    raise program.UsageError("--all_iterations and --iterations exclude each other")
  todo = jobs.plan(program.expand(argv), ".png", _OUTPUTS)
  if _ALL_ITERATIONS.value and any(job.target == program.STDIO for job in todo):
    raise program.UsageError("--all_iterations writes several files; name them with --output")
  if _MODEL.value is not None:
    model_folders.find(_MODEL.value)
  return jobs.run(todo, _decompress, "file")


def _decompress(job: jobs.Job) -> None:
  data = jobs.read_source(job.source)
  header = rnic.read_header(data)
  names = targets(job.target, header.layers) if _ALL_ITERATIONS.value else [job.target]
  for name in names:
    jobs.check_target(name, _OUTPUTS)
  # The model that --model names, else the one that the file was made with.
  codec = _codec(_MODEL.value or str(folders.find_by_id(header.model_id).folder))

  from compression.images.photos import encode_png

  start = time.perf_counter()
  if _ALL_ITERATIONS.value:
    images = list(codec.progressive(data))
  else:
    images = [codec.decode_file(data, _ITERATIONS.value)]
  seconds = time.perf_counter() - start
  damage = images[-1].damage
  if damage is not None:
    if _STRICT.value:
      raise FormatError(damage)
    program.warn(f"{job.source}: {damage}")
  for name, decoded in zip(names, images):
    jobs.write_target(name, encode_png(decoded.image), _OUTPUTS)
    jobs.say(
      f"{job.source} -> {name}: {header.width}x{header.height} pixels, "
      f"{decoded.iterations} of {header.layers} iterations, {seconds:.2f} s",
      name,
    )


@functools.cache
def _codec(name: str) -> RecurrentCodec:
  from compression.codecs.recurrent.codec import load

  return load(name, _PRECISION.value)


if __name__ == "__main__":
  program.run(main)
