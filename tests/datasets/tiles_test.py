"""Tests of compression/datasets/tiles.py."""

from __future__ import annotations

import concurrent.futures
import pathlib

import numpy as np
import pytest
from PIL import Image

from compression.common.errors import ImageError
from compression.datasets.tiles import TileSource, busyness, find_images


@pytest.fixture
def folder(tmp_path: pathlib.Path, photo: np.ndarray) -> pathlib.Path:
  """Images of odd sizes and several kinds: PNG and JPEG, grey, with alpha, turned by EXIF."""
  Image.fromarray(photo[:101, :67]).save(tmp_path / "a.png")
  Image.fromarray(photo[100:133, 200:300]).save(tmp_path / "b.jpg")
  Image.fromarray(photo[200:299, 7:84]).convert("L").save(tmp_path / "c_grey.png")
  Image.fromarray(photo[300:350, 300:350]).convert("RGBA").save(tmp_path / "d_alpha.png")
  exif = Image.Exif()
  exif[0x0112] = 6
  Image.fromarray(photo[:40, :200]).save(tmp_path / "e_turned.jpg", exif=exif)
  return tmp_path


def source(folder: pathlib.Path, seed: int = 3, **options: object) -> TileSource:
  return TileSource(find_images(f"{folder}/*"), 32, 6, seed, **options)


def test_batch_depends_on_seed_and_step_alone(folder: pathlib.Path) -> None:
  one, other = source(folder), source(folder)
  for step in (0, 7, 1):
    other.batch(step)
  for step in (0, 1, 7, 10**9):
    batch = one.batch(step)
    assert batch.shape == (6, 32, 32, 3) and batch.dtype == np.uint8
    np.testing.assert_array_equal(batch, other.batch(step))
  assert not np.array_equal(one.batch(0), one.batch(1))
  assert not np.array_equal(one.batch(0), source(folder, seed=4).batch(0))


def test_parts_of_a_batch_are_its_slices(folder: pathlib.Path) -> None:
  tiles = source(folder)
  whole = tiles.batch(5)
  np.testing.assert_array_equal(tiles.batch(5, 0, 2), whole[:2])
  np.testing.assert_array_equal(tiles.batch(5, 2, 6), whole[2:])


def test_batch_is_the_same_from_many_threads_and_with_a_small_cache(folder: pathlib.Path) -> None:
  expected = [source(folder).batch(step) for step in range(16)]
  small = source(folder, cache_bytes=30_000)  # about one image
  with concurrent.futures.ThreadPoolExecutor(4) as pool:
    for batch, other in zip(expected, pool.map(small.batch, range(16))):
      np.testing.assert_array_equal(batch, other)
  assert small._cached_bytes == sum(image.nbytes for image in small._cache.values()) <= 30_000


def test_tiles_lie_in_the_images_all_over_and_mirrored(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  image = photo[:18, :18]
  Image.fromarray(image).save(tmp_path / "a.png")
  tiles = TileSource([str(tmp_path / "a.png")], 16, 64, 0)
  places = {}
  for top in range(3):
    for left in range(3):
      tile = image[top : top + 16, left : left + 16]
      places[tile.tobytes()] = (top, left, False)
      places[tile[:, ::-1].tobytes()] = (top, left, True)
  seen = {places[tile.tobytes()] for step in range(8) for tile in tiles.batch(step)}
  assert len({mirrored for *_, mirrored in seen}) == 2
  assert {top for top, *_ in seen} == {left for _, left, _ in seen} == {0, 1, 2}


def test_images_are_drawn_by_area(tmp_path: pathlib.Path) -> None:
  for name, value, side in (("large.png", 200, 96), ("small.png", 50, 32)):
    Image.new("RGB", (side, side), (value,) * 3).save(tmp_path / name)
  tiles = TileSource(find_images(f"{tmp_path}/*"), 32, 64, 0)
  values = np.concatenate([tiles.batch(step)[:, 0, 0, 0] for step in range(16)])
  assert (values == 200).mean() == pytest.approx(0.9, abs=0.04)


def test_busier_tiles_are_preferred(tmp_path: pathlib.Path) -> None:
  noise = np.random.default_rng(0).integers(0, 256, [64, 64, 3]).astype(np.uint8)
  Image.fromarray(noise).save(tmp_path / "noise.png")
  Image.new("RGB", (64, 64), "gray").save(tmp_path / "flat.png")
  tiles = TileSource(find_images(f"{tmp_path}/*"), 32, 64, 0)
  busy = np.concatenate([busyness(tiles.batch(step)) > 0 for step in range(8)])
  assert busy.mean() == pytest.approx(0.75, abs=0.06)


def test_busyness_is_the_mean_difference_of_neighbours() -> None:
  tile = np.zeros([4, 4, 3], np.uint8)
  tile[:, 2:] = 255  # one of three differences to the right, none down
  assert busyness(tile) == pytest.approx(85)
  np.testing.assert_allclose(busyness(np.stack([tile, tile * 0])), [85, 0])


def test_what_is_no_image_or_too_small_is_left_out_and_named_in_one_line(
  folder: pathlib.Path,
) -> None:
  good = source(folder)
  assert good.note == ""
  (folder / "notes.txt").write_text("no image")
  (folder / "more").mkdir()
  Image.new("RGB", (31, 100)).save(folder / "narrow.png")
  tiles = source(folder)
  assert tiles.paths == good.paths
  assert tiles.note.startswith("3 of 8 files are no images of at least 32x32 pixels: ")
  assert "notes.txt" in tiles.note and "\n" not in tiles.note
  np.testing.assert_array_equal(tiles.batch(0), good.batch(0))


def test_a_damaged_image_is_replaced_by_the_next_one_and_named_once(folder: pathlib.Path) -> None:
  content = (folder / "a.png").read_bytes()
  (folder / "a.png").write_bytes(content[: len(content) // 2])  # the header is whole
  warnings: list[str] = []
  tiles = source(folder, warn=warnings.append)
  other = source(folder, warn=warnings.append)
  for step in range(5):
    np.testing.assert_array_equal(tiles.batch(step), other.batch(step))
  assert len(warnings) == 2 and all("a.png" in line for line in warnings)


def test_no_usable_image_is_an_error(tmp_path: pathlib.Path) -> None:
  with pytest.raises(ImageError, match="no training image"):
    TileSource([], 32, 4)
  (tmp_path / "a.png").write_bytes(b"no image")
  with pytest.raises(ImageError, match="a.png"):
    TileSource([str(tmp_path / "a.png")], 32, 4)
  Image.new("RGB", (64, 64)).save(tmp_path / "cut.png")
  (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:60])
  with pytest.raises(ImageError, match="cut.png"):
    TileSource([str(tmp_path / "cut.png")], 32, 4, warn=lambda line: None)


def test_patterns_are_sorted_and_go_into_folders(tmp_path: pathlib.Path) -> None:
  for name in ("b/2.png", "a/1.jpg", "0.png"):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
  found = find_images(f"{tmp_path}/**/*.png, {tmp_path}/a/*.jpg,{tmp_path}/0.png")
  assert [pathlib.Path(path).name for path in found] == ["0.png", "1.jpg", "2.png"]
