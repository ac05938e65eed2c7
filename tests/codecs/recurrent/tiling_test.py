"""Tiles cover an image exactly once, with context around them, and bound what is run at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compression.codecs.recurrent.config import BLOCK
from compression.codecs.recurrent.tiling import (
  HALO_BLOCKS,
  Tiling,
  choose_tiling,
  memory_bytes,
  run_pixels,
  run_tiles,
  tiles,
)

PIXELS_AT_WIDTH_1 = 2**19

blocks = st.integers(1, 40)
tilings = st.builds(Tiling, st.integers(0, 12), st.integers(0, 6))
widths = st.integers(1, 8 * 32).map(lambda n: n / 32)


@given(blocks, blocks, tilings)
def test_every_block_is_in_exactly_one_tile(high, wide, tiling):
  covered = np.zeros((high, wide), int)
  for tile in tiles(high, wide, tiling):
    covered[tile.blocks] += 1
  assert (covered == 1).all()


@given(blocks, blocks, tilings)
def test_inner_is_the_tile_within_what_is_run(high, wide, tiling):
  image = np.arange(high * wide).reshape(high, wide)
  for tile in tiles(high, wide, tiling):
    np.testing.assert_array_equal(image[tile.outer][tile.inner], image[tile.blocks])


@given(
  st.integers(1, 8), st.integers(1, 8), st.builds(Tiling, st.integers(0, 3), st.integers(0, 2))
)
def test_pixels_are_the_blocks_16_times_as_large(high, wide, tiling):
  image = np.arange(high * wide).reshape(high, wide)
  large = image.repeat(BLOCK, 0).repeat(BLOCK, 1)
  for tile in tiles(high, wide, tiling):
    outer = large[tile.outer_pixels]
    np.testing.assert_array_equal(outer[::BLOCK, ::BLOCK], image[tile.outer])
    np.testing.assert_array_equal(large[tile.pixels][::BLOCK, ::BLOCK], image[tile.blocks])
    np.testing.assert_array_equal(outer[tile.inner_pixels], large[tile.pixels])


@given(blocks, blocks, tilings)
def test_the_context_is_the_halo_and_ends_at_the_borders_only(high, wide, tiling):
  for tile in tiles(high, wide, tiling):
    for side, own, outer in zip((high, wide), tile.blocks, tile.outer):
      assert outer.start == max(0, own.start - tiling.halo)
      assert outer.stop == min(side, own.stop + tiling.halo)


@given(blocks, blocks, st.integers(0, 6))
def test_an_image_that_is_not_cut_is_one_tile(high, wide, halo):
  (tile,) = tiles(high, wide, Tiling(0, halo))
  everything = (slice(0, high), slice(0, wide))
  assert tile == (everything, everything)


def test_tiles_come_row_by_row():
  corners = [tuple(side.start for side in tile.blocks) for tile in tiles(5, 7, Tiling(3, 1))]
  assert corners == [(0, 0), (0, 3), (0, 6), (3, 0), (3, 3), (3, 6)]


def enlarged(bits):
  """The image of each iteration: 100 where the first bit of a block is set, and a number for it."""
  for number, layer in enumerate(bits):
    plane = np.where(layer[..., 0], 100 + number, number).astype(np.uint8)
    yield np.kron(plane[..., np.newaxis], np.ones([BLOCK, BLOCK, 3], np.uint8))


@given(blocks.filter(lambda side: side < 9), blocks.filter(lambda side: side < 9), tilings)
def test_tiles_are_put_where_they_belong(high, wide, tiling):
  bits = np.random.default_rng(high).random([3, high, wide, 2]) < 0.5
  whole = np.stack(list(enlarged(bits)))
  np.testing.assert_array_equal(run_tiles(enlarged, 3, bits, tiling), whole)
  last = run_tiles(lambda part: list(enlarged(part))[-1:], 1, bits, tiling)
  np.testing.assert_array_equal(last, whole[-1:])


# Which tiling


@pytest.mark.parametrize(
  "network_width, factor", [(1, 1), (0.5, 2), (0.25, 4), (1 / 32, 32), (2, 0.5)]
)
def test_images_are_cut_above_the_limit_of_pixels_only(network_width, factor):
  limit = int(PIXELS_AT_WIDTH_1 * factor)
  height = 256
  width = limit // height
  assert choose_tiling(height, width, network_width) == Tiling(0, 0)
  assert choose_tiling(width, height, network_width) == Tiling(0, 0)
  cut = choose_tiling(height, width + 1, network_width)
  assert cut.tile > 0 and cut.halo == HALO_BLOCKS


def test_the_tiles_of_full_half_and_quarter_width():
  sides = [choose_tiling(60_000, 60_000, width).tile for width in (1, 0.5, 0.25)]
  assert sides == [37, 56, 82]  # (sqrt(2^19 / width) / 16) - 8


@given(st.integers(1, 65535), st.integers(1, 65535), widths)
def test_what_is_run_at_once_fits_into_the_limit(height, width, network_width):
  tiling = choose_tiling(height, width, network_width)
  assert run_pixels(height, width, tiling) <= PIXELS_AT_WIDTH_1 / network_width
  assert 0 <= tiling.tile < 2**16 and 0 <= tiling.halo < 2**8  # what the container can hold


@given(st.integers(1, 640), st.integers(1, 640), tilings.filter(lambda tiling: tiling.tile))
def test_no_tile_is_larger_than_what_is_said_to_be_run_at_once(height, width, tiling):
  high, wide = -(-height // BLOCK), -(-width // BLOCK)
  for tile in tiles(high, wide, tiling):
    rows, columns = tile.outer_pixels
    pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
    assert pixels <= run_pixels(height, width, tiling)


def test_memory_grows_with_pixels_and_width():
  assert memory_bytes(PIXELS_AT_WIDTH_1, 1) == 1_500_000_000
  assert memory_bytes(PIXELS_AT_WIDTH_1, 0.5) == 750_000_000
  assert memory_bytes(PIXELS_AT_WIDTH_1 // 2, 1) == 750_000_000
