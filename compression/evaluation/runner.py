"""Photos through codecs, in as many processes as are asked for."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Generator, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from compression.codecs import registry
from compression.codecs.base import Options
from compression.common import workers
from compression.common.errors import CompressionError, ImageError
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


class Failure(NamedTuple):
  """Why a codec could not take a photo: the photo's name in the rows, and a line."""

  image: str
  message: str


def name_photos(
  files: Sequence[str], more: Sequence[str] = ()
) -> tuple[dict[str, pathlib.Path], list[str]]:
  """The photos that can be measured, name in the rows -> file; and why others cannot, a line each.

  Those cannot that are no photos, are too small, or share their name with another.

  Args:
    files: the photos.
    more: metrics beside those of all results.

  Raises:
    ImageError: if none is left.
  """
  named: dict[str, pathlib.Path] = {}
  problems = []
  others: dict[str, list[pathlib.Path]] = {}
  for file in map(pathlib.Path, files):
    others.setdefault(file.name, []).append(file)
  for file in map(pathlib.Path, files):
    twins = [str(twin) for twin in others[file.name] if twin != file]
    try:
      if twins:
        raise ImageError(f"{file}: has the same name as {twins[0]}")
      check_size(str(file), read_photo(file).image, more)
      named[file.name] = file
    except ImageError as error:
      problems.append(str(error))
  if not named:
    raise ImageError(problems[0] + (f"; and {len(problems) - 1} more" if problems[1:] else ""))
  return named, problems


def check_size(name: str, image: np.ndarray, more: Sequence[str] = ()) -> None:
  """Refuses a photo that a metric cannot take: one of all results, or of these.

  Raises:
    ImageError: if a side is too short.
  """
  metrics = [table.find(metric) for metric in (*table.ALWAYS, *more)]
  pickiest = max(metrics, key=lambda metric: metric.min_side)
  height, width, _ = image.shape
  if min(height, width) < pickiest.min_side:
    raise ImageError(
      f"{name}: has {width}x{height} pixels;"
      f" {pickiest.title} needs sides of at least {pickiest.min_side}"
    )


def run(tasks: Iterable[Task], jobs: int) -> Generator[list[Point] | Failure, None, None]:
  """Yields the rows of each photo and codec, or why there are none, in the order of their end.

  Seconds are those of `workers.threads_each(jobs)` threads beside the other jobs' work.

  Raises:
    CompressionError: if a process is killed.
  """
  threads = workers.threads_each(jobs)
  return workers.run(functools.partial(_measure, threads=threads), tasks, jobs, threads)


def _measure(task: Task, threads: int) -> list[Point] | Failure:
  try:
    codec = registry.find_once(task.codec, task.options._replace(threads=threads))
    return measure(codec, task.file.name, _photo(task.file), more=task.more)
  except CompressionError as error:
    message = str(error)
    named = message.startswith(f"{task.file}: ")
    return Failure(task.file.name, message if named else f"{task.file}: {message}")


@functools.lru_cache(maxsize=1)
def _photo(file: pathlib.Path) -> np.ndarray:
  return read_photo(file).image
