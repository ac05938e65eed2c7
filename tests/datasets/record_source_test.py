"""Tests of compression/datasets/record_source.py."""

from __future__ import annotations

import concurrent.futures
import pathlib

import numpy as np
import pytest

from compression.common.errors import ConfigError, FormatError
from compression.datasets import tile_records
from compression.datasets.record_source import RecordSource
from compression.datasets.tile_records import TileRecord

TILES = 11


def write(path: pathlib.Path, tiles: list[np.ndarray]) -> str:
  contents = [
    tile_records.serialize(TileRecord(tile, b"a" * k, 0, 0, 0.0)) for k, tile in enumerate(tiles)
  ]
  path.write_bytes(tile_records.framed(contents, f"{path}.scratch"))
  pathlib.Path(f"{path}.scratch").unlink()
  return str(path)


@pytest.fixture
def tiles(photo: np.ndarray) -> list[np.ndarray]:
  """Eleven tiles of 16 x 16 pixels, no two alike."""
  return [photo[100:116, 100 + 8 * k : 116 + 8 * k] for k in range(TILES)]


@pytest.fixture
def paths(tmp_path: pathlib.Path, tiles: list[np.ndarray]) -> list[str]:
  """Four files, of which two are empty."""
  parts = ([], tiles[:4], [], tiles[4:])
  return [write(tmp_path / f"{k}.tfrecord", part) for k, part in enumerate(parts)]


def source(paths: list[str], seed: int = 3, batch_size: int = 6, **options: object) -> RecordSource:
  return RecordSource(paths, 16, batch_size, seed, **options)


def numbers(batch: np.ndarray, tiles: list[np.ndarray]) -> list[int]:
  """Which tile each patch is, or the mirror image of."""
  known = {tile.tobytes(): k for k, tile in enumerate(tiles)}
  known.update({tile[:, ::-1].tobytes(): k for k, tile in enumerate(tiles)})
  return [known[patch.tobytes()] for patch in batch]


def test_batch_depends_on_seed_and_step_alone(paths: list[str]) -> None:
  one, other = source(paths), source(paths)
  assert one.tiles == TILES
  for step in (0, 7, 1):
    other.batch(step)
  for step in (0, 1, 7, 10**8):
    batch = one.batch(step)
    assert batch.shape == (6, 16, 16, 3) and batch.dtype == np.uint8
    np.testing.assert_array_equal(batch, other.batch(step))
  assert not np.array_equal(one.batch(0), source(paths, seed=2**32 - 1).batch(0))


def test_parts_of_a_batch_are_its_slices(paths: list[str]) -> None:
  tiles = source(paths)
  whole = tiles.batch(5)
  np.testing.assert_array_equal(tiles.batch(5, 0, 2), whole[:2])
  np.testing.assert_array_equal(tiles.batch(5, 2, 6), whole[2:])


def test_each_epoch_has_every_tile_once_in_another_order(
  paths: list[str], tiles: list[np.ndarray]
) -> None:
  epochs = []
  one_by_one = source(paths, batch_size=1)
  for epoch in range(4):
    steps = range(epoch * TILES, (epoch + 1) * TILES)
    epochs.append([numbers(one_by_one.batch(step), tiles)[0] for step in steps])
    assert sorted(epochs[-1]) == list(range(TILES))
  assert len({tuple(epoch) for epoch in epochs}) == 4
  # A batch may end an epoch and begin the next, and the one after that.
  large = source(paths, batch_size=30)
  assert numbers(large.batch(0), tiles) == [k for epoch in epochs for k in epoch][:30]


def test_half_of_the_patches_are_mirrored(paths: list[str], tiles: list[np.ndarray]) -> None:
  upright = {tile.tobytes() for tile in tiles}
  batches = [source(paths).batch(step) for step in range(100)]
  share = np.mean([patch.tobytes() in upright for batch in batches for patch in batch])
  assert share == pytest.approx(0.5, abs=0.08)


def test_patches_lie_all_over_larger_tiles(tmp_path: pathlib.Path, photo: np.ndarray) -> None:
  tile = photo[100:118, 100:118]
  patches = RecordSource([write(tmp_path / "a", [tile])], 16, 64, 0)
  places = {}
  for top in range(3):
    for left in range(3):
      places[tile[top : top + 16, left : left + 16].tobytes()] = (top, left)
      places[tile[top : top + 16, left : left + 16][:, ::-1].tobytes()] = (top, left)
  seen = {places[patch.tobytes()] for step in range(4) for patch in patches.batch(step)}
  assert seen == {(top, left) for top in range(3) for left in range(3)}


def test_a_single_tile_is_a_data_set(tmp_path: pathlib.Path, tiles: list[np.ndarray]) -> None:
  batch = source([write(tmp_path / "a", tiles[:1])]).batch(10**6)
  assert numbers(batch, tiles) == [0] * 6


def test_batch_is_the_same_from_many_threads(paths: list[str]) -> None:
  expected = [source(paths).batch(step) for step in range(16)]
  shared = source(paths)
  with concurrent.futures.ThreadPoolExecutor(4) as pool:
    for batch, other in zip(expected, pool.map(shared.batch, range(16))):
      np.testing.assert_array_equal(batch, other)


def damage(path: str, number: int) -> None:
  """Makes that record, from 0 on, one that is no tile."""
  start, end = tile_records.read_index(path)[number : number + 2]
  with open(path, "r+b") as file:
    file.seek(start + 12)  # behind the length and its checksum
    file.write(b"\xff" * (end - start - 16))


def test_a_damaged_record_is_replaced_by_the_next_one_and_named_once(
  paths: list[str], tiles: list[np.ndarray]
) -> None:
  good = source(paths)
  before = [numbers(good.batch(step), tiles) for step in range(9)]
  damage(paths[3], 2)  # tile 6
  damage(paths[3], 6)  # tile 10, the last
  warnings: list[str] = []
  found = source(paths, warn=warnings.append)
  instead = {6: 7, 10: 0}
  for step, expected in enumerate(before):
    assert numbers(found.batch(step), tiles) == [instead.get(k, k) for k in expected]
  assert sorted(warnings) == [
    f"{paths[3]}: record {number} is no tf.train.Example; training goes on with the other tiles"
    for number in (3, 7)
  ]


def test_a_tile_too_small_is_left_out_as_well(
  tmp_path: pathlib.Path, tiles: list[np.ndarray]
) -> None:
  warnings: list[str] = []
  path = write(tmp_path / "a", [tiles[0], tiles[1][:15]])
  assert numbers(source([path], warn=warnings.append).batch(0), tiles) == [0] * 6
  assert len(warnings) == 1 and "a: record 2 is a tile of 16x15 pixels" in warnings[0]


def test_no_usable_tile_is_an_error(tmp_path: pathlib.Path, paths: list[str]) -> None:
  with pytest.raises(ConfigError, match="no tiles in no file"):
    source([])
  with pytest.raises(ConfigError, match="no tiles in .*0.tfrecord, .*2.tfrecord"):
    source([paths[0], paths[2]])
  with pytest.raises(ConfigError, match="1.tfrecord: record 1 .* smaller than patch_size 32"):
    RecordSource(paths, 32, 4)
  damage(paths[3], 0)
  with pytest.raises(FormatError, match="3.tfrecord: record 1 is no tf.train.Example"):
    source(paths)
  (tmp_path / "text").write_text("no records, but a text")
  with pytest.raises(FormatError, match="text: record 1"):
    source([paths[1], str(tmp_path / "text")])


def test_files_that_vanish_are_an_error(paths: list[str]) -> None:
  tiles = source(paths, warn=lambda line: None)
  for path in paths:
    pathlib.Path(path).unlink()
  with pytest.raises(FormatError, match="no tile can be used; all of 11"):
    tiles.batch(0)
