"""Strips give what the whole gives, if they overlap far enough, and need no more than that."""

from __future__ import annotations

import numpy as np
import pytest

from compression.codecs import strips
from compression.codecs.strips import in_strips

_RNG = np.random.default_rng(0)


def blurred(values: np.ndarray) -> np.ndarray:
  """Each row the sum of five, 0 outside."""
  padded = np.pad(values, [(2, 2), (0, 0), (0, 0)])
  return sum(padded[at : at + len(values)] for at in range(5))


@pytest.mark.parametrize("rows", [1, 6, 7, 20])
def test_strips_are_the_whole(monkeypatch, rows):
  monkeypatch.setattr(strips, "ROWS", 6)
  values = _RNG.integers(0, 100, [rows, 3, 2])
  np.testing.assert_array_equal(in_strips(blurred, [values], [1], 1, 2), blurred(values))
  if rows > 6:
    assert (in_strips(blurred, [values], [1], 1, 1) != blurred(values)).any()


def test_rows_of_the_latent_may_be_several_of_what_goes_in_and_out(monkeypatch):
  monkeypatch.setattr(strips, "ROWS", 2)
  seen = []

  def halved(fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    seen.append((len(fine), len(coarse)))
    return np.repeat(fine[::4] + coarse, 3, axis=0)

  fine, coarse = _RNG.integers(0, 100, [20, 2, 1]), _RNG.integers(0, 100, [5, 2, 1])
  made = in_strips(halved, [fine, coarse], [4, 1], 3, 1)
  np.testing.assert_array_equal(made, np.repeat(fine[::4] + coarse, 3, axis=0))
  assert seen == [(12, 3), (16, 4), (8, 2)]
