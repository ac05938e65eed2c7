"""Tests of compression/datasets/hard_tiles.py."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from compression.datasets.hard_tiles import hardest_tiles


def png_bytes(tile: np.ndarray) -> int:
  buffer = io.BytesIO()
  Image.fromarray(tile).save(buffer, "PNG")
  return buffer.tell()


def test_the_tiles_that_png_compresses_worst_are_kept(odd_photo: np.ndarray) -> None:
  image = odd_photo  # 5 x 6 whole tiles, 5 rows and 21 columns left over
  sizes = {
    (top, left): png_bytes(image[top : top + 32, left : left + 32])
    for top in range(0, 160, 32)
    for left in range(0, 192, 32)
  }
  kept = hardest_tiles(image, 32, 7)
  assert [tile.score for tile in kept] == sorted(sizes.values(), reverse=True)[:7]
  for tile in kept:
    assert sizes[tile.top, tile.left] == tile.score
    np.testing.assert_array_equal(
      tile.pixels, image[tile.top : tile.top + 32, tile.left : tile.left + 32]
    )


def test_all_tiles_are_kept_of_an_image_that_has_fewer(photo: np.ndarray) -> None:
  places = [(tile.top, tile.left) for tile in hardest_tiles(photo[:50, :70], 16, 100)]
  assert sorted(places) == [(top, left) for top in (0, 16, 32) for left in (0, 16, 32, 48)]


def test_of_equal_tiles_the_first_are_kept() -> None:
  image = np.zeros([64, 96, 3], np.uint8)
  image[32:, 32:64] = np.random.default_rng(0).integers(0, 256, [32, 32, 3])
  for score in ("png", "busyness"):
    places = [(tile.top, tile.left) for tile in hardest_tiles(image, 32, 4, score)]
    assert places == [(32, 32), (0, 0), (0, 32), (0, 64)]


def test_another_score_keeps_other_tiles() -> None:
  image = np.zeros([32, 64, 3], np.uint8)
  image[::2, :32] = 255  # stripes: many differences, but few bytes
  image[:, 32:] = np.random.default_rng(0).integers(100, 150, [32, 32, 3])
  [png], [busy] = (hardest_tiles(image, 32, 1, score) for score in ("png", "busyness"))
  assert (png.left, busy.left) == (32, 0)
  assert busy.score == pytest.approx(255)


@pytest.mark.parametrize("shape", [(31, 100, 3), (100, 31, 3), (1, 1, 3)])
def test_an_image_smaller_than_a_tile_has_none(shape: tuple[int, int, int]) -> None:
  assert hardest_tiles(np.zeros(shape, np.uint8), 32, 100) == []


def test_an_image_of_a_tile_is_that_tile(photo: np.ndarray) -> None:
  [tile] = hardest_tiles(photo[:32, :32], 32, 100)
  assert (tile.top, tile.left) == (0, 0)
  np.testing.assert_array_equal(tile.pixels, photo[:32, :32])
