"""The orders of coding: every place once, and never before what it sees."""

from __future__ import annotations

import numpy as np
import pytest

from compression.common import masks
from compression.entropy.bits import orders
from compression.entropy.bits.orders import (
  in_parts,
  interlaced_steps,
  raster_bands,
  wavefront_steps,
)

SIZES = [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (2, 2), (3, 5), (7, 4), (8, 8), (16, 24)]


def times(steps, height, width):
  """The number of the step of each place."""
  found = np.full([height, width], -1)
  for number, step in enumerate(steps):
    assert (found[step.rows, step.columns] == -1).all(), "coded twice"
    assert len(set(zip(step.rows.tolist(), step.columns.tolist()))) == len(step.rows)
    found[step.rows, step.columns] = number
  assert (found >= 0).all(), "never coded"
  return found


def seen(mask, row, column, height, width):
  """The places that a mask [h, w] lets the place see."""
  reach = [side // 2 for side in mask.shape]
  for i, j in np.argwhere(mask):
    r, c = row + i - reach[0], column + j - reach[1]
    if 0 <= r < height and 0 <= c < width:
      yield r, c


@pytest.mark.parametrize("height, width", SIZES)
@pytest.mark.parametrize("side", [1, 3, 5, 7])
def test_what_the_raster_mask_sees_is_coded_in_an_earlier_step(height, width, side):
  when = times(wavefront_steps(height, width, side // 2 + 1), height, width)
  mask = masks.raster_scan((side, side), strict=True)[..., 0, 0]
  for row in range(height):
    for column in range(width):
      for place in seen(mask, row, column, height, width):
        assert when[place] < when[row, column]


@pytest.mark.parametrize("height, width", SIZES)
@pytest.mark.parametrize("side", [3, 5])
def test_what_the_interlaced_masks_see_is_coded_in_an_earlier_step(height, width, side):
  steps = list(interlaced_steps(height, width))
  when = times(steps, height, width)
  kernels = masks.interlaced((side, side))[..., 0, 0]
  for step in steps:
    for row, column in zip(step.rows, step.columns):
      places = set(seen(kernels[step.kind], row, column, height, width))
      assert all(when[place] < when[row, column] for place in places)
      # and nothing that could be seen is hidden
      every = set(seen(np.ones([side, side]), row, column, height, width))
      assert all(when[place] >= when[row, column] for place in every - places)


def test_the_wavefront_takes_as_many_steps_as_it_says():
  assert len(list(wavefront_steps(32, 48, 4))) == 48 + 4 * 31
  assert len(list(interlaced_steps(32, 48))) == 4


@pytest.mark.parametrize("height, width", [*SIZES, (70, 300)])
def test_bands_hold_every_place_once(height, width):
  steps = list(raster_bands(height, width))
  assert (times(steps, height, width) == np.sort(times(steps, height, width), axis=0)).all()
  assert len(steps) == (3 if height == 70 else 1)


@pytest.mark.parametrize("most, count", [(1, 35), (4, 9), (34, 2), (35, 1), (100, 1)])
def test_the_parts_of_a_step_are_it(monkeypatch, most, count):
  monkeypatch.setattr(orders, "_BAND_PLACES", most)
  parts = list(in_parts(orders.Step(2, np.zeros(35, int), np.arange(35))))
  assert len(parts) == count and {part.kind for part in parts} == {2}
  assert max(len(part.rows) for part in parts) <= most
  np.testing.assert_array_equal(np.concatenate([part.columns for part in parts]), np.arange(35))
  np.testing.assert_array_equal(np.concatenate([part.rows for part in parts]), 0)
