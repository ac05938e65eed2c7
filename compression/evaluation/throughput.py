"""Seconds per megapixel with one thread and with all: one codec at a time, nothing beside it."""

from __future__ import annotations

import csv
import functools
import io
import os
import pathlib
import platform
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from compression.codecs import registry
from compression.codecs.base import Options
from compression.common import timing, workers
from compression.common.errors import OutputError
from compression.common.files import atomic_write
from compression.evaluation.means import Mean, shown
from compression.evaluation.points import cell
from compression.images.photos import read_photo

THROUGHPUT_FILE = "throughput.csv"
PHOTOS = 3
"""How many are enough, of which the median counts."""

NOMINAL_BPP = 0.5
"""At the setting whose files are the nearest to this on average."""

_RUNS = 3  # of each photo, after one that does not count
_MEGAPIXEL = 1e6
_CPU_INFO = pathlib.Path("/proc/cpuinfo")  # Linux


class Throughput(NamedTuple):
  """The columns of throughput.csv.

  Attributes:
    codec, setting: as in the results.
    threads: that the process could use.
    encode_seconds, decode_seconds: per megapixel.
    machine: where.
  """

  codec: str
  setting: float
  threads: int
  encode_seconds: float
  decode_seconds: float
  machine: str


def choose_settings(means: Sequence[Mean]) -> dict[str, float]:
  """Codec -> the setting that is measured; nothing for CHECK_CODEC, unless it is alone."""
  by_codec: dict[str, Mean] = {}
  for mean in shown(means):
    nearest = by_codec.setdefault(mean.codec, mean)
    if abs(mean.bpp - NOMINAL_BPP) < abs(nearest.bpp - NOMINAL_BPP):
      by_codec[mean.codec] = mean
  return {codec: mean.setting for codec, mean in by_codec.items()}


def measure(
  name: str, wanted: str, setting: float, files: Sequence[pathlib.Path], options: Options
) -> list[Throughput]:
  """Two rows, each from a new process: with one thread, and with all.

  Args:
    name: of the codec, for the rows.
    wanted: what `registry.find` takes for it.
    setting: of `choose_settings`.
    files: photos; PHOTOS of them are used.
    options: for the codec.

  Raises:
    CompressionError: if a photo cannot be read, a codec cannot take it, or a process is killed.
  """
  rows = []
  for threads in (1, workers.ALL_THREADS):
    work = functools.partial(
      _measure, setting=setting, files=files[:PHOTOS], options=options._replace(threads=threads)
    )
    for seconds in workers.run(work, [wanted], 1, threads):
      rows.append(Throughput(name, setting, threads or os.cpu_count() or 1, *seconds, machine()))
  return rows


def _measure(
  wanted: str, setting: float, files: Sequence[pathlib.Path], options: Options
) -> tuple[float, float]:
  """The medians over the photos, of the medians over the runs of each."""
  codec = registry.find(wanted, options)
  encode_seconds: list[float] = []
  decode_seconds: list[float] = []
  for file in files:
    image = read_photo(file).image
    megapixels = image.shape[0] * image.shape[1] / _MEGAPIXEL
    data = codec.compress(image, setting)
    for all_seconds, work in (
      (encode_seconds, lambda: codec.compress(image, setting)),  # noqa: B023
      (decode_seconds, lambda: codec.decompress(data)),  # noqa: B023
    ):
      all_seconds.append(timing.measure(work, _RUNS) / megapixels)
  return statistics.median(encode_seconds), statistics.median(decode_seconds)


def machine() -> str:
  """The processor's name and how many there are."""
  name = platform.machine()
  if _CPU_INFO.exists():
    for line in _CPU_INFO.read_text("utf-8", errors="replace").splitlines():
      key, _, value = line.partition(":")
      if key.strip() == "model name":
        name = value.strip()
        break
  return f"{os.cpu_count()} x {name}"


def write(file: pathlib.Path, rows: Sequence[Throughput]) -> None:
  """Writes throughput.csv, whole or not at all."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(Throughput._fields)
  writer.writerows(map(cell, row) for row in rows)
  with atomic_write(file) as target:
    target.write(text.getvalue().encode())


def read(file: pathlib.Path) -> list[Throughput]:
  """The rows of throughput.csv; none if there is no such file.

  Raises:
    OutputError: if it is not one.
  """
  if not file.exists():
    return []
  try:
    with open(file, newline="", encoding="utf-8") as rows:
      return [
        Throughput(
          row["codec"],
          float(row["setting"]),
          int(row["threads"]),
          float(row["encode_seconds"]),
          float(row["decode_seconds"]),
          row["machine"],
        )
        for row in csv.DictReader(rows)
      ]
  except (OSError, KeyError, TypeError, ValueError) as error:
    raise OutputError(f"{file}: is not what an evaluation writes: {error}") from error
