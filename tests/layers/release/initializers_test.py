"""The initializers: their distributions, their configurations, their seeds."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.layers.release.initializers import (
  CONVOLUTION,
  GaussianInitializer,
  RectifierInitializer,
  RsqrtInitializer,
)

TRUNCATION = 0.87962566
"""Standard deviation of a normal distribution cut off at two standard deviations."""

INITIALIZERS = (
  RsqrtInitializer(CONVOLUTION, seed=3),
  RectifierInitializer((0, 1), scale=1.5, seed=4),
  GaussianInitializer(0.25, seed=5),
)


@pytest.mark.parametrize(
  "initializer, shape, expected, truncated",
  [
    (RsqrtInitializer(), [16, 9000], 1 / 4, True),
    (RsqrtInitializer(1), [9000, 16], 1 / 4, True),
    (RsqrtInitializer(CONVOLUTION), [3, 5, 20, 400], 1 / np.sqrt(300), True),
    (RectifierInitializer(), [50, 3000], np.sqrt(2 / 50), False),
    (RectifierInitializer(CONVOLUTION, scale=1.0), [3, 3, 16, 900], 1 / 12, False),
    (GaussianInitializer(), [300, 400], 1.0, True),
    (GaussianInitializer(0.1), [120000], 0.1, True),
  ],
)
def test_distribution(initializer, shape, expected, truncated):
  values = initializer(shape).numpy()
  assert values.shape == tuple(shape) and values.dtype == np.float32
  assert abs(values.mean()) < 0.02 * expected
  assert values.std() == pytest.approx(expected * (TRUNCATION if truncated else 1), rel=0.02)
  assert (np.abs(values).max() <= 2 * expected * (1 + 1e-6)) == truncated


@pytest.mark.parametrize("initializer", INITIALIZERS, ids=lambda item: type(item).__name__)
def test_the_configuration_makes_the_same_initializer(initializer):
  copy = type(initializer).from_config(initializer.get_config())
  assert copy.get_config() == initializer.get_config()
  saved = tf.keras.initializers.serialize(initializer)
  loaded = tf.keras.initializers.deserialize(saved)
  assert type(loaded) is type(initializer)
  for other in (copy, loaded, initializer):
    np.testing.assert_allclose(other([3, 3, 4, 5]), initializer([3, 3, 4, 5]), rtol=1e-6)


@pytest.mark.parametrize("make", [RsqrtInitializer, RectifierInitializer, GaussianInitializer])
def test_draws_differ_without_a_seed_and_with_another(make):
  initializer = make()
  assert np.any(initializer([4, 5]) != initializer([4, 5]))
  assert np.any(make(seed=1)([4, 5]) != make(seed=2)([4, 5]))


@pytest.mark.parametrize("make", [RsqrtInitializer, RectifierInitializer, GaussianInitializer])
def test_keras_layers_take_them(make):
  layer = tf.keras.layers.Dense(4, kernel_initializer=make())
  layer.build([None, 7])
  assert layer.kernel.shape == (7, 4)
  assert make()([4, 5], dtype=tf.float64).dtype == tf.float64


@pytest.mark.parametrize("make", [RsqrtInitializer, RectifierInitializer])
def test_dimensions_that_a_shape_does_not_have_are_refused(make):
  with pytest.raises(ValueError, match=r"dimensions \(0, 1, 2\).* Received: "):
    make(CONVOLUTION)([4, 5])
