"""Tiles of small photos made as smooth as those of large ones.

A photo of 250 pixels shows in a tile what one of 768 shows in nine of them: it is busier, pixel for
pixel. What adapts to photos, as a prior that stands for all of them does, then expects more than
there is in larger ones.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from compression.datasets.drawn_tiles import is_drawn
from compression.datasets.record_source import RecordSource
from compression.datasets.tiles import TileSource


class WithEnlargedTiles:
  """Tiles, of some of which the middle takes the place of the whole, enlarged two times (bicubic).

  Args:
    photos: the source of all.
    share: of the enlarged ones in a batch, 0 to 1; evenly spread.

  Attributes:
    batch_size, shape, dtype: those of `photos`.
  """

  def __init__(self, photos: TileSource | RecordSource, share: float):
    self.photos = photos
    self.batch_size, self.shape, self.dtype = photos.batch_size, photos.shape, photos.dtype
    self._enlarged = is_drawn(photos.batch_size, share)

  def batch(self, step: int, begin: int = 0, end: int | None = None) -> np.ndarray:
    """Tiles begin .. end - 1 of batch number `step`: uint8 [end - begin, p, p, 3]."""
    tiles = self.photos.batch(step, begin, end).copy()
    for row in range(*slice(begin, end).indices(self.batch_size)):
      if self._enlarged[row]:
        tiles[row - begin] = enlarge(tiles[row - begin])
    return tiles


def enlarge(tile: np.ndarray) -> np.ndarray:
  """The middle of a tile, uint8 [p, p, 3], of half its side, as large as the whole."""
  side = tile.shape[0]
  start = side // 4
  box = (start, start, start + side // 2, start + side // 2)
  whole = Image.fromarray(tile)
  return np.asarray(whole.resize((side, side), Image.Resampling.BICUBIC, box=box))
