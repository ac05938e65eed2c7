"""Standard streams that are full, closed, gone, or cannot print a name: seen from outside."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, as Linux has")

# Does its work, reports on it, and writes a file to stdout if it is asked to.
_PROGRAM = """
import os, sys
from compression.common import program, streams
def main(argv):
  if "claim" in argv:
    streams.claim_output()
    print("a report"); os.write(1, b"of a library\\n")
  if "file" in argv:
    streams.write_output(b"file")
  if "input" in argv:
    streams.read_input()
  open(argv[0], "w").write("before")
  if "many" in argv:
    print("line\\n" * 100000)
  print("m\\xfchle \\u65e5 \\udcff")
  program.warn("m\\xfchle \\udcff")
  open(argv[0], "w").write("done")
program.run(main)
"""


def run(
  folder: pathlib.Path, command: str, *words: str, **more: str
) -> subprocess.CompletedProcess[bytes]:
  """By a shell, in which PROGRAM stands for it; its work is to write `work`."""
  call = f"'{sys.executable}' -c '{_PROGRAM}' work {' '.join(words)}"
  environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", **more}
  return subprocess.run(
    ["bash", "-c", "set -o pipefail; " + command.replace("PROGRAM", call)],
    cwd=folder,
    env=environment,
    capture_output=True,
  )


def done(folder: pathlib.Path) -> bool:
  return (folder / "work").read_text() == "done"


@pytest.mark.parametrize("encoding", ["ascii", "ascii:strict", "latin-1", "utf-8"])
def test_names_that_cannot_be_printed_are_escaped(tmp_path: pathlib.Path, encoding: str) -> None:
  result = run(tmp_path, "PROGRAM", PYTHONIOENCODING=encoding)
  codec = encoding.partition(":")[0]
  name = "m\xfchle \u65e5 \udcff".encode(codec, "backslashreplace")
  assert (result.returncode, result.stdout) == (0, name + b"\n")
  assert result.stderr.startswith(b"warning: m") and done(tmp_path)


@pytest.mark.parametrize(
  "redirection, status, line",
  [
    (">&-", 0, None),
    pytest.param("> /dev/full", 1, b"No space left on device", marks=FULL),
    ("| head -c 0", 1, b"nobody reads it"),
  ],
)
def test_work_is_done_though_nobody_reads_of_it(
  tmp_path: pathlib.Path, redirection: str, status: int, line: bytes | None
) -> None:
  result = run(tmp_path, f"PROGRAM {redirection}", "many")
  warning, *errors = result.stderr.splitlines()
  assert result.returncode == status and done(tmp_path)
  assert warning.startswith(b"warning: ")
  assert errors == ([b"error: standard output cannot be written: " + line] if line else [])


@pytest.mark.parametrize("redirection", ["2>&-", pytest.param("2> /dev/full", marks=FULL)])
def test_without_stderr_nothing_else_changes(tmp_path: pathlib.Path, redirection: str) -> None:
  result = run(tmp_path, f"PROGRAM {redirection}")
  assert result.returncode == 0 and done(tmp_path)
  assert result.stdout == b"m\\xfchle \\u65e5 \\udcff\n"  # and no warning in between


def test_no_file_is_opened_in_the_place_of_a_closed_stream(tmp_path: pathlib.Path) -> None:
  result = run(tmp_path, "PROGRAM <&- >&- 2>&-")
  assert result.returncode == 0 and done(tmp_path)


@pytest.mark.parametrize(
  "redirection, line",
  [
    (">&-", b"is closed"),
    pytest.param("> /dev/full", b"cannot be written: No space left on device", marks=FULL),
    ("| head -c 0", b"cannot be written: nobody reads it"),
  ],
)
@pytest.mark.parametrize("words", [["file"], ["claim", "file"]])
def test_a_file_that_stdout_does_not_take_is_one_line(
  tmp_path: pathlib.Path, redirection: str, line: bytes, words: list[str]
) -> None:
  command = f"PROGRAM {redirection}"
  if "head" in redirection:  # which is gone by then
    command = "{ trap '' PIPE; until ! echo 2> /dev/null; do :; done; PROGRAM; } | :"
  result = run(tmp_path, command, *words)
  errors = [each for each in result.stderr.splitlines() if each.startswith(b"error")]
  assert errors == [b"error: standard output " + line]
  assert result.returncode == 1 and b"Traceback" not in result.stderr
  assert not (tmp_path / "work").exists()


def test_a_file_on_stdout_is_the_file_and_nothing_else(tmp_path: pathlib.Path) -> None:
  result = run(tmp_path, "PROGRAM", "claim", "file")
  assert (result.returncode, result.stdout) == (0, b"file")
  for said in (b"a report\n", b"of a library\n", b"warning: "):
    assert said in result.stderr
  result = run(tmp_path, "PROGRAM 2>&-", "claim", "file")
  assert (result.returncode, result.stdout) == (0, b"file")


def test_input_that_is_closed_is_one_line(tmp_path: pathlib.Path) -> None:
  result = run(tmp_path, "PROGRAM <&-", "input")
  assert (result.returncode, result.stdout) == (1, b"")
  assert result.stderr == b"error: standard input is closed\n"
