"""Codecs measured on an archive: the rows, tables and plots of `evaluation`, made by many workers.

A photo is called by what is below the fixed part of the pattern. Beside what an evaluation leaves,
the folder holds `rows`, a file for each photo and codec: the same command, or one with more of
them, does what is missing. Seconds are those of the workers, and no throughput is measured.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import json
import pathlib
import tempfile
from collections.abc import Mapping, Sequence

from compression.archives.pipeline import Folder, Report, Work
from compression.codecs import registry
from compression.codecs.base import Codec, Options
from compression.common import stores
from compression.common.errors import CompressionError
from compression.evaluation import results, runner, summary
from compression.evaluation.points import measure
from compression.images.photos import read_photo
from compression.metrics import table

_ROWS = "rows"
_FORMAT = 1
"""The version of the files in there."""


@dataclasses.dataclass(frozen=True)
class Evaluate(Work):
  """Photos to rows.

  Attributes:
    folder: of the results.
    codecs: as `registry.find` takes them.
    options: for them.
    more: metrics beside those of all results.
  """

  folder: Folder
  codecs: tuple[str, ...]
  options: Options
  more: tuple[str, ...]

  def target(self, name: str) -> str:
    """The name in the rows."""
    return name

  def do(self, source: str, target: str) -> Report:
    """Measures with each codec, unless that has been done."""
    content = stores.read(source)
    image = read_photo(io.BytesIO(content), source).image
    runner.check_size(stores.shown(source), image, self.more)
    digest = hashlib.sha256(content).hexdigest()
    text = ""
    is_new = False
    for name in self.codecs:
      codec = registry.find_once(name, self.options)
      made_of = _FORMAT, target, digest, _identity(codec), [*map(_metric, self.more)]
      part = hashlib.sha256(repr(made_of).encode()).hexdigest()
      path = self.folder.file(f"{_ROWS}/{part}.csv")
      if not stores.exists(path):
        is_new = True
        points = measure(codec, target, image, more=self.more)
        rows = results.to_csv(points, header=False)
        stores.write(path, rows.encode(), self.folder.parts)
      text += stores.read(path).decode()
    return Report(done=int(is_new), skipped=int(not is_new), rows=[(target, digest, text)])


def _identity(codec: Codec) -> str:
  return f"{codec.name} {_cached_identity(codec)} {list(codec.settings)}"


@functools.cache
def _cached_identity(codec: Codec) -> str:
  return codec.identity


def _metric(name: str) -> tuple[str, str]:
  metric = table.find(name)
  return metric.name, metric.identity


def begin(
  pattern: str, folder: Folder, codecs: Sequence[Codec], more: Sequence[str]
) -> results.Run:
  """Describes the run in this folder, without its photos.

  Raises:
    OutputError: if an older run there had others, and may not be replaced.
  """
  run = results.describe_run(codecs, {}, map(table.find, more))
  if folder.overwrite:
    stores.delete_folder(folder.file(_ROWS))
  if before := _before(folder):
    fixed = stores.fixed_folder(pattern)
    found = {name.removeprefix(fixed) for name in stores.match(pattern)}
    known = {name: digest for name, digest in before["images"].items() if name in found}
    results.check_same(folder.path, before, {**run, "images": known})
  return run


def _before(folder: Folder) -> results.Run:
  """What an older run in the folder was made of; nothing if there was none, or it is forgotten."""
  file = folder.file(results.RUN_FILE)
  if folder.overwrite or not stores.exists(file):
    return {}
  return results.parse_run(file, stores.read(file).decode("utf-8", "replace"))


def finish(folder: Folder, run: results.Run, report: Report) -> str:
  """Writes what an evaluation leaves; returns what tables.md says.

  Args:
    run: of `begin`.
    report: of the pipeline.

  Raises:
    CompressionError: if no photo is left.
    OutputError: if an older run had other photos, or something cannot be written.
  """
  if not report.rows:
    first = f": {report.failed[0]}" if report.failed else ""
    raise CompressionError(f"no photo is left{first}")
  rows = sorted(report.rows)
  run = {**run, "images": {name: digest for name, digest, _ in rows}}
  results.check_same(folder.path, _before(folder), run)
  head = results.to_csv([], more=list(run.get("metrics", {})))
  identities: Mapping[str, str] = {name: codec["identity"] for name, codec in run["codecs"].items()}
  with tempfile.TemporaryDirectory() as temporary:
    here = pathlib.Path(temporary)
    table_file = here / results.RESULTS_FILE
    table_file.write_text(head + "".join(text for _, _, text in rows), "utf-8")
    (here / results.RUN_FILE).write_text(json.dumps(run, indent=2) + "\n", "utf-8")
    said = summary.write(here, results.read_points(table_file), identities)
    for file in sorted(here.iterdir()):
      stores.write(folder.file(file.name), file.read_bytes())
  return said
