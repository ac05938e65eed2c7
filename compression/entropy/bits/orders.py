"""In which order the places of a layer are coded, in as few steps as the context allows.

A step is a set of places that are coded together: none of them sees another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from compression.common.masks import PASSES

_BAND_PLACES = 8192
"""Enough for matrices to be multiplied at full speed; what they see takes some 30 MB."""


class Step(NamedTuple):
  """Places that are coded together.

  Attributes:
    kind: which of the order's masks they see through.
    rows, columns: int [m], their places.
  """

  kind: int
  rows: np.ndarray
  columns: np.ndarray


def interlaced_steps(height: int, width: int) -> Iterator[Step]:
  """The passes of `compression.common.masks.interlaced`, without those that have no place."""
  for kind, (top, left) in enumerate(PASSES):
    rows, columns = np.mgrid[top:height:2, left:width:2]
    if rows.size:
      yield Step(kind, rows.ravel(), columns.ravel())


def in_parts(step: Step) -> Iterator[Step]:
  """The places of a step in as many as are handled at a time: memory does not grow with a step."""
  for start in range(0, len(step.rows), _BAND_PLACES):
    part = slice(start, start + _BAND_PLACES)
    yield Step(step.kind, step.rows[part], step.columns[part])


def wavefront_steps(height: int, width: int, lead: int) -> Iterator[Step]:
  """Raster order as a wavefront: a row is coded while the one above is `lead` columns ahead.

  Step number t has the places with column + lead * row = t, from the top: width + lead * (height -
  1) steps instead of width * height.

  Args:
    height, width: of the layer.
    lead: how far to the right a place sees in the row above, plus one.
  """
  for t in range(width + lead * (height - 1)):
    first = max(0, -((width - 1 - t) // lead))  # the first row whose column is below the width
    rows = np.arange(first, min(height - 1, t // lead) + 1)
    if rows.size:  # images narrower than the lead have empty steps
      yield Step(0, rows, t - lead * rows)


def raster_bands(height: int, width: int) -> Iterator[Step]:
  """All places, in bands of rows: for encoders, which know all bits before they start."""
  rows = max(1, _BAND_PLACES // width)
  for top in range(0, height, rows):
    places = np.mgrid[top : min(top + rows, height), 0:width]
    yield Step(0, places[0].ravel(), places[1].ravel())
