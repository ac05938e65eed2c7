"""Enlarged tiles: which ones of a batch, and that they are smoother."""

from __future__ import annotations

import numpy as np

from compression.datasets.enlarged_tiles import WithEnlargedTiles, enlarge
from compression.datasets.tiles import busyness


class Noise:
  """A source."""

  batch_size, shape, dtype = 4, (32, 32, 3), np.uint8

  def batch(self, step: int, begin: int = 0, end: int | None = None) -> np.ndarray:
    made = np.random.default_rng(step).integers(0, 256, [4, *self.shape], np.uint8)
    return made[begin:end]


def test_half_of_the_tiles_are_the_middle_twice_as_large():
  source, plain = WithEnlargedTiles(Noise(), 0.5), Noise().batch(3)
  tiles = source.batch(3)
  assert tiles.shape == plain.shape and tiles.dtype == np.uint8
  same = [(one == other).all() for one, other in zip(tiles, plain)]
  assert same == [True, False, True, False] or same == [False, True, False, True]
  for one, other, is_same in zip(tiles, plain, same):
    if not is_same:
      np.testing.assert_array_equal(one, enlarge(other))
      assert busyness(one) < 0.7 * busyness(other)
  np.testing.assert_array_equal(tiles, np.concatenate([source.batch(3, 0, 1), source.batch(3, 1)]))


def test_what_is_plain_stays_so_and_middles_stay_in_the_middle():
  tile = np.zeros([16, 16, 3], np.uint8)
  np.testing.assert_array_equal(enlarge(tile + 7), tile + 7)
  tile[:8] = 200
  large = enlarge(tile)
  assert (large[:6] > 190).all() and (large[10:] < 10).all()
