"""What compress and decompress share: many inputs, an output for each, `-` for stdin and stdout."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import sys
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from absl import flags

from compression.common import program
from compression.common.errors import CompressionError, OutputError
from compression.common.files import atomic_write, check_output, make_folder

_RAW_BITS_PER_PIXEL = 24


class Job(NamedTuple):
  """An input and where its output goes; either may be `-`."""

  source: str
  target: str


class OutputFlags(NamedTuple):
  """The flags that say where outputs go."""

  output: flags.FlagHolder
  output_dir: flags.FlagHolder
  overwrite: flags.FlagHolder


def define_output_flags() -> OutputFlags:
  """Defines --output, --output_dir and --overwrite for the program that calls this."""
  return OutputFlags(
    flags.DEFINE_string("output", None, "where the output goes, for one input; - is stdout"),
    flags.DEFINE_string("output_dir", None, "the folder that the outputs go to; made if need be"),
    flags.DEFINE_bool("overwrite", False, "replace outputs that exist"),
  )


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

  Raises:
    UsageError: if the flags contradict each other.
    OutputError: if two inputs would have the same output, or the folder cannot be made.
  """
  output, output_dir = outputs.output.value, outputs.output_dir.value
  if output is not None and output_dir is not None:
    raise program.UsageError("--output and --output_dir exclude each other")
  if output is not None and len(sources) > 1:
    raise program.UsageError(f"--output is for one input, {len(sources)} were named")
  if output_dir is not None:
    make_folder(output_dir)
  jobs: list[Job] = []
  taken: dict[str, str] = {}
  for source in sources:
    target = _target(source, suffix, output, output_dir)
    place = os.path.join(os.path.realpath(os.path.dirname(target)), os.path.basename(target))
    if place in taken:
      raise OutputError(f"{target}: would be the output of both {taken[place]} and {source}")
    taken[place] = source
    jobs.append(Job(source, target))
  return jobs


def _target(source: str, suffix: str, output: str | None, output_dir: str | None) -> str:
  if output is not None:
    return output
  if source == program.STDIO:
    return program.STDIO
  path = pathlib.Path(source)
  folder = path.parent if output_dir is None else pathlib.Path(output_dir)
  return str(folder / (path.stem + suffix))


def run(jobs: list[Job], work: Callable[[Job], None], unit: str) -> int:
  """Runs `work` for each job, with a bar on a terminal; goes on after a file that is bad.

  Returns: the exit status.
  """
  from tqdm import tqdm

  status = 0
  hide = len(jobs) < 2 or not sys.stderr.isatty()
  for job in tqdm(jobs, unit=unit, disable=hide, leave=False):
    bar = contextlib.nullcontext() if hide else tqdm.external_write_mode(file=sys.stderr)
    with bar:
      try:
        work(job)
      except CompressionError as error:
        message = str(error)
        name = "standard input" if job.source == program.STDIO else job.source
        named = message.startswith((f"{name}: ", f"{job.target}: "))
        program.report(message if named else f"{name}: {message}")
        status = program.EXIT_BAD_INPUT
  return status


def open_source(source: str) -> tuple[str | BinaryIO, str]:
  """What to read an image from, and its name for messages."""
  if source == program.STDIO:
    return io.BytesIO(sys.stdin.buffer.read()), "standard input"
  return source, source


def read_source(source: str) -> bytes:
  """The bytes of a file or of stdin.

  Raises:
    CompressionError: if it cannot be read.
  """
  if source == program.STDIO:
    return sys.stdin.buffer.read()
  try:
    return pathlib.Path(source).read_bytes()
  except FileNotFoundError:
    raise CompressionError(f"{source}: no such file") from None
  except OSError as error:
    raise CompressionError(f"{source}: cannot be read: {error.strerror}") from error


def check_target(target: str, outputs: OutputFlags) -> None:
  """Raises OutputError if the target could not be written; do so before the work."""
  if target != program.STDIO:
    check_output(target, outputs.overwrite.value)


def write_target(target: str, data: bytes, outputs: OutputFlags) -> None:
  """Writes a file whole or not at all, or to stdout.

  Raises:
    OutputError: if it exists or cannot be written.
  """
  if target == program.STDIO:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return
  with atomic_write(target, outputs.overwrite.value) as file:
    file.write(data)


def say(line: str, target: str) -> None:
  """Prints a result; to stderr where stdout carries the data."""
  print(line, file=sys.stderr if target == program.STDIO else sys.stdout, flush=True)


def describe(pixels: int, size: int) -> str:
  """Bytes, bits per pixel and the ratio to uncompressed pixels."""
  bpp = 8 * size / pixels
  return f"{size} bytes, {bpp:.3f} bpp, {_RAW_BITS_PER_PIXEL / bpp:.1f}:1"
