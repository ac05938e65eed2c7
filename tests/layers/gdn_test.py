"""GDN and its inverse are the published formula, differentiable, and stay defined."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.layers.gdn import BETA, GAMMA, GDN

_CHANNELS = 3


def layer(inverse: bool, seed: int | None = None, dtype: str = "float32") -> GDN:
  made = GDN(inverse, dtype=dtype)
  made.build([None, None, None, _CHANNELS])
  if seed is not None:
    rng = np.random.default_rng(seed)
    for variable in made.weights:
      variable.assign(rng.uniform(0.1, 1, variable.shape))
  return made


def formula(x: np.ndarray, beta: np.ndarray, gamma: np.ndarray, inverse: bool) -> np.ndarray:
  """Channel by channel, in float64: gamma [i, j]."""
  y = np.empty_like(x)
  for i in range(x.shape[-1]):
    norm = np.sqrt(beta[i] + sum(gamma[i, j] * x[..., j] ** 2 for j in range(x.shape[-1])))
    y[..., i] = x[..., i] * norm if inverse else x[..., i] / norm
  return y


def example() -> np.ndarray:
  return np.random.default_rng(0).normal(0, 2, [2, 4, 5, _CHANNELS])


@pytest.mark.parametrize("inverse", [False, True])
def test_it_is_the_published_formula(inverse):
  made = layer(inverse, seed=1)
  beta_root, gamma_root = (variable.numpy().astype(np.float64) for variable in made.weights)
  expected = formula(example(), beta_root**2, gamma_root.T**2, inverse)
  np.testing.assert_allclose(made(example().astype("f4")), expected, rtol=1e-5)


def test_it_starts_from_beta_1_and_gamma_a_tenth_of_the_identity():
  expected = formula(example(), np.full(_CHANNELS, BETA), GAMMA * np.eye(_CHANNELS), False)
  np.testing.assert_allclose(layer(False)(example().astype("f4")), expected, rtol=1e-5)


@pytest.mark.parametrize("inverse", [False, True])
def test_gradients_are_those_of_differences(inverse):
  made = layer(inverse, seed=2)
  x = tf.Variable(example().astype("f4"))
  weights = np.random.default_rng(3).normal(size=x.shape).astype("f4")

  def loss() -> tf.Tensor:
    return tf.reduce_sum(made(x) * weights)

  variables = [x, *made.trainable_variables]
  with tf.GradientTape() as tape:
    value = loss()
  for variable, gradient in zip(variables, tape.gradient(value, variables)):
    before, step = variable.numpy(), np.zeros(variable.shape, "f4")
    at = (1,) * variable.shape.rank
    step[at] = 0.01
    sides = []
    for side in (before + step, before - step):
      variable.assign(side)
      sides.append(float(loss()))
    variable.assign(before)
    assert (sides[0] - sides[1]) / 0.02 == pytest.approx(float(gradient[at]), rel=0.02, abs=2e-3)


def test_weights_below_0_count_as_0_and_come_back():
  made = layer(False)
  made.weights[0].assign(-np.ones(_CHANNELS))
  made.weights[1].assign(-np.ones([_CHANNELS, _CHANNELS]))
  x = tf.ones([1, 1, 1, _CHANNELS])
  with tf.GradientTape() as tape:
    y = made(x)
    loss = tf.reduce_sum(y)  # less with larger weights
  assert np.isfinite(y).all()
  for gradient in tape.gradient(loss, made.trainable_variables):
    assert (gradient.numpy() < 0).all()


def test_it_computes_in_float32_whatever_the_policy_and_saves_what_it_is():
  made = layer(True, seed=4, dtype="mixed_bfloat16")
  assert made(tf.ones([1, 2, 2, _CHANNELS], tf.bfloat16)).dtype == tf.bfloat16
  assert GDN.from_config(made.get_config()).inverse
  with pytest.raises(ValueError, match="number of channels"):
    GDN().build([None, None, None, None])
