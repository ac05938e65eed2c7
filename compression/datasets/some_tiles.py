"""Batches of tiles, of which an evenly spread share is changed."""

from __future__ import annotations

import abc

import numpy as np

from compression.datasets.record_source import RecordSource
from compression.datasets.tiles import TileSource


class WithSomeChanged(abc.ABC):
  """Tiles of photos, some of which are others; batch s is a function of s alone.

  `is_chosen` says which: they are spread evenly, so that each of several devices gets its share.

  Args:
    photos: the source of all.
    share: of the changed ones in a batch, 0 to 1.

  Attributes:
    batch_size, shape, dtype: those of `photos`.
  """

  def __init__(self, photos: TileSource | RecordSource, share: float):
    self.photos = photos
    self.batch_size, self.shape, self.dtype = photos.batch_size, photos.shape, photos.dtype
    self._chosen = is_chosen(photos.batch_size, share)

  @abc.abstractmethod
  def changed(self, tile: np.ndarray, step: int, row: int) -> np.ndarray:
    """Makes what takes the place of a tile, uint8 [p, p, 3], in row `row` of batch `step`."""

  def batch(self, step: int, begin: int = 0, end: int | None = None) -> np.ndarray:
    """Tiles begin .. end - 1 of batch number `step`: uint8 [end - begin, p, p, 3]."""
    tiles = self.photos.batch(step, begin, end).copy()
    for row in range(*slice(begin, end).indices(self.batch_size)):
      if self._chosen[row]:
        tiles[row - begin] = self.changed(tiles[row - begin], step, row)
    return tiles


def is_chosen(batch_size: int, share: float) -> np.ndarray:
  """Says which tiles of a batch, bool [N]: the rounded share, but one if it is not zero."""
  count = max(1, round(share * batch_size)) if share else 0
  chosen = np.zeros(batch_size, bool)
  chosen[(np.arange(count) * batch_size + batch_size // 2) // max(count, 1)] = True
  return chosen
