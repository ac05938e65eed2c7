"""What programs that make files of files share: an output for each, `-` for stdin and stdout."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from absl import flags

from compression.common import files, program, streams, workers
from compression.common.errors import CompressionError, OutputError

_RAW_BITS_PER_PIXEL = 24


class Job(NamedTuple):
  """An input and where its output goes; either may be `-`. Where it cannot go there: why."""

  source: str
  target: str
  problem: str = ""


class Skip(Exception):  # noqa: N818  no error
  """All outputs of a job are there, and --skip_existing was given."""


class OutputFlags(NamedTuple):
  """The flags that say where outputs go."""

  output: flags.FlagHolder
  output_dir: flags.FlagHolder
  overwrite: flags.FlagHolder
  skip_existing: flags.FlagHolder
  jobs: flags.FlagHolder


def define_output_flags() -> OutputFlags:
  """Defines --output, --output_dir, --overwrite, --skip_existing and --jobs for the program."""
  return OutputFlags(
    flags.DEFINE_string("output", None, "where the output goes, for one input; - is stdout"),
    flags.DEFINE_string("output_dir", None, "the folder that the outputs go to; made if need be"),
    flags.DEFINE_bool("overwrite", False, "replace outputs that exist"),
    flags.DEFINE_bool("skip_existing", False, "go on: leave out inputs whose outputs exist"),
    flags.DEFINE_integer("jobs", 1, "files at a time, each in a process of its own", 1, 1024),
  )


class QualityFlags(NamedTuple):
  """The flags of which one at most says how good the files are to be."""

  iterations: flags.FlagHolder
  setting: flags.FlagHolder
  target_bpp: flags.FlagHolder
  target_bytes: flags.FlagHolder
  target_psnr: flags.FlagHolder
  target_ms_ssim: flags.FlagHolder

  def chosen(self) -> tuple[str, float] | None:
    """The name and the value of the one that was given; None if none was.

    Raises:
      UsageError: if several were.
    """
    found = [(flag.name, flag.value) for flag in self if flag.value is not None]
    if len(found) > 1:
      raise program.UsageError(f"--{found[0][0]} and --{found[1][0]} exclude each other")
    return found[0] if found else None


def define_quality_flags() -> QualityFlags:
  """Defines --iterations, --setting, and the targets, for a program that compresses."""
  return QualityFlags(
    flags.DEFINE_integer(
      "iterations", None, "quality of recurrent networks (default 8 of 16)", lower_bound=1
    ),
    flags.DEFINE_float("setting", None, "quality, as any codec counts it"),
    flags.DEFINE_float(
      "target_bpp", None, "the best quality of at most so many bits per pixel", lower_bound=0.001
    ),
    flags.DEFINE_integer(
      "target_bytes", None, "the best quality of at most so many bytes", lower_bound=1
    ),
    flags.DEFINE_float(
      "target_psnr", None, "the fewest bytes that reach this PSNR in dB", lower_bound=0
    ),
    flags.DEFINE_float("target_ms_ssim", None, "the fewest bytes that reach this MS-SSIM", 0, 1),
  )


def define_entropy_coder_flag(known: list[str]) -> flags.FlagHolder:
  """Defines --entropy_coder for a program that compresses."""
  text = "learned: the model's, smaller files; none: the bits as they are (default: learned, if the"
  return flags.DEFINE_enum("entropy_coder", None, known, f"{text} model has one)")


def define_precision_flag(decoding: bool = False) -> flags.FlagHolder:
  """Defines --precision for the program that calls this; with int8, if decoding is what counts."""
  known = ["float32", "mixed_bfloat16"]
  text = "of the networks; bfloat16 is faster on processors that have it, and a little worse"
  if decoding:
    known.append("int8")
    text += (
      "; int8 decodes in about half the time and without TensorFlow, with the package"
      " ai-edge-litert, and loses some hundredths of a decibel"
    )
  return flags.DEFINE_enum("precision", known[0], known, text)


def plan(sources: list[str], suffix: str, outputs: OutputFlags) -> list[Job]:
  """Pairs inputs with outputs: beside the input, in --output_dir, or --output for one input.

  An input that is named twice is one. Inputs that would have the same output each have a problem;
  the others are not concerned.

  Raises:
    UsageError: if the flags contradict each other.
    OutputError: if the folder cannot be made.
  """
  output, output_dir = outputs.output.value, outputs.output_dir.value
  if output is not None and output_dir is not None:
    raise program.UsageError("--output and --output_dir exclude each other")
  if output is not None and len(sources) > 1:
    raise program.UsageError(f"--output is for one input, {len(sources)} were named")
  if outputs.overwrite.value and outputs.skip_existing.value:
    raise program.UsageError("--overwrite and --skip_existing exclude each other")
  if output_dir is not None:
    files.make_folder(output_dir)
  sources = list(dict.fromkeys(sources))
  jobs = [Job(source, _target(source, suffix, output, output_dir)) for source in sources]
  same: dict[str, list[int]] = {}
  for number, job in enumerate(jobs):
    folder, name = os.path.split(job.target)
    same.setdefault(os.path.join(os.path.realpath(folder), name), []).append(number)
  for numbers in same.values():
    for number, other in zip(numbers, numbers[1:] + numbers[:1]):
      if number != other:
        source, target, _ = jobs[number]
        problem = f"{target} would be the output of {jobs[other].source}, too"
        jobs[number] = Job(source, target, problem)
  return jobs


def _target(source: str, suffix: str, output: str | None, output_dir: str | None) -> str:
  if output is not None:
    return output
  if source == program.STDIO:
    return program.STDIO
  path = pathlib.Path(source)
  folder = path.parent if output_dir is None else pathlib.Path(output_dir)
  return str(folder / (path.stem + suffix))


class _Outcome(NamedTuple):
  """What came of a job: lines for stdout (or stderr, where stdout carries data), or an error."""

  job: Job
  said: list[str]
  error: str | None = None
  skipped: bool = False


def run(
  jobs: Sequence[Job], work: Callable[[Job], None], unit: str, outputs: OutputFlags | None = None
) -> int:
  """Runs `work` for each job, with a bar on a terminal; goes on after a file that is bad.

  Args:
    jobs: what to do.
    work: does it; a function of the program, where several processes are asked for.
    unit: what the inputs are.
    outputs: the flags, where there are outputs: of several jobs, a line at the end counts what was
      done.

  Returns: the exit status.
  """
  from tqdm import tqdm

  begin = time.monotonic()
  to_stdout = any(job.target == program.STDIO for job in jobs) and outputs is not None
  if to_stdout:
    streams.claim_output()
  hide = len(jobs) < 2 or not sys.stderr.isatty()
  processes = 1 if outputs is None else min(outputs.jobs.value, len(jobs))
  outcomes = _outcomes(jobs, work, processes)
  done = skipped = failed = 0
  with tqdm(total=len(jobs), unit=unit, disable=hide, leave=False) as bar:
    for outcome in outcomes:
      with contextlib.nullcontext() if hide else tqdm.external_write_mode(file=sys.stderr):
        for line in outcome.said:
          say(line, outcome.job.target)
        if outcome.error is not None:
          program.report(outcome.error)
      done += outcome.error is None and not outcome.skipped
      skipped += outcome.skipped
      failed += outcome.error is not None
      bar.update()
  if outputs is not None and len(jobs) > 1:
    seconds = time.monotonic() - begin
    say(summary(done, skipped, failed, seconds, unit), program.STDIO if to_stdout else "")
  return program.EXIT_BAD_INPUT if failed else 0


def summary(done: int, skipped: int, failed: int, seconds: float, unit: str) -> str:
  """The line at the end of many files."""
  rate = done / max(seconds, 1e-9) * 60
  return f"{done} done, {skipped} skipped, {failed} failed; {rate:.1f} {unit}s per minute"


def _outcomes(
  jobs: Sequence[Job], work: Callable[[Job], None], processes: int
) -> Iterator[_Outcome]:
  """The outcome of each job; those of pipes are done in this process."""
  if processes < 2:
    yield from (_attempt(work, job) for job in jobs)
    return
  yield from (_attempt(work, job) for job in jobs if not _may_be_apart(job))
  threads = workers.threads_each(processes)
  left = filter(_may_be_apart, jobs)
  attempt = functools.partial(_attempt_apart, work)
  while True:
    try:
      yield from workers.run(attempt, left, processes, threads)
      return
    except workers.KilledError as error:  # which one was too much for it? Each gets its own
      for job in error.unfinished:
        try:
          yield from workers.run(attempt, [job], 1, threads)
        except workers.KilledError:
          yield _Outcome(job, [], f"{job.source}: its process was killed, perhaps for its memory")


def _may_be_apart(job: Job) -> bool:
  return program.STDIO not in (job.source, job.target) and not job.problem


def _attempt_apart(work: Callable[[Job], None], job: Job) -> _Outcome:
  """In another process, which knows the command line and not yet the flags."""
  program.parse_flags()
  return _attempt(work, job)


_said: list[str] | None = None
"""What is said about the file at work, until that is done."""


def _attempt(work: Callable[[Job], None], job: Job) -> _Outcome:
  global _said
  said: list[str] = []
  _said = said
  try:
    if job.problem:
      raise OutputError(job.problem)
    work(job)
  except Skip:
    return _Outcome(job, said, skipped=True)
  except (CompressionError, MemoryError) as error:
    name = "standard input" if job.source == program.STDIO else job.source
    return _Outcome(job, said, complaint(error, name, f"{job.target}: ", "standard input "))
  finally:
    _said = None
  return _Outcome(job, said)


def complaint(error: CompressionError | MemoryError, source: str, *beginnings: str) -> str:
  """A line that names the input, unless it begins as lines do that need not."""
  message = "not enough memory" if isinstance(error, MemoryError) else str(error)
  named = message.startswith((f"{source}: ", *beginnings))
  return message if named else f"{source}: {message}"


def open_source(source: str) -> tuple[str | BinaryIO, str]:
  """What to read an image from, and its name for messages.

  Raises:
    CompressionError: if it is stdin, and that cannot be read.
  """
  if source == program.STDIO:
    return io.BytesIO(streams.read_input()), "standard input"
  return source, source


def read_source(source: str) -> bytes:
  """The bytes of a file or of stdin.

  Raises:
    CompressionError: if it cannot be read.
  """
  if source == program.STDIO:
    return streams.read_input()
  try:
    return pathlib.Path(source).read_bytes()
  except FileNotFoundError:
    raise CompressionError(f"{source}: no such file") from None
  except (OSError, ValueError) as error:  # a zero in the name
    reason = error.strerror if isinstance(error, OSError) else error
    raise CompressionError(f"{source}: cannot be read: {reason}") from error


def check_targets(targets: Sequence[str], source: str, outputs: OutputFlags) -> None:
  """Checks the outputs of an input before the work.

  Raises:
    OutputError: if one could not be written.
    Skip: if all are there and may be left as they are.
  """
  left = [target for target in targets if not _is_left(target, outputs)]
  if not left:
    raise Skip
  for target in left:
    if target == program.STDIO:
      streams.check_output()
    else:
      files.check_output(target, outputs.overwrite.value, source)


def _is_left(target: str, outputs: OutputFlags) -> bool:
  """Whether --skip_existing leaves an output as it is."""
  return outputs.skip_existing.value and target != program.STDIO and files.is_written(target)


def write_target(target: str, data: bytes, outputs: OutputFlags) -> None:
  """Writes a file whole or not at all, or to stdout.

  Raises:
    OutputError: if it exists or cannot be written.
  """
  if target == program.STDIO:
    streams.write_output(data)
  elif not _is_left(target, outputs):
    with files.atomic_write(target, outputs.overwrite.value) as file:
      file.write(data)


def say(line: str, target: str) -> None:
  """Prints a result, after the work of the file; to stderr where stdout carries the data."""
  if _said is not None:
    _said.append(line)
    return
  stream = sys.stderr if target == program.STDIO else sys.stdout
  print(program.one_line(line), file=stream, flush=True)


def describe(pixels: int, size: int) -> str:
  """Bytes, bits per pixel and the ratio to uncompressed pixels."""
  bpp = 8 * size / pixels
  return f"{size} bytes, {bpp:.3f} bpp, {_RAW_BITS_PER_PIXEL / bpp:.1f}:1"
