"""What programs share: patterns, flags and exit statuses."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
from absl import flags

from compression.common import program
from compression.common.errors import CompressionError

ROOT = pathlib.Path(__file__).resolve().parents[2]

_PROGRAM = '''
"""Does something."""
import signal, sys
from absl import flags
from compression.common import errors, program
FAIL = flags.DEFINE_string("fail", "", "how")
def main(argv):
  if FAIL.value == "input":
    raise errors.ImageError("x.png: a message\\nof two lines")
  if FAIL.value == "memory":
    raise MemoryError
  if FAIL.value == "interrupt":
    raise KeyboardInterrupt
  if FAIL.value == "terminated in a library":
    program.end_cleanly_when_terminated()
    try:
      signal.raise_signal(signal.SIGTERM)
    except BaseException:
      raise RuntimeError("a callback failed")
  if FAIL.value == "bug":
    raise ZeroDivisionError
  for _ in range(100000 if FAIL.value == "pipe" else 1):
    print(argv)
program.run(main)
'''


def _run(*args: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
  return subprocess.run(  # type: ignore[call-overload, no-any-return]
    [sys.executable, "-c", _PROGRAM, *args],
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    text=True,
    **{"capture_output": True, **kwargs},
  )


def test_flags_may_stand_anywhere() -> None:
  result = _run("a", "--fail=", "-", "b")
  assert (result.returncode, result.stdout) == (0, "['a', '-', 'b']\n")


@pytest.mark.parametrize(
  "how,status,line",
  [
    ("input", 1, "error: x.png: a message of two lines\n"),
    ("memory", 1, "error: not enough memory\n"),
    ("interrupt", 130, "error: interrupted\n"),
    ("terminated in a library", 143, ""),
  ],
)
def test_errors_are_one_line_with_a_status(how: str, status: int, line: str) -> None:
  result = _run(f"--fail={how}")
  assert (result.returncode, result.stderr) == (status, line)


def test_a_bug_shows_its_traceback() -> None:
  result = _run("--fail=bug")
  assert result.returncode == 1 and "ZeroDivisionError" in result.stderr


def test_a_reader_that_goes_away_is_one_line() -> None:
  command = f"{sys.executable} -c '{_PROGRAM}' --fail=pipe | head -n 1"
  result = subprocess.run(
    ["bash", "-c", command],
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
    check=True,
  )
  assert result.stdout == "[]\n"
  assert result.stderr == "error: standard output cannot be written: nobody reads it\n"


def test_patterns(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
  monkeypatch.chdir(tmp_path)
  for name in ("b.png", "a.png", "c[1].png"):
    (tmp_path / name).touch()
  assert program.expand(["?.png", "-", "gone.png"]) == ["a.png", "b.png", "-", "gone.png"]
  assert program.expand(["c[1].png"]) == ["c[1].png"]  # a file of that very name
  with pytest.raises(CompressionError, match=r"\*.jpg: matches no file"):
    program.expand(["*.jpg"])
  assert program.expand(["*.jpg", "b.png"]) == ["*.jpg", "b.png"]  # others are done
  with pytest.raises(program.UsageError):
    program.expand([])


def test_flags_that_are_not_ours_are_a_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
  ours = flags.FlagValues()
  flags.DEFINE_string("images", None, "", ours)
  flags.DEFINE_string("output", None, "", ours)
  flags.DEFINE_integer("keep", 1, "", flag_values=ours)
  flags.DEFINE_bool("overwrite", False, "", ours)
  monkeypatch.setattr(flags, "FLAGS", ours)
  line = "mine --images a --runner=R x --keep=3 --flink_master b --nooverwrite -o c --output e -h"
  kept, others = program.split(line.split())
  assert kept == "mine --images a x --keep=3 --nooverwrite --output e -h".split()
  assert others == "--runner=R --flink_master b -o c".split()
