"""Magnitudes by their neighbours: contexts, decisions, signs."""

from __future__ import annotations

import numpy as np
import pytest

from compression.common.errors import FormatError
from compression.entropy import magnitudes
from compression.entropy.magnitudes import SYMBOLS, Classes
from compression.entropy.symbols import TOTAL, Decoder, Encoder

CLASSES = Classes(least=(0, 1, 3, 8), unit=4, max_sum=20)


def test_a_sum_has_the_class_of_the_least_that_it_reaches():
  sums = np.arange(21)
  expected = np.searchsorted([1, 3, 8], sums, "right")
  groups = np.full(21, 2, np.int8)
  np.testing.assert_array_equal(CLASSES.contexts(groups, sums), 2 * len(CLASSES) + expected)


def test_magnitudes_and_signs_come_back_and_cost_what_their_classes_say():
  rng = np.random.default_rng(0)
  groups, sums = rng.integers(0, 2, 4000), rng.integers(0, 21, 4000)
  values = rng.geometric(4 / (5 + sums)) - 1
  values[5] = 1000  # escapes
  contexts = CLASSES.contexts(groups, sums)
  batches = [slice(at, at + 100) for at in range(0, 4000, 100)]
  encoder = Encoder()
  magnitudes.encode_batches(encoder, CLASSES.tables(2), batches, contexts, values)
  negative = rng.random((values > 0).sum()) < 0.5
  data = magnitudes.finish(encoder, negative)
  chance = 4 / (5 + sums)
  entropy = -np.log2(chance) - (1 - chance) / chance * np.log2(1 - chance)
  assert len(data) < 1.1 * (entropy.sum() + negative.size) / 8

  decoder, tables = Decoder(data), CLASSES.tables(2)
  found = np.concatenate([decoder.decode(tables, contexts[batch]) for batch in batches])
  np.testing.assert_array_equal(found, values)
  np.testing.assert_array_equal(magnitudes.read_signs(decoder, negative.size), negative)


def test_bits_after_the_last_sign_are_refused():
  decoder = Decoder(Encoder().finish(b"\x01"))
  with pytest.raises(FormatError, match="do not end as they should"):
    magnitudes.read_signs(decoder, 3)


def test_tables_start_near_what_their_classes_expect():
  widths = CLASSES.tables(3).widths.reshape(3, len(CLASSES), SYMBOLS)
  expected = [4 / 5, 4 / 6, 4 / 8, 4 / 13]
  np.testing.assert_allclose(widths[:, :, 0] / TOTAL, [expected] * 3, atol=0.2)
  assert (np.diff(widths[:, :, 0]) < 0).all()


def test_decisions_lower_what_is_rare_and_near_the_lower_value():
  exact = np.zeros([100, 100], np.float32)
  exact[0, 0], exact[0, 1] = 0.6, 1.4
  exact[50:] = 1.02  # common in its context
  first = magnitudes.first_magnitudes(exact)
  assert first[0, 0] == first[0, 1] == 1
  contexts = (np.arange(100) >= 50)[:, None].repeat(100, 1).astype(int)
  decided = magnitudes.decide(exact, first, contexts, 2)
  assert decided[0, 0] == 0 and (decided[50:] == 1).all()
  assert decided[0, 1] == 1 or magnitudes.LAGRANGIAN * 14 > 1.4**2 - 0.33**2
  assert ((first - decided == 0) | (first - decided == 1)).all()


def test_large_magnitudes_are_left_alone():
  exact = np.full([4], SYMBOLS + 0.6, np.float32)
  first = magnitudes.first_magnitudes(exact)
  np.testing.assert_array_equal(magnitudes.decide(exact, first, np.zeros(4, int), 1), first)


def test_the_median_predictor_knows_edges_and_slopes():
  west, north, between = (np.array(values) for values in ([9, 2, 5], [2, 9, 7], [2, 2, 6]))
  assert magnitudes.median_prediction(west, north, between).tolist() == [9, 9, 6]
  assert magnitudes.median_prediction(north, west, np.array([9, 9, 6])).tolist() == [2, 2, 6]


def test_levels_that_no_image_has_are_refused():
  levels = np.array([-(2**15) + 1, 2**15 - 1])
  assert magnitudes.check_levels(levels, 2**15 - 1) is levels
  with pytest.raises(FormatError, match="out of range"):
    magnitudes.check_levels(levels + 1, 2**15 - 1)
