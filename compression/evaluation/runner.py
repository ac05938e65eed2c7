"""Photos through codecs, in as many processes as are asked for."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Generator, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from compression.codecs import registry
from compression.codecs.base import Codec, Options
from compression.common.errors import CompressionError, ImageError
from compression.evaluation import workers
from compression.evaluation.points import MIN_SIDE, Point, measure
from compression.images.photos import read_photo


class Task(NamedTuple):
  """A photo and a codec.

  Attributes:
    file: of the photo.
    codec: as `registry.find` takes it.
    options: for the codec.
  """

  file: pathlib.Path
  codec: str
  options: Options


def name_photos(files: Sequence[str]) -> dict[str, pathlib.Path]:
  """Name in the rows -> file, once it is clear that all can be measured.

  Raises:
    ImageError: if one cannot be read or is too small.
    CompressionError: if two have the same name.
  """
  named: dict[str, pathlib.Path] = {}
  for file in map(pathlib.Path, files):
    if file.name in named:
      raise CompressionError(f"{file}: has the same name as {named[file.name]}")
    height, width, _ = read_photo(file).image.shape
    if min(height, width) < MIN_SIDE:
      raise ImageError(
        f"{file}: has {width}x{height} pixels; MS-SSIM needs sides of at least {MIN_SIDE}"
      )
    named[file.name] = file
  return named


def run(tasks: Iterable[Task], jobs: int) -> Generator[list[Point], None, None]:
  """Yields the rows of each photo and codec, in the order in which they are done.

  Seconds are those of `workers.threads_each(jobs)` threads beside the other jobs' work.

  Raises:
    CompressionError: if a photo cannot be read, a codec cannot take it, or a process is killed.
  """
  threads = workers.threads_each(jobs)
  return workers.run(functools.partial(_measure, threads=threads), tasks, jobs, threads)


def _measure(task: Task, threads: int) -> list[Point]:
  codec = _codec(task.codec, task.options._replace(threads=threads))
  return measure(codec, task.file.name, _photo(task.file))


@functools.cache
def _codec(name: str, options: Options) -> Codec:
  return registry.find(name, options)


@functools.lru_cache(maxsize=1)
def _photo(file: pathlib.Path) -> np.ndarray:
  return read_photo(file).image
