"""Standard input, output and error of programs, also where they are full, closed or gone.

What a program prints is a report on its work: one that cannot be printed never stops the work. It
is said when the work is done, by `flush`. What goes to stdout as a file is another matter
(`output`): it is the file and nothing else, and if it cannot be written there is no more to do.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import BinaryIO

from compression.common.errors import CompressionError, OutputError

_INPUT, _OUTPUT, _ERROR = "stdin", "stdout", "stderr"
_NAMES = (_INPUT, _OUTPUT, _ERROR)  # in the order of their descriptors


class _Report(io.RawIOBase):
  """Writes to a descriptor; keeps its first error, and writes no more after it."""

  def __init__(self, descriptor: int):
    self._descriptor = descriptor
    self.error: OSError | None = None

  def writable(self) -> bool:
    return True

  def fileno(self) -> int:
    return self._descriptor

  def isatty(self) -> bool:
    return os.isatty(self._descriptor)

  def write(self, data: bytes) -> int:  # type: ignore[override]
    if self.error is None:
      left = memoryview(data)
      try:
        while left:
          left = left[os.write(self._descriptor, left) :]
      except OSError as error:
        self.error = error
    return len(data)


class _State:
  """What `protect` and `claim_output` found and made.

  Attributes:
    closed: which streams were closed.
    report: what is printed to standard output, if that is a file of the system.
    claimed: what `write_output` writes to, once it is claimed.
    is_told: whether an error of the report has been raised.
  """

  def __init__(self) -> None:
    self.closed: set[str] = set()
    self.report: _Report | None = None
    self.claimed: BinaryIO | None = None
    self.is_told = False


_state = _State()


def protect() -> None:
  """From now on, printing raises nothing, and no file is opened in the place of a closed stream.

  Characters that a stream cannot encode are escaped. Streams that are no files of the system, as
  where this is called by tests, only get that.
  """
  global _state
  _state = _State()
  for descriptor, name in enumerate(_NAMES):
    stream = getattr(sys, name)
    if stream is None:
      _state.closed.add(name)
      _fill(descriptor)
      mode = "r" if name == _INPUT else "w"
      stream = open(os.devnull, mode, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    elif name != _INPUT:
      stream = _protected(name, stream)
    setattr(sys, name, stream)


def _fill(descriptor: int) -> None:
  """Else the next file that is opened would be the one that libraries write their messages to."""
  try:
    os.fstat(descriptor)
  except OSError:
    null = os.open(os.devnull, os.O_RDWR)
    if null != descriptor:
      os.dup2(null, descriptor)
      os.close(null)


def _protected(name: str, stream: io.TextIOWrapper) -> io.TextIOWrapper:
  try:
    descriptor = stream.fileno()
  except (OSError, AttributeError):
    with contextlib.suppress(AttributeError):
      stream.reconfigure(errors="backslashreplace")
    return stream
  report = _Report(descriptor)
  if name == _OUTPUT:
    _state.report = report
  buffer = io.BufferedWriter(report)  # type: ignore[type-var]
  is_line_buffered = name == _ERROR or stream.isatty()
  return io.TextIOWrapper(
    buffer, stream.encoding, "backslashreplace", line_buffering=is_line_buffered
  )


def flush() -> None:
  """Writes what was printed.

  Raises:
    OutputError: if any of it could not be written to standard output, and nothing has said so yet.
      Nothing is said where that was closed from the beginning: nobody wanted to know.
  """
  sys.stdout.flush()
  if not _state.is_told:
    _raise_error()


def _raise_error() -> None:
  if _state.report is not None and _state.report.error is not None:
    _state.is_told = True
    raise _failed(_state.report.error)


def check_input() -> None:
  """Raises CompressionError if standard input is closed."""
  if _INPUT in _state.closed:
    raise CompressionError("standard input is closed")


def read_input() -> bytes:
  """All of standard input.

  Raises:
    CompressionError: if it is closed, or cannot be read.
  """
  check_input()
  try:
    return sys.stdin.buffer.read()
  except OSError as error:
    raise CompressionError(f"standard input cannot be read: {error.strerror}") from error


def check_output() -> None:
  """Raises OutputError if standard output is closed, or could not be written before."""
  if _OUTPUT in _state.closed:
    raise OutputError("standard output is closed")
  sys.stdout.flush()
  _raise_error()


def claim_output() -> None:
  """From now on, `write_output` alone writes to standard output.

  What is printed goes to standard error, also what libraries of C print.
  """
  if _OUTPUT in _state.closed or _state.claimed is not None:
    return
  sys.stdout.flush()
  if _state.report is None:
    _state.claimed = sys.stdout.buffer
  else:
    _state.report = _Report(os.dup(_state.report.fileno()))
    _state.claimed = io.BufferedWriter(_state.report)  # type: ignore[type-var]
    os.dup2(sys.stderr.fileno(), 1)
  sys.stdout = sys.stderr


def write_output(data: bytes) -> None:
  """Writes a file to standard output.

  Raises:
    OutputError: if that is closed, or cannot be written.
  """
  check_output()
  target = _state.claimed or sys.stdout.buffer
  try:
    target.write(data)
    target.flush()
  except OSError as error:  # of a stream that is not protected
    raise _failed(error) from error
  _raise_error()


def _failed(error: OSError) -> OutputError:
  reason = "nobody reads it" if error.errno == errno.EPIPE else error.strerror
  return OutputError(f"standard output cannot be written: {reason}")
