"""Integers in float64: exact in any order, rounded as promised, refused where they do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from compression.common.errors import ModelError
from compression.entropy import fixed_point
from compression.entropy.fixed_point import (
  ACTIVATION_MAX,
  BIAS_LIMIT,
  LOGIT_MAX,
  WEIGHT_LIMIT,
  WEIGHT_MAX,
)


def test_the_largest_sums_are_exact_in_any_order():
  rng = np.random.default_rng(0)
  terms = 7 * 7 * 64 * 2
  weights = rng.choice([-WEIGHT_MAX, WEIGHT_MAX, WEIGHT_MAX - 1], terms)
  activations = rng.choice([ACTIVATION_MAX, ACTIVATION_MAX - 1], terms)
  exact = sum(int(w) * int(a) for w, a in zip(weights, activations))
  for _ in range(20):
    order = rng.permutation(terms)
    found = weights[order].astype(np.float64) @ activations[order].astype(np.float64)
    assert found == exact


@pytest.mark.parametrize("bits", [1, 5, 12, 18])
def test_rescaling_is_integer_division_rounded_half_up(bits):
  rng = np.random.default_rng(1)
  values = np.concatenate([rng.integers(-(2**43), 2**43, 10000), np.arange(-(2**bits), 2**bits)])
  expected = [(int(v) + (1 << (bits - 1))) >> bits for v in values]
  np.testing.assert_array_equal(fixed_point.rescale(values.astype(np.float64), bits), expected)


def test_relu_cuts_off_at_both_ends():
  sums = np.array([-1e9, -1, 2047, 2048, 4096, 2.0**27, 2.0**45])
  expected = [0, 0, 0, 1, 1, ACTIVATION_MAX, ACTIVATION_MAX]
  np.testing.assert_array_equal(fixed_point.relu(sums), expected)


def test_logits_are_indexes_of_their_probabilities():
  logits = np.array([-100, -8, -1, 0, 1 / 16, 1, 8, 100.0])
  indexes = fixed_point.logit_indexes(logits * 2**22)
  assert indexes.dtype == np.int32
  zeros = fixed_point.probabilities()[indexes] / 2**16
  np.testing.assert_allclose(zeros, 1 / (1 + np.exp(np.clip(logits, -8, 8))), atol=1e-5)


def test_the_probabilities_can_be_coded_and_fall():
  zeros = fixed_point.probabilities()
  assert len(zeros) == 2 * LOGIT_MAX + 1
  assert (np.diff(zeros) < 0).all()
  assert zeros.min() >= 1 and zeros.max() <= 2**16 - 1
  assert zeros[LOGIT_MAX] == 2**15


def test_weights_and_biases_are_rounded_to_the_nearest():
  rng = np.random.default_rng(2)
  weights = rng.uniform(-WEIGHT_LIMIT, WEIGHT_LIMIT, 1000)
  found = fixed_point.to_weights(weights, "w")
  assert found.dtype == np.int16
  assert np.abs(found / 2**12 - weights).max() <= 2**-13
  biases = rng.uniform(-BIAS_LIMIT, BIAS_LIMIT, 1000)
  found = fixed_point.to_biases(biases, "b")
  assert found.dtype == np.int32
  assert np.abs(found / 2**22 - biases).max() <= 2**-23


@pytest.mark.parametrize("convert", [fixed_point.to_weights, fixed_point.to_biases])
@pytest.mark.parametrize("value", [1e6, -1e6, np.nan, np.inf])
def test_what_has_no_integer_form_is_refused_by_name(convert, value):
  with pytest.raises(ModelError, match="layer/kernel: has .* no integer form"):
    convert(np.array([0.0, value]), "layer/kernel")
