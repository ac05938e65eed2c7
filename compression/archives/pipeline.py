"""Files of a pattern, each to what becomes of it in a folder, as an Apache Beam pipeline.

  match -> (target, file) -> group by target -> work -> add the reports up -> write the report

An element is a file, and what it becomes is named by what is below the fixed part of the pattern:
`**` in photos/**.jpg goes into folders, and they are there again in the folder of the results.
Files that would become the same each have an error. A worker does one file at a time, as a photo
may take gigabytes; it reads weights once.

In the folder of the results:

  archive.json       what they were made with: a run that goes on with others is refused
  unreadable.txt     a line for each file that was left out, or is damaged, if there are any
  archive.parts      what is half-written, until the end of the run
"""

from __future__ import annotations

import abc
import itertools
import json
import os
import threading
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.io import fileio
from apache_beam.metrics.metric import Metrics
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineRunner

from compression.common import beam_workers, jobs, pipelines, stores, workers
from compression.common.errors import CompressionError, OutputError

MANIFEST, LISTING, PARTS = "archive.json", "unreadable.txt", "archive.parts"

_one_at_a_time = threading.Lock()
"""Runners may give several bundles to a process."""


class Report(NamedTuple):
  """What came of some files.

  Attributes:
    done, skipped: how many; skipped are those whose results were there.
    failed: a line for each file that was left out.
    damaged: a line for each that was done as far as it is whole.
    rows: what an evaluation gains: the photo's name, the digest of its file, its rows.
  """

  done: int = 0
  skipped: int = 0
  failed: list[str] = []
  damaged: list[str] = []
  rows: list[tuple[str, str, str]] = []

  @property
  def lines(self) -> list[str]:
    """What was failed or damaged, sorted by the names that the lines begin with."""
    return sorted([*self.failed, *self.damaged])


def add(reports: Iterable[Report]) -> Report:
  """The report on all their files."""
  total = Report()
  done, skipped, *lists = zip(total, *reports)
  failed, damaged, rows = (sorted(itertools.chain(*each)) for each in lists)
  return Report(sum(done), sum(skipped), failed, damaged, rows)


class Work(abc.ABC):
  """What is done to a file. It travels to the workers: it holds settings, and no weights."""

  @abc.abstractmethod
  def target(self, name: str) -> str:
    """What a file becomes; both are named from the pattern's fixed part on."""

  @abc.abstractmethod
  def do(self, source: str, target: str) -> Report:
    """Does it.

    Args:
      source: the whole name of the file.
      target: what `target` said.

    Raises:
      CompressionError: if it cannot be done.
    """


class Folder(NamedTuple):
  """Where results go.

  Attributes:
    path: of the folder, without a slash at its end.
    overwrite: whether to replace what is there.
    skip_existing: whether to go on with what is not there.
  """

  path: str
  overwrite: bool = False
  skip_existing: bool = False

  def file(self, name: str) -> str:
    """A name in it."""
    return f"{self.path}/{name}"

  @property
  def parts(self) -> str:
    """The folder of what is half-written."""
    return self.file(PARTS)

  def begin(self, made_with: dict[str, Any]) -> None:
    """Notes what the results are made with, before the first of them is.

    Raises:
      OutputError: if they were begun with something else, or may not be replaced.
    """
    manifest = self.file(MANIFEST)
    if stores.exists(manifest) and not self.overwrite:
      if not self.skip_existing:
        raise OutputError(
          f"{manifest}: exists already; --skip_existing goes on, --overwrite replaces it"
        )
      try:
        before = json.loads(stores.read(manifest))
        other = [key for key in {**before, **made_with} if before.get(key) != made_with.get(key)]
      except (ValueError, TypeError):
        raise OutputError(f"{manifest}: cannot be read; --overwrite starts anew") from None
      if other:
        raise OutputError(
          f"{self.path}: was begun with another {other[0]}: {before.get(other[0])};"
          " --overwrite starts anew"
        )
    stores.write(manifest, json.dumps(made_with, indent=2).encode() + b"\n", self.parts)


def run(
  pattern: str,
  work: Work,
  folder: Folder,
  options: PipelineOptions,
  runner: PipelineRunner | None = None,
) -> Report:
  """Does the work for each file, but for those that were done before.

  Args:
    pattern: of the files.
    work: what to do.
    folder: where to put what they become.
    options: Beam's.
    runner: what runs it; by default what the options name.

  Raises:
    CompressionError: if the pipeline fails: then the same goes on.
    OutputError: if the list of what was left out cannot be written.
  """
  written = f"{folder.parts}/{uuid.uuid4().hex}.json"
  element = _Element(work, pipelines.threads_each(options))
  fixed = stores.fixed_folder(pattern)

  def build(pipeline: beam.Pipeline) -> None:
    _ = (
      pipeline
      | "Match" >> fileio.MatchFiles(stores.located(pattern))
      | "Name" >> beam.Map(_with_target, work, fixed)
      | "ByTarget" >> beam.GroupByKey()
      | "Work" >> beam.ParDo(element)
      | "Add" >> beam.CombineGlobally(add)
      | "Report" >> beam.Map(_write_report, written, folder.parts)
    )

  pipelines.run(build, options, runner)
  report = Report(**json.loads(stores.read(written)))
  listing = folder.file(LISTING)
  if report.lines:
    stores.write(listing, "".join(f"{line}\n" for line in report.lines).encode(), folder.parts)
  elif stores.exists(listing):
    stores.delete([listing])
  stores.delete_folder(folder.parts)
  return report


def _with_target(file: Any, work: Work, fixed: str) -> tuple[bytes, bytes]:
  name = stores.name(file)
  return os.fsencode(work.target(name.removeprefix(fixed))), os.fsencode(name)


def _write_report(report: Report, path: str, folder: str) -> None:
  stores.write(path, json.dumps(report._asdict()).encode(), folder)


class _Element(beam.DoFn):
  """Does the work for a file, unless it has been done, and reports on it."""

  def __init__(self, work: Work, threads: int):
    self._work = work
    self._threads = threads

  def setup(self) -> None:
    """Before the worker imports TensorFlow, if it is to have a process to itself."""
    workers.limit_threads(self._threads)

  def process(self, element: tuple[bytes, Iterable[bytes]]) -> Iterator[Report]:
    """Takes the name of a result, and those of the files that would become it: one, if all goes
    well.
    """
    target, sources = os.fsdecode(element[0]), sorted(map(os.fsdecode, element[1]))
    with _one_at_a_time:
      beam_workers.note(stores.shown(sources[0]))
      report = self._twins(target, sources) if sources[1:] else self._do(sources[0], target)
    for name, count in zip(report._fields, (report.done, report.skipped, len(report.failed))):
      Metrics.counter("archive", name).inc(count)  # for the pages of the runners
    yield report

  def _twins(self, target: str, sources: list[str]) -> Report:
    lines = [
      f"{stores.shown(source)}: {stores.shown(target)} would be the output of"
      f" {stores.shown(other)}, too"
      for source, other in zip(sources, sources[1:] + sources[:1])
    ]
    return Report(failed=lines)

  def _do(self, source: str, target: str) -> Report:
    try:
      return self._work.do(source, target)
    except (CompressionError, MemoryError) as error:
      return Report(failed=[jobs.complaint(error, stores.shown(source))])
