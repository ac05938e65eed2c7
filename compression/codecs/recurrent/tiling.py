"""Which part of a large image is run at a time, so that memory does not grow with the image.

Tiles are squares of whole 16x16 blocks. Each is run with `halo` more blocks on every side that has
neighbours, and only its own blocks and pixels are kept: the networks see across the borders, so
that there are no seams. Sizes here count blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from compression.codecs.recurrent.config import BLOCK

HALO_BLOCKS = 4
"""Context around a tile. The codes of two iterations do not reach further through E and D."""

_PIXELS_AT_WIDTH_1 = 2**19
"""Pixels run at once at width 1: about 1.5 GB, since a pixel takes about 2.9 kB (measured)."""


Region = tuple[slice, slice]
"""Rows and columns of an array."""


class Tiling(NamedTuple):
  """How an image is cut: the side of a tile and the context around it, in blocks; 0 = not cut."""

  tile: int = 0
  halo: int = 0


class Tile(NamedTuple):
  """A rectangle of an image and the larger one that is run for it.

  Attributes:
    blocks: the tile within the image, in blocks.
    outer: what is run for it, within the image, in blocks.
  """

  blocks: Region
  outer: Region

  @property
  def inner(self) -> Region:
    """The tile within what is run for it, in blocks."""
    rows, columns = (
      slice(own.start - outer.start, own.stop - outer.start)
      for own, outer in zip(self.blocks, self.outer)
    )
    return rows, columns

  @property
  def pixels(self) -> Region:
    """The tile within the image, in pixels."""
    return _in_pixels(self.blocks)

  @property
  def outer_pixels(self) -> Region:
    """What is run for it, within the image, in pixels."""
    return _in_pixels(self.outer)

  @property
  def inner_pixels(self) -> Region:
    """The tile within what is run for it, in pixels."""
    return _in_pixels(self.inner)


def _in_pixels(blocks: Region) -> Region:
  rows, columns = (slice(side.start * BLOCK, side.stop * BLOCK) for side in blocks)
  return rows, columns


def choose_tiling(height: int, width: int, network_width: float) -> Tiling:
  """No tiles where the image [height, width] (pixels) fits into memory at once, else squares."""
  if run_pixels(height, width, Tiling()) <= untiled_pixels(network_width):
    return Tiling()
  return largest_tiles(network_width)


def untiled_pixels(network_width: float) -> int:
  """The most pixels of an image that is not cut."""
  return int(_PIXELS_AT_WIDTH_1 / network_width)


def largest_tiles(network_width: float) -> Tiling:
  """How images are cut that are larger."""
  side = int(math.sqrt(untiled_pixels(network_width)))
  return Tiling(max(1, side // BLOCK - 2 * HALO_BLOCKS), HALO_BLOCKS)


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
  side, halo = tiling.tile or max(blocks_high, blocks_wide), tiling.halo
  for top in range(0, blocks_high, side):
    bottom = min(top + side, blocks_high)
    outer_rows = slice(max(0, top - halo), min(blocks_high, bottom + halo))
    for left in range(0, blocks_wide, side):
      right = min(left + side, blocks_wide)
      outer_columns = slice(max(0, left - halo), min(blocks_wide, right + halo))
      yield Tile((slice(top, bottom), slice(left, right)), (outer_rows, outer_columns))


def run_tiles(
  decode: Callable[[np.ndarray], Iterable[np.ndarray]],
  count: int,
  bits: np.ndarray,
  tiling: Tiling,
) -> np.ndarray:
  """Images whose tiles are decoded one after the other, uint8 [count, 16 h, 16 w, 3].

  Args:
    decode: of the bits of a tile, its images.
    count: how many there are.
    bits: bool [T, h, w, bits], of the whole image.
    tiling: how it was cut.
  """
  _, high, wide, _ = bits.shape
  images = np.empty([count, high * BLOCK, wide * BLOCK, 3], np.uint8)
  for tile in tiles(high, wide, tiling):
    for image, decoded in zip(images, decode(bits[(slice(None), *tile.outer)])):
      image[tile.pixels] = decoded[tile.inner_pixels]
  return images
