"""Apache Beam for programs: which flags are its, its options, and the runner that works here.

Nothing of Beam is imported before it is needed: `--help` is quick, and works where there is none.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from compression.common import program, workers
from compression.common.errors import CompressionError

if TYPE_CHECKING:
  from apache_beam import Pipeline
  from apache_beam.options.pipeline_options import PipelineOptions
  from apache_beam.runners.runner import PipelineRunner

_LOCAL_RUNNERS = (None, "DirectRunner")
_SEVERAL_PROCESSES = "multi_processing"  # of --direct_running_mode
_LINES = 10


@contextlib.contextmanager
def importing() -> Iterator[None]:
  """Where Beam is imported: quietly, or with what to install.

  Raises:
    CompressionError: if it is not here.
  """
  logging.disable(logging.WARNING)  # Beam warns of clients for clouds that are missing
  try:
    yield
  except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] != "apache_beam":
      raise
    raise CompressionError("needs Apache Beam: pip install 'compression-rnn[beam]'") from error
  finally:
    logging.disable(logging.NOTSET)


def options(arguments: list[str]) -> PipelineOptions:
  """Beam's options, which its file systems heed from now on.

  Raises:
    UsageError: if a value is not allowed, or a flag is neither ours nor Beam's. Runners other than
      the local one may know flags that Beam does not.
  """
  from apache_beam.io.filesystems import FileSystems
  from apache_beam.options.pipeline_options import PipelineOptions

  complaint = io.StringIO()
  try:
    with contextlib.redirect_stderr(complaint):
      found = PipelineOptions(arguments)
      given = found.get_all_options(retain_unknown_options=True)
  except SystemExit as error:
    line = complaint.getvalue().strip().splitlines()[-1]
    raise program.UsageError(line.split("error: ")[-1]) from error
  unknown = sorted(set(given) - set(PipelineOptions([]).get_all_options()))
  if unknown and is_local(found):
    raise program.UsageError(f"Unknown command line flag '{unknown[0]}'; --help shows the usage")
  FileSystems.set_options(found)
  return found


def is_local(options: PipelineOptions) -> bool:
  """Whether the pipeline runs on this machine, in the runner that is part of Beam."""
  from apache_beam.options.pipeline_options import StandardOptions

  return options.view_as(StandardOptions).runner in _LOCAL_RUNNERS


def threads_each(options: PipelineOptions) -> int:
  """How many threads a process that does the work should have.

  Other machines are taken to have a process for each of their processors, as Beam has by default.
  """
  from apache_beam.options.pipeline_options import DirectOptions

  if not is_local(options):
    return 1
  direct = options.view_as(DirectOptions)
  if direct.direct_running_mode != _SEVERAL_PROCESSES:
    return workers.ALL_THREADS
  return workers.threads_each(direct.direct_num_workers or os.cpu_count() or 1)


def run(
  build: Callable[[Pipeline], object],
  options: PipelineOptions,
  runner: PipelineRunner | None = None,
) -> None:
  """Runs a pipeline to its end.

  Args:
    build: adds what is to be done.
    options: Beam's.
    runner: what runs it; by default what the options name.

  Raises:
    CompressionError: if it fails; also if one of several processes here is killed. (Other runners
      begin another one.)
  """
  import apache_beam as beam

  from compression.common import beam_workers

  if runner is None and is_local(options):
    # What Beam calls DirectRunner looks for a faster one first, and downloads it.
    runner = beam_workers.local_runner()
  with beam_workers.watched() as killed, workers.environment(threads_each(options)):
    try:
      with beam.Pipeline(runner, options) as pipeline:
        build(pipeline)
    except Exception as error:  # runners wrap what happened, each in its own way
      last = str(error).strip().splitlines()[-1:] or [type(error).__name__]
      raise CompressionError(f"the pipeline failed: {killed() or last[0]}") from error


def report(
  lines: list[str], listing: str, say: Callable[[str], None], what: str = "were left out"
) -> None:
  """Says what became of files: the first of the lines, and which file lists them all."""
  for line in lines[:_LINES]:
    say(line)
  if len(lines) > _LINES:
    say(f"{len(lines)} files {what}: {listing}")
