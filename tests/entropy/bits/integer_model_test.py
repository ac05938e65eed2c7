"""What the integer forms share: convolutions, and what places see, against loops over places."""

from __future__ import annotations

import numpy as np
import pytest

from compression.entropy.bits import integer_model
from compression.entropy.bits.orders import Step


def integers(*shape):
  return np.random.default_rng(3).integers(-100, 100, shape).astype(np.float64)


def seen_from(x, row, column, reach_rows, reach_columns):
  """The window around a place, with zeros beyond the borders."""
  padded = np.pad(x, [(reach_rows, reach_rows), (reach_columns, reach_columns), (0, 0)])
  return padded[row : row + 2 * reach_rows + 1, column : column + 2 * reach_columns + 1]


@pytest.mark.parametrize("height, width", [(1, 1), (1, 7), (5, 1), (4, 6)])
@pytest.mark.parametrize("kernel_height, kernel_width", [(1, 1), (3, 3), (5, 3), (1, 5)])
def test_a_convolution_sums_what_each_place_sees(height, width, kernel_height, kernel_width):
  x, kernel = integers(height, width, 4), integers(kernel_height, kernel_width, 4, 3)
  found = integer_model.convolve(x, kernel)
  assert found.shape == (height, width, 3)
  for row in range(height):
    for column in range(width):
      window = seen_from(x, row, column, kernel_height // 2, kernel_width // 2)
      expected = np.einsum("ijc,ijcd->d", window, kernel)
      np.testing.assert_array_equal(found[row, column], expected)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_convolving_in_chunks_changes_nothing(monkeypatch, size):
  rng = np.random.default_rng(3)
  x = rng.integers(-100, 100, [9, 6, 4]).astype(np.float64)
  kernel = rng.integers(-100, 100, [size, size, 4, 3]).astype(np.float64)
  whole = integer_model.convolve(x, kernel)
  monkeypatch.setattr(integer_model, "_CHUNK_BYTES", 1)
  np.testing.assert_array_equal(integer_model.convolve(x, kernel), whole)


def test_the_places_of_a_step_see_their_neighbours():
  reach = 2
  x = integers(4, 5, 3)
  padded = np.pad(x, [(reach, reach), (reach, reach), (0, 0)])
  step = Step(0, np.array([0, 3, 1]), np.array([0, 4, 2]))
  taps = np.array([[-2, 1], [0, 0], [2, -2], [1, 2]])
  found = integer_model.take(padded, step, taps, reach)
  assert found.shape == (3, 4 * 3)
  for seen, row, column in zip(found, step.rows, step.columns):
    window = seen_from(x, row, column, reach, reach)
    expected = [window[reach + down, reach + right] for down, right in taps]
    np.testing.assert_array_equal(seen, np.ravel(expected))
