"""Windows and batches: a decoder knows what a pixel looks at."""

from __future__ import annotations

import numpy as np
import pytest

from compression.codecs.dpcm.window import COLUMNS, EARLIER, OWN, PLANES, Layout, seen

SIZES = [(1, 1), (1, 9), (9, 1), (2, 3), (7, 11)]
UNKNOWN = -(10**6)


def planes_of(height: int, width: int) -> np.ndarray:
  return np.random.default_rng(0).integers(1, 255, (PLANES, height, width)).astype(np.int16)


@pytest.mark.parametrize("size", SIZES)
def test_all_pixels_come_once_in_batches_that_see_what_is_decoded(size):
  layout = Layout(*size)
  wanted = layout.bordered(planes_of(*size))
  values = layout.blank()
  layout.inside(values)[:] = UNKNOWN
  around = values == layout.blank()  # the borders; those that depend on pixels come with them
  count = 0
  for batch in layout.batches():
    for plane, part in enumerate(batch.parts):
      cells = batch.cells[part]
      window = layout.windows(values, cells)[:, : seen(plane)]
      np.testing.assert_array_equal(window, layout.windows(wanted, cells)[:, : seen(plane)])
    assert (values[batch.cells] == UNKNOWN).all()
    layout.set(values, batch, wanted[batch.cells])
    count += len(batch.cells)
  assert count == PLANES * size[0] * size[1] and around.any()
  np.testing.assert_array_equal(layout.inside(values), planes_of(*size))


def test_a_window_is_the_pixels_that_it_says():
  planes = planes_of(7, 11)
  layout = Layout(7, 11)
  cell = layout.inside(np.arange(len(layout.blank())))[2, 4, 5]
  (window,) = layout.windows(layout.bordered(planes), np.array([cell]))
  assert len(window) == COLUMNS
  expected = [planes[2, 4 + row, 5 + column] for row, column in OWN]
  expected += [planes[plane, 4 + row, 5 + column] for plane in (1, 0) for row, column in EARLIER]
  assert window.tolist() == expected


def test_pixels_of_earlier_planes_one_down_and_one_to_the_right_are_known():
  layout = Layout(5, 6)
  done = layout.zeros(bool)
  everything = layout.zeros(bool)
  layout.inside(everything)[:] = True
  for batch in layout.batches():
    for part in batch.parts[1:]:
      for row, column in ((1, 0), (0, 1), (0, 0)):
        at = batch.cells[part] + layout.offset(row, column, -1)
        assert (done[at] | ~everything[at]).all()
    done[batch.cells] = True


def test_spread_pixels_are_of_the_first_plane():
  layout = Layout(20, 30)
  first = layout.inside(np.arange(len(layout.blank())))[0].ravel().tolist()
  assert layout.spread(10**6).tolist() == first
  some = layout.spread(70).tolist()
  assert 30 < len(some) <= 70 and set(some) <= set(first)
