"""Tests of compression/datasets/shards.py."""

from __future__ import annotations

import fnmatch
import pathlib

import pytest

from compression.common.errors import ConfigError
from compression.datasets import shards
from compression.datasets.shards import Shards


def touch(folder: pathlib.Path, *names: str) -> list[str]:
  for name in names:
    (folder / name).touch()
  return [f"{folder}/{name}" for name in names]


def test_a_name_stands_for_as_many_files() -> None:
  data = shards.parse("a-b@c/tiles@12.tfrecord")
  assert data == Shards("a-b@c/tiles", 12) and str(data) == "a-b@c/tiles@12.tfrecord"
  names = data.names()
  assert names[0] == "a-b@c/tiles-00000-of-00012.tfrecord"
  assert names[-1] == "a-b@c/tiles-00011-of-00012.tfrecord"
  assert len(set(names)) == 12 and names == sorted(names)
  assert set(names) == set(fnmatch.filter([*names, "a-b@c/tiles.tfrecord"], data.pattern()))


@pytest.mark.parametrize(
  "name",
  ["tiles.tfrecord", "tiles@8", "tiles@.tfrecord", "@8.tfrecord", "a/@8.tfrecord", "", "t@8.gz",
   "t@8.tfrecord.gz", "tiles@-1.tfrecord", "t@0.tfrecord", "t@100000.tfrecord", "t*@8.tfrecord"],
)  # fmt: skip
def test_other_names_are_refused(name: str) -> None:
  with pytest.raises(ConfigError, match="must be"):
    shards.parse(name)


def test_files_are_found_by_name_and_by_pattern(tmp_path: pathlib.Path) -> None:
  names = touch(tmp_path, *Shards("a", 2).names(), "b.tfrecord", "c[1].tfrecord")
  assert shards.find(f"{tmp_path}/a@2.tfrecord") == names[:2]
  assert shards.find(f"{tmp_path}/a-*.tfrecord,{tmp_path}/b.tfrecord") == names[:3]
  assert shards.find(f"{tmp_path}/*, {tmp_path}/a@2.tfrecord") == names
  assert shards.find(names[3]) == names[3:]
  (tmp_path / "in").mkdir()
  deep = touch(tmp_path / "in", "d.tfrecord")
  assert shards.find(f"{tmp_path}/**/d*") == deep


def test_what_is_missing_is_named(tmp_path: pathlib.Path) -> None:
  names = touch(tmp_path, *Shards("a", 3).names())
  for pattern in ("gone.tfrecord", "gone@2.tfrecord", "gone*", "a@4.tfrecord"):
    with pytest.raises(ConfigError, match="matches no file"):
      shards.find(f"{tmp_path}/a@3.tfrecord,{tmp_path}/{pattern}")
  pathlib.Path(names[1]).unlink()
  for pattern in ("a@3.tfrecord", "a-*.tfrecord", "*-00002-of-*"):
    with pytest.raises(ConfigError, match="a@3.tfrecord: . of 3 files are missing: .*a-0000[01]-"):
      shards.find(f"{tmp_path}/{pattern}")
