"""Outputs are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import pathlib
import signal
import stat
import subprocess
import sys
import threading

import pytest

from compression.common.errors import OutputError
from compression.common.files import (
  atomic_folder,
  atomic_write,
  check_folder,
  check_output,
  is_written,
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


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
  """A file system without hard links, as exFAT and drives of clouds are."""

  def refuse(*_: object) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

  monkeypatch.setattr(os, "link", refuse)


def test_without_hard_links_files_are_whole_and_others_kept(
  tmp_path: pathlib.Path, no_links: None, monkeypatch: pytest.MonkeyPatch
) -> None:
  path = tmp_path / "a"
  with atomic_write(path, overwrite=False) as file:
    file.write(b"ours")
  assert path.read_bytes() == b"ours" and os.listdir(tmp_path) == ["a"]
  path.unlink()
  with pytest.raises(OutputError, match="exists already"):
    with atomic_write(path, overwrite=False) as file:
      file.write(b"ours")
      path.write_bytes(b"theirs")
  assert path.read_bytes() == b"theirs" and os.listdir(tmp_path) == ["a"]
  path.unlink()

  def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  monkeypatch.setattr(os, "replace", full)
  with pytest.raises(OutputError, match="a: cannot be written: No space left"):
    with atomic_write(path, overwrite=False):
      pass
  assert os.listdir(tmp_path) == []


def test_many_writers_of_one_name_leave_one_whole_file(
  tmp_path: pathlib.Path, no_links: None
) -> None:
  path, wrote = tmp_path / "a", []

  def write(number: int) -> None:
    with contextlib.suppress(OutputError), atomic_write(path, overwrite=False) as file:
      file.write(bytes([number]) * 100000)
      file.flush()
      barrier.wait()
    if path.read_bytes() == bytes([number]) * 100000:
      wrote.append(number)

  barrier = threading.Barrier(4)
  threads = [threading.Thread(target=write, args=[number]) for number in range(4)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert len(wrote) == 1 and os.listdir(tmp_path) == ["a"]


def test_names_may_be_as_long_as_the_file_system_allows(tmp_path: pathlib.Path) -> None:
  longest = os.pathconf(tmp_path, "PC_NAME_MAX")
  for overwrite in (False, True):
    with atomic_write(tmp_path / ("n" * longest), overwrite) as file:
      file.write(b"x")
  for name in ("n" * (longest + 1), "\0"):
    with pytest.raises(OutputError, match="cannot be written: ") as caught:
      check_output(tmp_path / name, overwrite=True)
    assert "\n" not in str(caught.value)
  with atomic_folder(tmp_path / ("f" * longest), False, ["a"]):
    pass


def test_what_a_link_points_to_is_written_and_the_link_stays(tmp_path: pathlib.Path) -> None:
  (tmp_path / "real").mkdir()
  link = tmp_path / "link"
  link.symlink_to("real/target")  # which does not exist yet
  for overwrite, content in ((False, b"new"), (True, b"newer")):
    with atomic_write(link, overwrite) as file:
      file.write(content)
    assert link.is_symlink() and (tmp_path / "real/target").read_bytes() == content
  with pytest.raises(OutputError, match="link: exists already"):
    check_output(link, overwrite=False)
  link.unlink()
  link.symlink_to("gone/target")
  with pytest.raises(OutputError, match="link: there is no folder"):
    check_output(link, overwrite=False)
  link.unlink()
  link.symlink_to("link")  # to itself
  with pytest.raises(OutputError):
    with atomic_write(link, overwrite=False):
      pass
  assert sorted(os.listdir(tmp_path)) == ["link", "real"]


def test_devices_and_pipes_are_written_and_stay(tmp_path: pathlib.Path) -> None:
  with atomic_write("/dev/null", overwrite=False) as file:
    file.write(b"gone")
  assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
  pipe = tmp_path / "pipe"
  os.mkfifo(pipe)
  found = []
  reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
  reader.start()
  with atomic_write(pipe, overwrite=True) as file:
    file.write(b"all")
  reader.join()
  assert found == [b"all"] and stat.S_ISFIFO(os.stat(pipe).st_mode)
  if os.path.exists("/dev/full"):
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space left"):
      with atomic_write("/dev/full") as file:
        file.write(b"x")


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no users as Unix has")
def test_folders_without_permission_are_refused_before_work(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  """Root may write all: it asks as somebody else, which `os.access` needs to be told."""
  tmp_path.chmod(0o755)
  monkeypatch.setattr(os, "access", functools.partial(os.access, effective_ids=True))
  user = os.geteuid()
  for mode in (0o000, 0o555):
    folder = tmp_path / f"{mode:o}"
    folder.mkdir()
    folder.chmod(mode)
    if user == 0:
      for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(0o755)
      os.seteuid(65534)
    try:
      with pytest.raises(OutputError, match="x: cannot be written: Permission denied"):
        check_output(folder / "x", overwrite=True)
    finally:
      os.seteuid(user)


def test_only_whole_files_count_as_written(tmp_path: pathlib.Path) -> None:
  (tmp_path / "empty").touch()
  (tmp_path / "a").write_bytes(b"x")
  found = [is_written(tmp_path / name) for name in ("a", "empty", "gone", "", "n" * 300)]
  assert found == [True, False, False, False, False]
