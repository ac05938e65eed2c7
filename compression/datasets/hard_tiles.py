"""The tiles of an image that are hardest to compress.

Toderici et al. (CVPR 2017), section 4: photos were cut into 32x32 tiles that do not overlap, and of
each photo the 100 tiles were kept that PNG compresses worst. Nothing here needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from compression.datasets.tiles import busyness
from compression.images.photos import encode_png


class HardTile(NamedTuple):
  """A tile and where it lies.

  Attributes:
    pixels: uint8 [p, p, 3].
    top, left: its first row and column in the image.
    score: how hard it is; the unit is that of the score.
  """

  pixels: np.ndarray
  top: int
  left: int
  score: float


def _png_bytes(tiles: np.ndarray) -> np.ndarray:
  return np.array([len(encode_png(tile)) for tile in tiles], np.float64)


SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"png": _png_bytes, "busyness": busyness}
"""How hard tiles are, uint8 [N, p, p, 3] -> float [N]. `png`: bytes of the PNG file, with Pillow's
choice of filters and zlib's level 6. `busyness`: the mean difference between neighbouring pixels,
which is several times quicker."""


def hardest_tiles(image: np.ndarray, size: int, keep: int, score: str = "png") -> list[HardTile]:
  """The tiles of the highest scores, the highest first.

  Args:
    image: uint8 [H, W, 3]. What is left at the bottom and at the right by whole tiles is ignored;
      an image smaller than a tile has none.
    size: pixels along a side of a tile.
    keep: how many, if there are as many. Of equal ones, those that come first in reading order.
    score: a key of SCORES.
  """
  down, across = image.shape[0] // size, image.shape[1] // size
  if not down or not across:
    return []
  whole = image[: down * size, : across * size]
  grid = whole.reshape(down, size, across, size, 3).swapaxes(1, 2)
  tiles = grid.reshape(down * across, size, size, 3)
  scores = SCORES[score](tiles)
  hardest = np.argsort(-scores, kind="stable")[:keep]
  return [
    HardTile(tiles[k], int(k) // across * size, int(k) % across * size, float(scores[k]))
    for k in hardest
  ]
