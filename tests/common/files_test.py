"""Outputs are written whole or not at all."""

from __future__ import annotations

import os
import pathlib
import signal
import stat
import subprocess
import sys

import pytest

from compression.common.errors import OutputError
from compression.common.files import (
  atomic_folder,
  atomic_write,
  check_folder,
  check_output,
  make_folder,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]


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
    "from compression.common.files import atomic_write\n"
    "with atomic_write(sys.argv[1]) as file:\n"
    "  file.write(b'half'); file.flush(); print('written', flush=True); time.sleep(60)\n"
  )
  environment = {**os.environ, "PYTHONPATH": str(ROOT)}
  process = subprocess.Popen(
    [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, env=environment
  )
  assert process.stdout is not None
  with process.stdout:
    assert process.stdout.readline() == b"written\n"
  process.send_signal(signal.SIGKILL)
  process.wait()
  assert path.read_bytes() == b"old"


def _contents(folder: pathlib.Path) -> dict[str, str]:
  return {file.name: file.read_text() for file in folder.iterdir()}


def test_a_folder_appears_only_when_the_block_ends(tmp_path: pathlib.Path) -> None:
  path = tmp_path / "x" / "out"
  with atomic_folder(path, overwrite=False, contents=["a"]) as folder:
    (folder / "a").write_text("new")
    assert not path.exists()
  assert _contents(path) == {"a": "new"}
  assert os.listdir(path.parent) == ["out"]
  (tmp_path / "ordinary").mkdir()
  assert path.stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_an_old_folder_is_kept_or_replaced_as_a_whole(tmp_path: pathlib.Path) -> None:
  path = tmp_path / "out"
  path.mkdir()
  (path / "a").write_text("old")
  with pytest.raises(OutputError, match="out: exists already; --overwrite replaces it"):
    with atomic_folder(path, overwrite=False, contents=["a", "b"]):
      pass
  for error in (KeyError, KeyboardInterrupt):
    with pytest.raises(error), atomic_folder(path, overwrite=True, contents=["a", "b"]) as folder:
      (folder / "a").write_text("half")
      raise error
  assert _contents(path) == {"a": "old"}
  with atomic_folder(path, overwrite=True, contents=["a", "b"]) as folder:
    (folder / "b").write_text("new")
    assert _contents(path) == {"a": "old"}
  assert _contents(path) == {"b": "new"}
  assert os.listdir(tmp_path) == ["out"]


def test_a_folder_that_comes_late_is_kept(tmp_path: pathlib.Path) -> None:
  path = tmp_path / "out"
  with pytest.raises(OutputError, match="exists already"):
    with atomic_folder(path, overwrite=False, contents=["a"]) as folder:
      (folder / "a").write_text("ours")
      path.mkdir()
      (path / "a").write_text("theirs")
  assert _contents(path) == {"a": "theirs"}
  assert os.listdir(tmp_path) == ["out"]


def test_an_old_folder_comes_back_if_the_new_one_cannot_take_its_place(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  path = tmp_path / "out"
  path.mkdir()
  (path / "a").write_text("old")
  rename = os.rename

  def fails(source: str, target: object) -> None:
    if str(source).endswith("new"):
      raise OSError(28, "No space left on device")
    rename(source, target)

  monkeypatch.setattr(os, "rename", fails)
  with pytest.raises(OutputError, match="cannot be written: No space left"):
    with atomic_folder(path, overwrite=True, contents=["a"]):
      pass
  assert _contents(path) == {"a": "old"}
  assert os.listdir(tmp_path) == ["out"]


def test_folders_of_others_are_never_replaced(tmp_path: pathlib.Path) -> None:
  (tmp_path / "photos").mkdir()
  (tmp_path / "photos" / "cat").touch()
  (tmp_path / "file").touch()
  (tmp_path / "link").symlink_to(tmp_path / "photos")
  (tmp_path / "dangling").symlink_to(tmp_path / "gone")
  for name, message in {
    "photos": "photos: holds cat, and so is not replaced",
    "file": "file: is not a folder",
    "link": "link: is not a folder",
    "dangling": "dangling: is not a folder",
  }.items():
    with pytest.raises(OutputError, match=message):
      check_folder(tmp_path / name, overwrite=True, contents=["a"])
    with pytest.raises(OutputError, match="exists already"):
      check_folder(tmp_path / name, overwrite=False, contents=["a"])
  check_folder(tmp_path / "new", overwrite=False, contents=["a"])
  with pytest.raises(OutputError, match="cannot be written|cannot be made"):
    with atomic_folder("/proc/nothing", overwrite=False, contents=["a"]):
      pass
