"""Hard tiles of many photos, as an Apache Beam pipeline; needs the extra `beam`.

  match -> (shard, file) -> group by shard -> write shard

A file belongs to the shard that a hash of its name says. A shard is one element of the pipeline: it
reads its photos one after the other, in the order of their names, and appends their tiles to its
file. So no collection ever holds pixels, and memory does not grow with the number of photos beyond
their names; as many workers are busy as there are shards.

Finished shards wait in the folder NAME.parts, each with a report, until all are there; then they
are renamed. A run that was cut off and is begun again, with the same settings and photos, keeps
those that were finished. The same photos give the same bytes, whatever the runner.

Files are named, read and written by Beam's file systems: `stores`.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import tempfile
import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
from apache_beam.io import fileio
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics.metric import Metrics
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineRunner

from compression.common import pipelines, stores
from compression.common.errors import CompressionError, ImageError, OutputError
from compression.datasets.hard_tiles import hardest_tiles
from compression.datasets.shards import Shards
from compression.images.photos import read_photo

_FORMAT = 1
"""The version of what is in the folder of parts; parts of another are not used again."""


class Settings(NamedTuple):
  """size: pixels along a side of a tile; keep: how many of a photo; score: a key of SCORES."""

  size: int
  keep: int
  score: str


class Report(NamedTuple):
  """What came of some files.

  Attributes:
    images: how many had at least one tile.
    tiles: how many were written.
    small: images smaller than a tile.
    unreadable: a line for each file that is no image or cannot be read.
  """

  images: int
  tiles: int
  small: int
  unreadable: list[str]


def check(pattern: str, shards: Shards, overwrite: bool) -> None:
  """Refuses what cannot come to anything, before any work is done.

  Raises:
    CompressionError: if the pattern matches no file.
    OutputError: if there are shards of that name already and `overwrite` is false.
  """
  if not overwrite and (there := stores.match(shards.pattern(), limit=1)):
    raise OutputError(f"{there[0]}: exists already; --overwrite replaces it")
  if not stores.match(pattern, limit=1):
    raise CompressionError(f"{pattern}: matches no file")


def mine(
  pattern: str,
  shards: Shards,
  settings: Settings,
  options: PipelineOptions,
  runner: PipelineRunner | None = None,
) -> Report:
  """Writes the hardest tiles of photos; shards of that name are replaced.

  Args:
    pattern: of the photos.
    shards: what to write. Beside them, PREFIX.unreadable.txt lists the files that were left out.
    settings: what to keep.
    options: Beam's.
    runner: the one that runs it; by default, the one that the options name.

  Raises:
    CompressionError: if the pipeline fails.
    ImageError: if there is no tile in any of the files. Then nothing is written.
    OutputError: if the results cannot be put in their place.
  """
  parts = f"{shards.prefix}.parts"
  stores.make_folder(parts)

  def build(pipeline: beam.Pipeline) -> None:
    numbers = pipeline | "Shards" >> beam.Create([(k, None) for k in range(shards.count)])
    files = (
      pipeline
      | "Match" >> fileio.MatchFiles(stores.located(pattern))
      | "Assign" >> beam.Map(_with_shard, shards.count)
    )
    _ = (
      (numbers, files)  # so that shards without a photo become files as well
      | beam.Flatten()
      | "ByShard" >> beam.GroupByKey()
      | "Write" >> beam.ParDo(_WriteShard(parts, settings))
    )

  pipelines.run(build, options, runner)
  try:
    return _publish(parts, shards)
  except OSError as error:
    raise OutputError(f"{shards}: cannot be written: {error}") from error


def _with_shard(file: Any, count: int) -> tuple[int, tuple[bytes, int]]:
  name = os.fsencode(stores.name(file))
  digest = hashlib.sha256(name).digest()
  return int.from_bytes(digest[:8], "big") % count, (name, file.size_in_bytes)


class _WriteShard(beam.DoFn):
  """Reads the photos of a shard and writes its part, unless that has been done."""

  def __init__(self, parts: str, settings: Settings):
    self._parts = parts
    self._settings = settings

  def process(self, element: tuple[int, Iterable[Any]]) -> None:
    """Takes a number, and the names and sizes of its photos; writes, and gives nothing on."""
    shard, files = element
    names = sorted(file for file in files if file is not None)
    digest = _digest(names, self._settings)
    done = _read_report(self._parts, shard)
    if done is not None and done["digest"] == digest:
      return
    # A runner may give up a worker and let another begin anew while the first goes on.
    part = f"{self._parts}/{shard}-{uuid.uuid4().hex}"
    with FileSystems.create(part, **stores.PLAIN) as file:
      report = self._write(file, [name for name, _ in names])
    done = {"digest": digest, "part": os.path.basename(part), "report": report}
    stores.write(_report_path(self._parts, shard), json.dumps(done).encode())

  def _write(self, file: Any, names: list[bytes]) -> Report:
    from compression.datasets import tile_records  # workers import TensorFlow when they need it

    images = written = small = 0
    unreadable: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
      scratch = os.path.join(folder, "records")
      for name in names:
        try:
          image = _read_photo(os.fsdecode(name))
        except CompressionError as error:
          unreadable.append(str(error))
          _count("unreadable")
          continue
        tiles = hardest_tiles(image, *self._settings)
        records = (tile_records.TileRecord(t.pixels, name, t.top, t.left, t.score) for t in tiles)
        file.write(tile_records.framed(map(tile_records.serialize, records), scratch))
        images += bool(tiles)
        written += len(tiles)
        small += not tiles
        _count("images" if tiles else "small")
        _count("tiles", len(tiles))
    return Report(images, written, small, unreadable)


def _count(name: str, number: int = 1) -> None:
  """For the pages of the runners; the reports are exact even where work is done twice."""
  Metrics.counter("mine_tiles", name).inc(number)


def _read_photo(name: str) -> np.ndarray:
  """uint8 [H, W, 3]; raises CompressionError."""
  return read_photo(io.BytesIO(stores.read(name)), name).image


def _digest(files: list[tuple[bytes, int]], settings: Settings) -> str:
  """A digest of what a part depends on, as far as it can be told without reading the photos."""
  return hashlib.sha256(repr((_FORMAT, settings, files)).encode()).hexdigest()


def _publish(parts: str, shards: Shards) -> Report:
  """Puts the parts in their places, and adds up their reports."""
  found = [_read_report(parts, shard) for shard in range(shards.count)]
  done = [each for each in found if each is not None]
  if len(done) < shards.count:
    raise OutputError(f"{parts}: parts are missing; does another run write {shards}?")
  total = _sum(Report(*each["report"]) for each in done)
  if total.tiles:
    listing = unreadable_path(shards)
    old = {*stores.match(shards.pattern()), *stores.match(listing)} - set(shards.names())
    FileSystems.rename([f"{parts}/{each['part']}" for each in done], shards.names())
    stores.delete(old)
    if total.unreadable:
      stores.write(listing, "".join(f"{line}\n" for line in total.unreadable).encode())
  stores.delete_folder(parts)
  if not total.tiles:
    files = total.small + len(total.unreadable)
    first = f"; {total.unreadable[0]}" if total.unreadable else ""
    raise ImageError(f"none of {files} files is an image of at least a tile's size{first}")
  return total


def _sum(reports: Iterable[Report]) -> Report:
  images, tiles, small, unreadable = zip(*reports)
  return Report(sum(images), sum(tiles), sum(small), sorted(itertools.chain(*unreadable)))


def unreadable_path(shards: Shards) -> str:
  """The file that lists what could not be read."""
  return f"{shards.prefix}.unreadable.txt"


def _report_path(parts: str, shard: int) -> str:
  return f"{parts}/{shard}.json"


def _read_report(parts: str, shard: int) -> dict[str, Any] | None:
  path = _report_path(parts, shard)
  return json.loads(stores.read(path)) if stores.exists(path) else None
