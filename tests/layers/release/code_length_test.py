"""Code lengths: the definition, its limits, the release's number; and the two kinds of codes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.layers.release.code_length import (
  CodeLength,
  code_length,
  sign_to_zero_one,
  zero_one_to_sign,
)
from tests.golden import release


@pytest.fixture(params=release.SOURCES)
def golden(request):
  return release.read("blocks", request.param)


def test_the_two_kinds_of_codes_are_converted_into_each_other():
  signs, bits = np.array([-1.0, 1.0, 0.5]), np.array([0.0, 1.0, 0.75])
  np.testing.assert_array_equal(sign_to_zero_one(signs), bits)
  np.testing.assert_array_equal(zero_one_to_sign(bits), signs)
  np.testing.assert_array_equal(sign_to_zero_one(tf.constant(signs)), bits)


def test_definition():
  rng = np.random.default_rng(1)
  c, p = (rng.random([3, 4, 5]) < 0.5).astype(np.float32), rng.uniform(0.01, 0.99, [3, 4, 5])
  p = p.astype(np.float32)
  expected = -(c * np.log2(p) + (1 - c) * np.log2(1 - p))
  np.testing.assert_allclose(code_length(c, p), expected, rtol=1e-5)
  np.testing.assert_allclose(CodeLength()(c, p), expected.mean(), rtol=1e-5)


@pytest.mark.parametrize(
  "c, p, expected", [(1, 0.5, 1), (0, 0.5, 1), (1, 0.25, 2), (0, 0.875, 3), (1, 1, 0), (0, 0, 0)]
)
def test_single_bits(c, p, expected):
  assert float(code_length(tf.constant(float(c)), tf.constant(float(p)))) == pytest.approx(expected)


def test_the_impossible_takes_infinitely_many_bits():
  assert float(code_length(tf.constant(1.0), tf.constant(0.0))) == np.inf
  assert float(code_length(tf.constant(0.0), tf.constant(1.0))) == np.inf


def test_the_gradient_is_that_of_the_definition_and_finite_where_it_was_certain():
  p = tf.constant([0.25, 0.75, 1.0, 0.0])
  c = tf.constant([1.0, 0.0, 1.0, 0.0])
  with tf.GradientTape() as tape:
    tape.watch(p)
    bits = code_length(c, p)
  expected = np.array([-4, 4, -1, 1]) / np.log(2)
  np.testing.assert_allclose(tape.gradient(bits, p), expected, rtol=1e-6)


def test_the_releases_number_is_reproduced(golden):
  golden = golden.folder("code_length")
  found = CodeLength()(golden["c"], golden["p"])
  np.testing.assert_allclose(found, golden["value"], atol=release.TOLERANCE, rtol=0)


def test_always_float32():
  layer = CodeLength(dtype="mixed_bfloat16")
  assert layer.compute_dtype == "float32"
  c, p = tf.ones([2], tf.bfloat16), tf.constant([0.9995, 0.9995])
  assert layer(c, p).dtype == tf.float32
  assert float(layer(c, p)) == pytest.approx(-np.log2(0.9995), rel=1e-3)


def test_the_configuration_makes_the_same_layer():
  layer = CodeLength(name="bits")
  assert CodeLength.from_config(layer.get_config()).get_config() == layer.get_config()
  loaded = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
  assert type(loaded) is CodeLength and loaded.name == "bits"
