"""What every program does alike: flags, one line for an error, and the exit status.

Exit status: 0 success, 1 bad input (one line on stderr), 2 wrong usage (one line), 130 interrupted.
"""

from __future__ import annotations

import glob
import os
import signal
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import NoReturn

from absl import flags

from compression.common import streams
from compression.common.errors import CompressionError

EXIT_BAD_INPUT = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_HELP = ("-h", "-help", "--help", "--helpshort", "-?")

_terminated = False  # by SIGTERM

STDIO = "-"
"""Stands for standard input or output where a file name is expected."""


class UsageError(Exception):
  """The command line asks for something that makes no sense; one line."""


def run(main: Callable[[list[str]], int | None]) -> NoReturn:
  """Parses the command line, runs `main` with what is not a flag, and exits.

  Flags may stand before and after the files. Import what needs TensorFlow inside `main`: then
  `--help` and usage errors are quick.
  """
  streams.protect()
  try:
    try:
      status = main(_parse(sys.argv)) or 0
      streams.flush()
    except Exception:
      # Where a library called Python, it made another exception of the one that ends the program.
      if not _terminated:
        raise
      status = 128 + signal.SIGTERM
  except UsageError as error:
    status = _fail(str(error), EXIT_USAGE)
  except CompressionError as error:
    status = _fail(str(error), EXIT_BAD_INPUT)
  except MemoryError:
    status = _fail("not enough memory", EXIT_BAD_INPUT)
  except KeyboardInterrupt:
    status = _fail("interrupted", EXIT_INTERRUPTED)
  sys.exit(status)


def require(argv: list[str], *required: flags.FlagHolder) -> list[str]:
  """For programs without positional arguments: the values of flags that must be given.

  Raises:
    UsageError: if one is not, or there is a positional argument.
  """
  if argv:
    raise UsageError(f"{argv[0]}: unexpected argument; --help shows the usage")
  for flag in required:
    if not flag.value:
      raise UsageError(f"--{flag.name} is missing; --help shows the usage")
  return [str(flag.value) for flag in required]


def end_cleanly_when_terminated() -> None:
  """From now on SIGTERM, too, removes what is half-written, as Ctrl-C does."""
  signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, _: object) -> NoReturn:
  global _terminated
  _terminated = True
  sys.exit(128 + number)


def warn(message: str) -> None:
  """One line on stderr."""
  print(f"warning: {one_line(message)}", file=sys.stderr)


def report(error: Exception | str) -> None:
  """One line on stderr for an error after which the program goes on with the next file."""
  _fail(str(error), EXIT_BAD_INPUT)


def one_line(message: str) -> str:
  """A message as one line, whatever is in the names in it."""
  return " ".join(message.split())


def expand(patterns: Sequence[str]) -> list[str]:
  """File names from names and patterns: shells expand patterns, but not every one does.

  Raises:
    UsageError: if there are none.
    CompressionError: if it is a single pattern, and matches nothing. Of several, one that matches
      nothing stands for itself, and is no file.
  """
  if not patterns:
    raise UsageError("no file was named; --help shows the usage")
  names = []
  for pattern in patterns:
    if pattern == STDIO or os.path.exists(pattern) or not glob.has_magic(pattern):
      names.append(pattern)
      continue
    found = sorted(glob.glob(pattern, recursive=True))
    if not found and len(patterns) == 1:
      raise CompressionError(f"{pattern}: matches no file")
    names += found or [pattern]
  return names


def split(argv: list[str]) -> tuple[list[str], list[str]]:
  """Our arguments and those of a library: flags that are not ours, and the values behind them."""
  ours, others = argv[:1], argv[:0]
  behind = ours
  for word in argv[1:]:
    if word.startswith("-"):
      name = word.lstrip("-").split("=")[0]
      is_ours = name in flags.FLAGS or name.removeprefix("no") in flags.FLAGS or word in _HELP
      kind = ours if is_ours else others
      kind.append(word)
      behind = ours if "=" in word else kind
    else:
      behind.append(word)
  return ours, others


def parse_flags() -> None:
  """Parses the flags in a process that another one has started, to work for it."""
  if not flags.FLAGS.is_parsed():
    streams.protect()
    _parse(sys.argv)


def _parse(argv: list[str]) -> list[str]:
  if any(word in _HELP for word in argv[1:]):
    print(_help())
    streams.flush()
    sys.exit(0)
  flags.FLAGS.set_gnu_getopt(True)
  try:
    return flags.FLAGS(argv)[1:]
  except flags.Error as error:
    raise UsageError(f"{error}; --help shows the usage") from error


def _help() -> str:
  """The program's docstring and the flags of our modules."""
  lines = [(sys.modules["__main__"].__doc__ or "").strip(), "", "Flags:"]
  by_module = flags.FLAGS.flags_by_module_dict()
  ours = [name for name in by_module if name == sys.argv[0] or name.startswith("compression.")]
  for flag in sorted((f for name in ours for f in by_module[name]), key=lambda f: f.name):
    default = "" if flag.default is None else f" (default: {flag.default})"
    text = f"{flag.help}{default}"
    lines += textwrap.wrap(
      text, 100, initial_indent=f"  --{flag.name:16} ", subsequent_indent=" " * 21
    )
  return "\n".join(lines)


def _fail(message: str, status: int) -> int:
  print(f"error: {one_line(message)}", file=sys.stderr)
  return status
