"""Tiles of small photos made as smooth as those of large ones.

A photo of 250 pixels shows in a tile what one of 768 shows in nine of them: it is busier, pixel for
pixel. What adapts to photos, as a prior that stands for all of them does, then expects more than
there is in larger ones.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from compression.datasets.some_tiles import WithSomeChanged


class WithEnlargedTiles(WithSomeChanged):
  """Tiles of photos; of some the middle takes the place of the whole, enlarged two times."""

  def changed(self, tile: np.ndarray, step: int, row: int) -> np.ndarray:
    return enlarge(tile)


def enlarge(tile: np.ndarray) -> np.ndarray:
  """The middle of a tile, uint8 [p, p, 3], of half its side, as large as the whole."""
  side = tile.shape[0]
  start = side // 4
  box = (start, start, start + side // 2, start + side // 2)
  whole = Image.fromarray(tile)
  return np.asarray(whole.resize((side, side), Image.Resampling.BICUBIC, box=box))
