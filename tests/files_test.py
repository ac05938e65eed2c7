"""Outputs are written whole or not at all."""

from __future__ import annotations

import os
import pathlib
import signal
import stat
import subprocess
import sys

import pytest

from compression.errors import OutputError
from compression.files import atomic_write, check_output, make_folder


def test_the_file_appears_only_when_the_block_ends(tmp_path: pathlib.Path) -> None:
  path = tmp_path / "a"
  path.write_bytes(b"old")
  with atomic_write(path) as file:
    file.write(b"new")
    assert path.read_bytes() == b"old"
  assert path.read_bytes() == b"new"
  assert os.listdir(tmp_path) == ["a"]


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: pathlib.Path) -> None:
  path = tmp_path / "a"
  path.write_bytes(b"old")
  with pytest.raises(KeyError), atomic_write(path) as file:
    file.write(b"half")
    raise KeyError
  assert path.read_bytes() == b"old"
  assert os.listdir(tmp_path) == ["a"]


def test_overwrite_must_be_allowed_even_if_the_file_comes_late(tmp_path: pathlib.Path) -> None:
  path = tmp_path / "a"
  with pytest.raises(OutputError, match="exists already"):
    with atomic_write(path, overwrite=False) as file:
      file.write(b"ours")
      path.write_bytes(b"theirs")
  assert path.read_bytes() == b"theirs"
  assert os.listdir(tmp_path) == ["a"]
  with pytest.raises(OutputError, match="exists already"):
    check_output(path, overwrite=False)


def test_permissions_are_those_of_an_ordinary_file(tmp_path: pathlib.Path) -> None:
  with atomic_write(tmp_path / "a"):
    pass
  (tmp_path / "b").touch()
  modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"]
  assert modes[0] == modes[1]


def test_places_that_cannot_be_written_are_named(tmp_path: pathlib.Path) -> None:
  with pytest.raises(OutputError, match="is a directory"):
    check_output(tmp_path, overwrite=True)
  with pytest.raises(OutputError, match="there is no folder"):
    check_output(tmp_path / "gone" / "a", overwrite=True)
  with pytest.raises(OutputError, match="there is no folder|cannot be written"):
    with atomic_write(pathlib.Path("/proc/nothing/a")):
      pass


def test_folders_are_made_or_named(tmp_path: pathlib.Path) -> None:
  assert make_folder(tmp_path / "a" / "b").is_dir()
  assert make_folder(tmp_path / "a").is_dir()
  (tmp_path / "file").touch()
  with pytest.raises(OutputError, match="file: cannot be made"):
    make_folder(tmp_path / "file")


def test_a_killed_writer_leaves_the_old_file(tmp_path: pathlib.Path) -> None:
  path = tmp_path / "a"
  path.write_bytes(b"old")
  code = (
    "import sys, time\n"
    "from compression.files import atomic_write\n"
    "with atomic_write(sys.argv[1]) as file:\n"
    "  file.write(b'half'); file.flush(); print('written', flush=True); time.sleep(60)\n"
  )
  environment = {**os.environ, "PYTHONPATH": os.getcwd()}
  process = subprocess.Popen(
    [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, env=environment
  )
  assert process.stdout is not None
  with process.stdout:
    assert process.stdout.readline() == b"written\n"
  process.send_signal(signal.SIGKILL)
  process.wait()
  assert path.read_bytes() == b"old"
