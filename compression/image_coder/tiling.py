"""Which part of a large image is run at a time, so that memory does not grow with the image.

Tiles are squares of whole 16x16 blocks. Each is run with `halo` more blocks on every side that has
neighbours, and only its own blocks and pixels are kept: the networks see across the borders, so
that there are no seams. Sizes here count blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from compression.image_coder.config import BLOCK

HALO_BLOCKS = 4
"""Context around a tile. The codes of two iterations do not reach further through E and D."""

_PIXELS_AT_WIDTH_1 = 2**19
"""Pixels run at once at width 1: about 1.5 GB, since a pixel takes about 2.9 kB (measured)."""


class Tiling(NamedTuple):
  """How an image is cut: the side of a tile and the context around it, in blocks; 0 = not cut."""

  tile: int = 0
  halo: int = 0


class Tile(NamedTuple):
  """A rectangle of blocks and the larger one that is run for it; [top, bottom), [left, right)."""

  top: int
  bottom: int
  left: int
  right: int
  outer_top: int
  outer_bottom: int
  outer_left: int
  outer_right: int

  @property
  def inner(self) -> tuple[slice, slice]:
    """The tile within what is run for it, in blocks."""
    top, left = self.top - self.outer_top, self.left - self.outer_left
    return (
      slice(top, top + self.bottom - self.top),
      slice(left, left + self.right - self.left),
    )

  @property
  def inner_pixels(self) -> tuple[slice, slice]:
    """The same in pixels."""
    rows, columns = self.inner
    return _in_pixels(rows), _in_pixels(columns)

  @property
  def pixels(self) -> tuple[slice, slice]:
    """The tile within the image, in pixels."""
    return _in_pixels(slice(self.top, self.bottom)), _in_pixels(slice(self.left, self.right))


def _in_pixels(blocks: slice) -> slice:
  return slice(blocks.start * BLOCK, blocks.stop * BLOCK)


def choose_tiling(height: int, width: int, network_width: float) -> Tiling:
  """No tiles where the image [height, width] (pixels) fits into memory at once, else squares."""
  limit = _PIXELS_AT_WIDTH_1 / network_width
  if run_pixels(height, width, Tiling()) <= limit:
    return Tiling()
  return Tiling(max(1, int(math.sqrt(limit)) // BLOCK - 2 * HALO_BLOCKS), HALO_BLOCKS)


def run_pixels(height: int, width: int, tiling: Tiling) -> int:
  """The most pixels that are run at once."""
  height, width = height + -height % BLOCK, width + -width % BLOCK
  if not tiling.tile:
    return height * width
  side = (tiling.tile + 2 * tiling.halo) * BLOCK
  return min(height, side) * min(width, side)


def memory_bytes(pixels: int, network_width: float) -> int:
  """About how much memory running so many pixels at once takes."""
  return int(pixels * network_width * 1.5e9 / _PIXELS_AT_WIDTH_1)


def tiles(blocks_high: int, blocks_wide: int, tiling: Tiling) -> Iterator[Tile]:
  """The tiles of an image, row by row; one that covers it where it is not cut."""
  side = tiling.tile or max(blocks_high, blocks_wide)
  for top in range(0, blocks_high, side):
    bottom = min(top + side, blocks_high)
    for left in range(0, blocks_wide, side):
      right = min(left + side, blocks_wide)
      yield Tile(
        top,
        bottom,
        left,
        right,
        max(0, top - tiling.halo),
        min(blocks_high, bottom + tiling.halo),
        max(0, left - tiling.halo),
        min(blocks_wide, right + tiling.halo),
      )
