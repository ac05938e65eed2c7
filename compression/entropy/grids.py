"""Cells of several bands in one flat array: who their neighbours are, and in which order they come.

Codecs whose contexts lie around a coefficient, in its band, in earlier bands and in earlier
channels, sum what is known there. A flat array with zeros around each band makes a neighbour a
fixed distance, whatever the cell; and cells that do not look at each other are a batch, which a
decoder can take at once (see `symbols`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

PAD = 2
"""How far away neighbours may be, in rows and columns."""

_BAND_DELAY = 3  # so that all around the same place in an earlier band is known


class Place(NamedTuple):
  """Where a neighbour is, seen from a cell.

  Attributes:
    row, column: from -PAD to PAD. In the same band rows above with columns up to 1, or the same row
      with columns below 0; in another of `band` or `channel`, see `Grid`.
    band: 0 for the same one, -1 for the one before.
    channel: as `band`.
  """

  row: int
  column: int
  band: int = 0
  channel: int = 0


class Order(NamedTuple):
  """Cells in the order of the file.

  Attributes:
    cells: int64 [n], where they are in flat arrays.
    batches: of these, one slice after the other.
    kinds: int64 [n], channel * bands + band of each.
  """

  cells: np.ndarray
  batches: list[slice]
  kinds: np.ndarray


class Grid:
  """Cells [channel, band, row, column].

  All with equal 2 row + column + 3 band + channel are a batch: so a cell may look at those in the
  row above, up to one column to the right; in earlier bands of its channel, at all whose
  2 row + column is up to 2 larger; and at its own place in earlier channels.

  Args:
    channels: how many.
    sizes: rows and columns of each band.
    places: of neighbours.
    weights: int [bands, places], what each counts in `sums`. What is before the first band or the
      first channel does not count.
  """

  def __init__(
    self,
    channels: int,
    sizes: Sequence[tuple[int, int]],
    places: Sequence[Place],
    weights: np.ndarray,
  ):
    self._sizes = sizes
    self._rows, self._columns = (int(side) for side in np.max(sizes, 0))
    self._shape = (channels, len(sizes), self._rows + 2 * PAD, self._columns + 2 * PAD)
    self._strides = np.cumprod((1, *self._shape[:0:-1]))[::-1]
    self._offsets = np.array([self.offset(place) for place in places])
    self._weights = np.tile(weights.astype(np.int32), (channels, 1, 1))
    for number, place in enumerate(places):
      self._weights[: -place.channel, :, number] = 0
      self._weights[:, : -place.band, number] = 0

  def offset(self, place: Place) -> int:
    """How far away a neighbour is in flat arrays."""
    steps = (place.channel, place.band, place.row, place.column)
    return int(np.dot(steps, self._strides))

  def zeros(self, dtype: type) -> np.ndarray:
    """A flat array."""
    return np.zeros(int(np.prod(self._shape)), dtype)

  def inside(self, flat: np.ndarray) -> np.ndarray:
    """A view of one, [channel, band, rows, columns] as of the largest band, without the zeros."""
    return flat.reshape(self._shape)[:, :, PAD:-PAD, PAD:-PAD]

  def put(self, bands: Sequence[np.ndarray]) -> np.ndarray:
    """A flat array out of bands [channel, rows, columns]."""
    flat = self.zeros(bands[0].dtype)
    for band, values in enumerate(bands):
      self.inside(flat)[:, band, : values.shape[1], : values.shape[2]] = values
    return flat

  def take(self, flat: np.ndarray) -> list[np.ndarray]:
    """The reverse: views."""
    inside = self.inside(flat)
    return [inside[:, band, :high, :wide] for band, (high, wide) in enumerate(self._sizes)]

  def exist(self) -> np.ndarray:
    """bool [channel, band, rows, columns]: where there are cells, as bands may be smaller."""
    rows, columns = np.arange(self._rows)[:, None], np.arange(self._columns)
    exist = np.stack([(rows < high) & (columns < wide) for high, wide in self._sizes])
    return np.broadcast_to(exist, (self._shape[0], *exist.shape))

  def order(self, chosen: np.ndarray) -> Order:
    """That of some cells, bool [channel, band, rows, columns]."""
    channel, band, row, column = np.ogrid[tuple(map(slice, chosen.shape))]
    when = (2 * row + column + _BAND_DELAY * band + channel).astype(np.int32)
    when = np.broadcast_to(when, chosen.shape)[chosen]
    order = np.argsort(when, kind="stable")
    ends = np.cumsum(np.bincount(when)).tolist()
    inside = self.zeros(np.bool_)
    self.inside(inside)[:] = chosen
    cells = np.flatnonzero(inside)[order]
    batches = [slice(a, b) for a, b in zip([0, *ends], ends) if a < b]
    return Order(cells, batches, cells // self._strides[1])

  def sums(self, known: np.ndarray, cells: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Weighted sums of the neighbours of some cells: int32 [n].

    Args:
      known: uint8, flat.
      cells, kinds: parts of an Order.
    """
    weights = self._weights.reshape(-1, len(self._offsets))[kinds]
    return np.einsum("ij,ij->i", known[cells[:, None] + self._offsets], weights)

  def all_sums(self, known: np.ndarray) -> np.ndarray:
    """The same for all cells at once: int32, flat."""
    sums = self.zeros(np.int32)
    for offset, weights in zip(self._offsets, np.moveaxis(self._weights, -1, 0)):
      neighbours = np.roll(known, -offset).reshape(self._shape)
      sums.reshape(self._shape)[:] += neighbours * weights[:, :, None, None]
    return sums
