"""Latents come back, in fewer bytes where the image helps; bytes that nobody made are refused."""

from __future__ import annotations

import numpy as np
import pytest

from compression.common.errors import FormatError
from compression.entropy.latents import tables
from compression.entropy.latents.adaptive import AdaptiveCoder
from compression.entropy.latents.tables import MAX_VALUE, LatentTables
from tests.entropy.latents.examples import prior, refuses_damage, weights


def tables_of(channels: int = 5, seed: int = 0) -> LatentTables:
  return LatentTables(tables.export(weights(prior(channels, seed))), "here")


def drawn(height: int, width: int, channels: int = 5, seed: int = 0) -> np.ndarray:
  """Large in one half, small in the other."""
  rng = np.random.default_rng(seed)
  scale = np.where(np.arange(width) < width / 2, 0.2, 6)[:, np.newaxis]
  return np.rint(rng.laplace(0, scale, (height, width, channels))).astype(np.int32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (13, 8)])
def test_latents_of_any_size_come_back(shape):
  coder = AdaptiveCoder(tables_of())
  for q in (drawn(*shape), np.zeros([*shape, 5], np.int32)):
    found = coder.decode(coder.encode(q), *shape)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, q)


def test_values_of_any_size_come_back():
  q = np.zeros([2, 3, 5], np.int32)
  q[0, :, 0] = MAX_VALUE, -MAX_VALUE, 70000
  q[1, :, 4] = -15, 15, -16
  coder = AdaptiveCoder(tables_of())
  np.testing.assert_array_equal(coder.decode(coder.encode(q), 2, 3), q)


def test_where_neighbours_say_how_large_they_are_it_takes_fewer_bytes():
  of, q = tables_of(8), drawn(40, 40, 8)
  assert len(AdaptiveCoder(of).encode(q)) < 0.85 * len(of.encode(q))


def test_channels_come_in_the_order_of_what_the_prior_expects():
  of = tables_of(6, seed=2)
  means = of.mean_magnitudes()
  rows = tables.export(weights(prior(6, 2)))
  ends = np.cumsum(rows["symbols"].astype(int))
  for channel, end in enumerate(ends):
    start = end - int(rows["symbols"][channel])
    widths = np.diff(rows["cumulative"][start:end].astype(int))  # the last but the escape
    values = np.abs(np.arange(len(widths)) + int(rows["minimum"][channel]))
    assert means[channel] == (values * widths).sum() * 256 >> 16
  assert (np.diff(means[AdaptiveCoder(of)._order]) <= 0).all()


def test_damaged_bytes_end_in_one_line_or_other_latents():
  refuses_damage(AdaptiveCoder(tables_of()), drawn(9, 9), 60)


def test_latents_out_of_range_are_refused():
  coder = AdaptiveCoder(tables_of())
  q = np.zeros([1, 1, 5], np.int64)
  q[0, 0, 2] = 2 * MAX_VALUE
  with pytest.raises(FormatError, match="out of range"):
    coder.decode(coder.encode(q), 1, 1)
