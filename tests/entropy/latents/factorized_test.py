"""The prior is a distribution: it sums up, NumPy finds the same, and it learns one."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.entropy.latents import tables
from compression.entropy.latents.factorized import FactorizedPrior
from tests.entropy.latents.examples import prior, weights


def bits(layer: FactorizedPrior, values: np.ndarray) -> np.ndarray:
  """The bits of single values in the first channel: [n] -> [n]."""
  channels = layer.weights[0].shape[0]
  latents = np.zeros([len(values), 1, 1, channels], np.float32)
  latents[..., 0] = values[:, np.newaxis, np.newaxis]
  rest = np.zeros([1, 1, 1, channels], np.float32)
  return layer(latents).numpy() - layer(rest).numpy() + alone(layer, 0.0)


def alone(layer: FactorizedPrior, value: float) -> float:
  """The bits of a value in the first channel, in float64."""
  sides = tables.logits(
    weights(layer), np.full([layer.weights[0].shape[0], 1], value) + [-0.5, 0.5]
  )
  low, high = (1 / (1 + np.exp(-side)) for side in sides[0])
  return -np.log2(high - low)


def test_chances_of_whole_numbers_sum_to_1():
  layer = prior(seed=1)
  values = np.arange(-400, 401).astype(np.float64)
  assert np.exp2(-bits(layer, values)).sum() == pytest.approx(1, abs=1e-3)


def test_numpy_finds_the_same_and_logits_increase():
  layer = prior(channels=3, seed=2)
  values = np.random.default_rng(0).normal(0, 5, [2, 3, 4, 3]).astype(np.float32)
  flat = values.reshape(-1, 3).T.astype(np.float64)
  low, high = (tables.logits(weights(layer), flat + side) for side in (-0.5, 0.5))
  assert (high > low).all()
  chances = 1 / (1 + np.exp(-high)) - 1 / (1 + np.exp(-low))
  expected = -np.log2(chances).reshape(3, 2, -1).sum((0, 2))
  np.testing.assert_allclose(layer(values), expected, rtol=1e-4)


def test_far_out_the_bits_are_finite_and_lead_back():
  layer = prior()
  values = tf.Variable([[[[1e5, -1e5, 300.0, 0.0]]]])
  with tf.GradientTape() as tape:
    found = layer(values)
  assert np.isfinite(found).all() and found[0] > 60
  assert all(np.isfinite(g).all() for g in tape.gradient(found, layer.trainable_variables))


def test_it_learns_a_distribution():
  layer = prior(channels=1, spread=0.0)
  optimizer = tf.keras.optimizers.Adam(0.05)
  rng = np.random.default_rng(0)

  @tf.function
  def step(values: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(layer(values))
    optimizer.apply_gradients(
      zip(tape.gradient(loss, layer.trainable_variables), layer.trainable_variables)
    )
    return loss

  optimizer.build(layer.trainable_variables)
  for _ in range(300):
    noisy = rng.laplace(3, 2, [256, 1, 1, 1]) + rng.uniform(-0.5, 0.5, [256, 1, 1, 1])
    step(tf.constant(noisy, tf.float32))
  values = rng.laplace(3, 2, 10000).round()
  _, counts = np.unique(values, return_counts=True)
  entropy = -(counts / counts.sum() * np.log2(counts / counts.sum())).sum()
  assert bits(layer, values).mean() == pytest.approx(entropy, abs=0.06)
