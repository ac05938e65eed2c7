"""Cells, neighbours and batches: nothing looks at what a decoder does not know yet."""

from __future__ import annotations

import numpy as np
import pytest

from compression.entropy.grids import PAD, Grid, Place

SIZES = [(5, 3), (4, 4), (5, 4)]
PLACES = (
  *(Place(0, -1), Place(-1, 1), Place(-2, 0)),
  *(Place(1, 0, band=-1), Place(0, 1, band=-1), Place(0, 0, band=-2), Place(0, 0, channel=-1)),
)
WEIGHTS = np.arange(1, 1 + 3 * len(PLACES)).reshape(3, -1)


@pytest.fixture
def grid() -> Grid:
  return Grid(3, SIZES, PLACES, WEIGHTS)


def plain_sum(known: np.ndarray, cell: tuple[int, int, int, int]) -> int:
  """The sum of a cell's neighbours, known [channel, band, row, column], one by one."""
  channel, band, row, column = cell
  total = 0
  for place, weight in zip(PLACES, WEIGHTS[band]):
    at = channel + place.channel, band + place.band, row + place.row, column + place.column
    if all(0 <= where < side for where, side in zip(at, known.shape)):
      total += int(weight) * int(known[at])
  return total


def test_bands_come_back(grid):
  bands = [np.arange(1, 3 * h * w + 1).reshape(3, h, w) for h, w in SIZES]
  flat = grid.put(bands)
  assert flat.sum() == sum(band.sum() for band in bands)
  for found, band in zip(grid.take(flat), bands):
    np.testing.assert_array_equal(found, band)


def test_sums_are_those_of_the_neighbours(grid):
  rng = np.random.default_rng(0)
  known = grid.zeros(np.uint8)
  grid.inside(known)[:] = rng.integers(0, 256, grid.inside(known).shape) * grid.exist()
  cells, _, kinds = grid.order(grid.exist())
  shape = tuple(np.array(grid.inside(known).shape) + [0, 0, 2 * PAD, 2 * PAD])
  expected = []
  for cell in cells:
    channel, band, row, column = np.unravel_index(cell, shape)
    expected.append(plain_sum(grid.inside(known), (channel, band, row - PAD, column - PAD)))
  np.testing.assert_array_equal(grid.sums(known, cells, kinds), expected)
  np.testing.assert_array_equal(grid.all_sums(known)[cells], expected)


def test_all_cells_come_once_and_after_all_that_they_look_at(grid):
  exist = grid.exist()
  cells, batches, kinds = grid.order(exist)
  assert len(set(cells.tolist())) == len(cells) == exist.sum() == 3 * sum(h * w for h, w in SIZES)
  np.testing.assert_array_equal(kinds, cells // (len(grid.zeros(bool)) // 9))
  assert [cell for batch in batches for cell in cells[batch].tolist()] == cells.tolist()
  everything, done = set(cells.tolist()), set()
  for batch in batches:
    for cell, kind in zip(cells[batch].tolist(), kinds[batch].tolist()):
      for place in PLACES:
        if kind // 3 >= -place.channel and kind % 3 >= -place.band:
          at = cell + grid.offset(place)
          assert at not in everything or at in done
    done.update(cells[batch].tolist())


def test_some_cells_alone_are_in_the_same_order(grid):
  chosen = grid.exist() & (np.random.default_rng(1).random(grid.exist().shape) < 0.3)
  every = grid.order(grid.exist()).cells.tolist()
  found = grid.order(chosen).cells.tolist()
  assert len(found) == chosen.sum() and set(found) <= set(every)
  batch_of = {}
  cells, batches, _ = grid.order(grid.exist())
  for number, batch in enumerate(batches):
    batch_of.update(dict.fromkeys(cells[batch].tolist(), number))
  assert [batch_of[cell] for cell in found] == sorted(batch_of[cell] for cell in found)


def test_there_may_be_no_cells():
  grid = Grid(3, [(1, 0), (0, 1), (0, 0)], PLACES, WEIGHTS)
  cells, batches, kinds = grid.order(grid.exist())
  assert not len(cells) and not batches and not len(kinds)
