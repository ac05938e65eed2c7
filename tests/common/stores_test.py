"""Files by Beam's file systems: local ones, and objects that have no folders."""

from __future__ import annotations

import os
import pathlib

import pytest

pytest.importorskip("apache_beam", reason="Apache Beam is not installed")

from compression.common import stores
from compression.common.errors import CompressionError, OutputError
from tests import object_store


@pytest.fixture(params=["local", "objects"])
def root(
  request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> str:
  """An empty place, on this machine or in an object store."""
  monkeypatch.setattr(object_store, "OBJECTS", {})
  return str(tmp_path) if request.param == "local" else "mem://bucket"


def test_files_are_written_whole_found_and_removed(root: str) -> None:
  assert stores.match(f"{root}/**") == []
  for name in ("a.png", "folder/b.png", "folder/deep/c.png"):
    stores.write(f"{root}/{name}", name.encode(), f"{root}/parts")
  stores.write(f"{root}/a.png", b"another")
  assert stores.read(f"{root}/a.png") == b"another"
  assert sorted(stores.match(f"{root}/**.png")) == [
    f"{root}/{name}" for name in ("a.png", "folder/b.png", "folder/deep/c.png")
  ]
  assert stores.match(f"{root}/*.png") == [f"{root}/a.png"]
  assert len(stores.match(f"{root}/**", limit=2)) == 2
  assert stores.exists(f"{root}/a.png") and stores.is_written(f"{root}/a.png")
  stores.write(f"{root}/empty", b"")
  assert stores.exists(f"{root}/empty") and not stores.is_written(f"{root}/empty")
  assert not stores.is_written(f"{root}/gone")
  stores.delete([f"{root}/a.png", f"{root}/empty"])
  stores.delete_folder(f"{root}/parts")
  stores.delete_folder(f"{root}/parts")  # which is no longer there
  left = stores.match(f"{root}/**")
  assert sorted(left) == [f"{root}/folder/b.png", f"{root}/folder/deep/c.png"]


def test_what_cannot_be_read_or_listed_is_a_line(root: str) -> None:
  with pytest.raises(CompressionError, match="gone.png: (no such file|cannot be read: no object)"):
    stores.read(f"{root}/gone.png")
  with pytest.raises(CompressionError, match="xyz://a/.: cannot be listed: Unable to get file"):
    stores.match("xyz://a/*")


def test_what_cannot_be_written_is_a_line(tmp_path: pathlib.Path) -> None:
  (tmp_path / "file").touch()
  with pytest.raises(OutputError, match="file/a.png: cannot be written: "):
    stores.write(f"{tmp_path}/file/a.png", b"a")
  with pytest.raises(OutputError, match="file/folder: cannot be made: "):
    stores.make_folder(f"{tmp_path}/file/folder")


def test_the_fixed_part_of_a_pattern_ends_with_a_slash() -> None:
  for pattern, fixed in (
    ("photos/**.jpg", "photos/"),
    ("gs://bucket/a/b[12]/*", "gs://bucket/a/"),
    ("photos/a?c/d.jpg", "photos/"),
    ("photos/a.jpg", "photos/"),
    ("*.jpg", ""),
  ):
    assert stores.fixed_folder(pattern) == fixed


def test_a_file_is_known_by_its_other_name(tmp_path: pathlib.Path) -> None:
  (tmp_path / "a").touch()
  os.link(tmp_path / "a", tmp_path / "b")
  assert stores.is_same(f"{tmp_path}/a", f"{tmp_path}/../{tmp_path.name}/b")
  assert not stores.is_same(f"{tmp_path}/a", f"{tmp_path}/c")
  assert stores.is_same("gs://a/b", "gs://a/b") and not stores.is_same("gs://a/b", "gs://a/c")
