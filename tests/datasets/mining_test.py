"""Tests of compression/datasets/mining.py, on Beam's local runner."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("apache_beam", reason="Apache Beam is not installed")

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from compression.common.errors import CompressionError, ImageError, OutputError
from compression.datasets import mining, tile_records
from compression.datasets.hard_tiles import hardest_tiles
from compression.datasets.mining import Report, Settings
from compression.datasets.shards import Shards
from compression.datasets.tile_records import TileRecord
from compression.images.photos import read_photo

SETTINGS = Settings(size=16, keep=3, score="png")


@pytest.fixture
def photos(
  tmp_path: pathlib.Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> pathlib.Path:
  """Six photos of odd sizes, one of them in a folder; their names decide on the shards."""
  monkeypatch.chdir(tmp_path)
  folder = pathlib.Path("photos")
  (folder / "more").mkdir(parents=True)
  for k in range(5):
    Image.fromarray(photo[50 * k :][: 33 + k, 60 * k :][:, : 60 - k]).save(folder / f"{k}.png")
  Image.fromarray(photo[:16, 200:216]).save(folder / "more" / "5.jpg")
  return folder


def mine(photos: pathlib.Path, shards: Shards, settings: Settings = SETTINGS) -> Report:
  pattern = f"{photos}/**"
  return mining.mine(pattern, shards, settings, PipelineOptions([]), FnApiRunner())


def read(shards: Shards) -> list[list[TileRecord]]:
  """The records of each shard."""
  records = []
  for path in shards.names():
    starts = tile_records.read_index(path)
    contents = [tile_records.read_record(path, *ends) for ends in zip(starts, starts[1:])]
    records.append([tile_records.parse(content, path) for content in contents])
  return records


def contents(shards: Shards) -> list[bytes]:
  return [pathlib.Path(name).read_bytes() for name in shards.names()]


def test_the_hardest_tiles_of_every_photo_are_written(
  tmp_path: pathlib.Path, photos: pathlib.Path
) -> None:
  shards = Shards(f"{tmp_path}/new/tiles", 2)
  assert mine(photos, shards) == Report(images=6, tiles=16, small=0, unreadable=[])
  assert sorted(os.listdir(tmp_path / "new")) == [
    "tiles-00000-of-00002.tfrecord",
    "tiles-00001-of-00002.tfrecord",
  ]
  by_shard = read(shards)
  assert all(by_shard)
  for records in by_shard:
    assert [record.file for record in records] == sorted(record.file for record in records)
  found = {(r.file, r.top, r.left): r for records in by_shard for r in records}
  assert len(found) == 16
  for path in (path for path in photos.glob("**/*") if path.is_file()):
    for tile in hardest_tiles(read_photo(path).image, 16, 3):
      record = found.pop((os.fsencode(path), tile.top, tile.left))
      np.testing.assert_array_equal(record.pixels, tile.pixels)
      assert record.score == tile.score
  assert not found


def test_there_are_as_many_files_as_asked_for(tmp_path: pathlib.Path, photos: pathlib.Path) -> None:
  shards = Shards(f"{tmp_path}/tiles", 20)
  assert mine(photos, shards).tiles == 16
  assert sum(map(len, read(shards))) == 16


def test_the_same_photos_give_the_same_bytes(tmp_path: pathlib.Path, photos: pathlib.Path) -> None:
  shards, again = Shards(f"{tmp_path}/tiles", 3), Shards(f"{tmp_path}/again", 3)
  mine(photos, shards)
  mine(photos, again)
  assert contents(shards) == contents(again)


def test_what_is_no_image_or_too_small_is_counted_and_listed(
  tmp_path: pathlib.Path, photos: pathlib.Path
) -> None:
  (photos / "text.jpg").write_text("no image")
  (photos / "empty.png").touch()
  cut = (photos / "0.png").read_bytes()
  (photos / "cut\n\udcff.png").write_bytes(cut[: len(cut) // 2])  # a name that is no text
  Image.new("RGB", (15, 100)).save(photos / "narrow.png")
  shards = Shards(f"{tmp_path}/tiles", 2)
  report = mine(photos, shards)
  assert report[:3] == (6, 16, 1)
  assert [line.removeprefix(f"{photos}/") for line in report.unreadable] == [
    "cut\\n\\udcff.png: the image is cut short or damaged",
    "empty.png: is empty",
    "text.jpg: not an image that can be read",
  ]
  listing = pathlib.Path(mining.unreadable_path(shards))
  assert listing.read_text().splitlines() == report.unreadable
  assert sum(map(len, read(shards))) == 16

  # What replaces it leaves nothing of it.
  for name in ("text.jpg", "empty.png", "cut\n\udcff.png"):
    (photos / name).unlink()
  mine(photos, Shards(shards.prefix, 1))
  assert sorted(os.listdir(tmp_path)) == ["photos", "tiles-00000-of-00001.tfrecord"]


def test_nothing_is_written_where_there_is_no_tile(
  tmp_path: pathlib.Path, photos: pathlib.Path
) -> None:
  shards = Shards(f"{tmp_path}/tiles", 2)
  mine(photos, shards)
  before = contents(shards)
  with pytest.raises(ImageError, match="none of 6 files is an image of at least a tile's size$"):
    mine(photos, shards, SETTINGS._replace(size=64))
  (photos / "more" / "5.jpg").write_text("no image")
  with pytest.raises(ImageError, match="none of 6 files .*; .*5.jpg: not an image"):
    mine(photos, shards, SETTINGS._replace(size=64))
  assert contents(shards) == before
  assert len(os.listdir(tmp_path)) == 3


def test_what_was_cut_off_goes_on_with_the_shards_that_are_missing(
  tmp_path: pathlib.Path, photos: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  whole, shards = Shards(f"{tmp_path}/whole", 4), Shards(f"{tmp_path}/tiles", 4)
  mine(photos, whole)
  files = [{os.fsdecode(record.file) for record in records} for records in read(whole)]
  read_names: list[str] = []
  breaks = True

  def read_or_break(name: str) -> np.ndarray:
    read_names.append(name)
    if breaks and len(read_names) == 6:
      raise RuntimeError("no space left")
    return read_photo(name).image

  monkeypatch.setattr(mining, "_read_photo", read_or_break)
  with pytest.raises(CompressionError, match="the pipeline failed: .*no space left") as caught:
    mine(photos, shards)
  assert "\n" not in str(caught.value)
  assert not any(os.path.exists(name) for name in shards.names())
  broken = next(names for names in files if read_names[-1] in names)
  assert len(broken) < 6

  breaks = False
  read_names.clear()
  mine(photos, shards)
  assert set(read_names) == broken
  assert contents(shards) == contents(whole)
  assert not (tmp_path / "tiles.parts").exists()


def test_parts_of_other_settings_or_photos_are_not_used(
  tmp_path: pathlib.Path, photos: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  shards = Shards(f"{tmp_path}/tiles", 1)

  def stop(*_: object) -> Report:
    raise OutputError("stopped")

  def leave_parts() -> None:
    with monkeypatch.context() as patch, pytest.raises(OutputError, match="stopped"):
      patch.setattr(mining, "_publish", stop)
      mine(photos, shards)
    assert (tmp_path / "tiles.parts").exists()

  leave_parts()
  assert mine(photos, shards, SETTINGS._replace(keep=2)).tiles == 11
  leave_parts()
  (photos / "0.png").unlink()
  assert mine(photos, shards).tiles == 13


def test_existing_shards_are_refused_unless_they_may_be_replaced(
  tmp_path: pathlib.Path, photos: pathlib.Path
) -> None:
  (tmp_path / "tiles-00000-of-00009.tfrecord").touch()
  shards = Shards(f"{tmp_path}/tiles", 2)
  with pytest.raises(OutputError, match="tiles-00000-of-00009.tfrecord: exists already"):
    mining.check(f"{photos}/*", shards, overwrite=False)
  mining.check(f"{photos}/*", shards, overwrite=True)
  mining.check(f"{photos}/*", Shards(f"{tmp_path}/til", 9), overwrite=False)
  with pytest.raises(CompressionError, match="gif: matches no file"):
    mining.check(f"{photos}/*.gif", shards, overwrite=True)


def test_a_folder_that_cannot_be_made_is_named(
  tmp_path: pathlib.Path, photos: pathlib.Path
) -> None:
  (tmp_path / "file").touch()
  with pytest.raises(OutputError, match="file/tiles.parts: cannot be made"):
    mine(photos, Shards(f"{tmp_path}/file/tiles", 2))
