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
from compression.evaluation.points import Point, measure
from compression.images.photos import read_photo
from compression.metrics import table


class Task(NamedTuple):
  """A photo and a codec.

  Attributes:
    file: of the photo.
    codec: as `registry.find` takes it.
    options: for the codec.
    more: metrics to measure beside those of all results.
  """

  file: pathlib.Path
  codec: str
  options: Options
  more: tuple[str, ...] = ()


def name_photos(files: Sequence[str], more: Sequence[str] = ()) -> dict[str, pathlib.Path]:
  """Name in the rows -> file, once it is clear that all can be measured.

  Raises:
    ImageError: if one cannot be read or is too small.
    CompressionError: if two have the same name.
  """
  named: dict[str, pathlib.Path] = {}
  metrics = [table.find(name) for name in (*table.ALWAYS, *more)]
  pickiest = max(metrics, key=lambda metric: metric.min_side)
  for file in map(pathlib.Path, files):
    if file.name in named:
      raise CompressionError(f"{file}: has the same name as {named[file.name]}")
    height, width, _ = read_photo(file).image.shape
    if min(height, width) < pickiest.min_side:
      raise ImageError(
        f"{file}: has {width}x{height} pixels;"
        f" {pickiest.title} needs sides of at least {pickiest.min_side}"
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
  return measure(codec, task.file.name, _photo(task.file), more=task.more)


@functools.cache
def _codec(name: str, options: Options) -> Codec:
  return registry.find(name, options)


@functools.lru_cache(maxsize=1)
def _photo(file: pathlib.Path) -> np.ndarray:
  return read_photo(file).image
