"""What a predictor sees of an image, and the order in which a decoder can see it.

Planes lie in one flat array, with what is assumed beyond their borders around each:

    . . * * * * * . .      two rows above: gray (Y), no colour (Co, Cg)
    . . * * * * * . .      two columns to the left: the first pixel of the row above
    . . x - - - - . .      two columns to the right: the last pixel of the row itself

The window of a pixel x, of earlier planes and of its own:

    plane before    that before it    its own
        o               o             o o o o o
      o o o           o o o           o o o o o
                                      o o x

A pixel looks at most two columns to the right in the row above; so row y may follow three columns
behind row y - 1, and all with equal 3 row + column are a batch. Each plane is four such steps
behind the plane before, which is then known one column to the right and one row down, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from compression.images.colour import MIDDLE

PLANES = 3  # Y, Co, Cg
LEAST = (0, -255, -255)
MOST = (255, 255, 255)

OWN = (
  *((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0)),
  *((-1, -2), (-1, 2), (-2, -1), (-2, 1), (-2, -2), (-2, 2)),
)
"""(row, column), seen from the pixel; the first two are W and N."""

EARLIER = ((0, 0), (0, -1), (-1, 0), (0, 1))
"""In each earlier plane, the one before first."""

COLUMNS = len(OWN) + 2 * len(EARLIER)

_PAD = 2  # rows above, columns on both sides
_BELOW = 1  # rows: where nothing was coded
_ROW_DELAY = 3
_PLANE_DELAY = 4


def seen(plane: int) -> int:
  """How many of the COLUMNS of a window a plane has: its own, and those of earlier planes."""
  return len(OWN) + plane * len(EARLIER)


class Batch(NamedTuple):
  """Pixels of which none sees another.

  Attributes:
    cells: int64 [n], where they are in flat arrays, those of a plane together.
    parts: the slices of `cells` of each plane.
    first, last: cells in the first and in the last column, int64.
  """

  cells: np.ndarray
  parts: list[slice]
  first: np.ndarray
  last: np.ndarray


class Layout:
  """Where the pixels of an image are."""

  def __init__(self, height: int, width: int):
    self.height, self.width = height, width
    self._stride = width + 2 * _PAD
    self._plane = (height + _PAD + _BELOW) * self._stride
    own = [self.offset(row, column) for row, column in OWN]
    earlier = [
      self.offset(row, column) - self._plane * before
      for before in range(1, PLANES)
      for row, column in EARLIER
    ]
    self._offsets = np.array(own + earlier)

  def offset(self, row: int, column: int, plane: int = 0) -> int:
    """How far a neighbour is away."""
    return plane * self._plane + row * self._stride + column

  def zeros(self, dtype: type) -> np.ndarray:
    """A flat array."""
    return np.zeros(PLANES * self._plane, dtype)

  def inside(self, flat: np.ndarray) -> np.ndarray:
    """A view of one, [plane, row, column], without the borders."""
    return self._with_borders(flat)[:, _PAD:-_BELOW, _PAD:-_PAD]

  def blank(self) -> np.ndarray:
    """A flat int32 array with what is known before the first pixel."""
    values = self.zeros(np.int32)
    self._with_borders(values)[0] = MIDDLE
    return values

  def bordered(self, planes: np.ndarray) -> np.ndarray:
    """A flat int32 array with planes [plane, row, column] and all that is around them."""
    values = self.blank()
    self.inside(values)[:] = planes
    around = self._with_borders(values)
    around[:, _PAD + 1 : -_BELOW, :_PAD] = planes[:, :-1, :1]
    around[:, _PAD:-_BELOW, -_PAD:] = planes[:, :, -1:]
    return values

  def set(self, values: np.ndarray, batch: Batch, pixels: np.ndarray) -> None:
    """Writes the pixels of a batch, and the borders that depend on them."""
    values[batch.cells] = pixels
    for column in range(1, _PAD + 1):
      values[batch.first + self._stride - column] = values[batch.first]
      values[batch.last + column] = values[batch.last]

  def windows(self, values: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """[n, COLUMNS] of a flat array; what a plane has no earlier ones for is anything."""
    return values[cells[:, None] + self._offsets]

  def spread(self, most: int) -> np.ndarray:
    """The cells of up to `most` pixels of the first plane, evenly spread: int64."""
    cells = self.inside(np.arange(PLANES * self._plane))[0].ravel()
    return cells[:: -(-len(cells) // most)]

  def batches(self) -> Iterator[Batch]:
    """All pixels, in the order of the file."""
    steps = _ROW_DELAY * (self.height - 1) + self.width + _PLANE_DELAY * (PLANES - 1)
    for step in range(steps):
      cells, parts, first, last, end = [], [], [], [], 0
      for plane in range(PLANES):
        when = step - _PLANE_DELAY * plane
        top = max(0, -((self.width - 1 - when) // _ROW_DELAY))
        bottom = min(self.height - 1, when // _ROW_DELAY)
        rows = np.arange(top, bottom + 1)
        found = self.offset(_PAD, _PAD + when, plane) + rows * (self._stride - _ROW_DELAY)
        parts.append(slice(end, end + len(rows)))
        cells.append(found)
        end += len(rows)
        if len(rows) and when == _ROW_DELAY * bottom:
          first.append(found[-1])
        if len(rows) and when - _ROW_DELAY * top == self.width - 1:
          last.append(found[0])
      if end:
        yield Batch(
          np.concatenate(cells), parts, np.array(first, np.int64), np.array(last, np.int64)
        )

  def _with_borders(self, flat: np.ndarray) -> np.ndarray:
    return flat.reshape(PLANES, -1, self._stride)
