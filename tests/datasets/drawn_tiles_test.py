"""Drawn tiles: what they are, which ones of a batch, and that batches depend on nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from compression.datasets.drawn_tiles import WithDrawnTiles, draw
from compression.datasets.some_tiles import is_chosen


class Numbered:
  """A source whose tiles hold the number of their step and row."""

  batch_size, shape, dtype = 8, (32, 32, 3), np.uint8

  def batch(self, step: int, begin: int = 0, end: int | None = None) -> np.ndarray:
    rows = np.arange(8, dtype=np.uint8)[begin:end, np.newaxis, np.newaxis, np.newaxis]
    return np.broadcast_to(rows + np.uint8(10 * step), [len(rows), *self.shape])


def test_a_batch_is_a_function_of_seed_and_step_whatever_part_is_asked_for() -> None:
  source = WithDrawnTiles(Numbered(), 0.25, seed=3)
  batch = source.batch(2)
  assert batch.shape == (8, 32, 32, 3) and batch.dtype == np.uint8
  np.testing.assert_array_equal(batch, np.concatenate([source.batch(2, 0, 3), source.batch(2, 3)]))
  photos = ~is_chosen(8, 0.25)
  np.testing.assert_array_equal(batch[photos], Numbered().batch(2)[photos])
  (first, second), again = batch[~photos], WithDrawnTiles(Numbered(), 0.25, seed=4).batch(2)
  assert not np.array_equal(first, second)
  assert not np.array_equal(first, again[~photos][0])
  assert not np.array_equal(first, source.batch(3)[~photos][0])


def test_all_kinds_are_drawn() -> None:
  random = np.random.default_rng(0)
  tiles = np.stack([draw(random, 32) for _ in range(300)])
  assert tiles.shape == (300, 32, 32, 3) and tiles.dtype == np.uint8
  flat = (tiles == tiles[:, :1, :1]).all(axis=(1, 2, 3))
  assert 0.15 < flat.mean() < 0.5
  colours = tiles[flat][:, 0, 0].astype(int)
  grey = np.ptp(colours, axis=1) == 0
  corner = np.isin(colours, [0, 255]).all(axis=1)
  next_to_middle = grey & (np.abs(colours[:, 0] - 128) <= 4)
  for kind in (corner, next_to_middle, grey & ~next_to_middle & ~corner, ~grey & ~corner):
    assert kind.mean() > 0.05
  # Of the others, some have two colours (stripes, boxes), some many (ramps, smooth letters).
  counts = [len(np.unique(tile.reshape(-1, 3), axis=0)) for tile in tiles[~flat]]
  assert min(counts) == 2 and max(counts) > 20


@pytest.mark.parametrize("side", [16, 48, 128])
def test_tiles_of_any_side_are_drawn(side: int) -> None:
  random = np.random.default_rng(side)
  assert {draw(random, side).shape for _ in range(40)} == {(side, side, 3)}
