"""The gain estimator: its equations, a gain larger than 1 for each 32x32 block, and their hold."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.layers import GainEstimator, zero_order_hold


def image(*shape: int, scale: float = 1.0) -> tf.Tensor:
  rng = np.random.default_rng(1)
  return tf.constant(rng.uniform(-scale, scale, shape).astype(np.float32))


def randomize(estimator: GainEstimator, scale: float = 1.0) -> dict[str, np.ndarray]:
  """Random weights of a built estimator, as the reference wants them."""
  rng = np.random.default_rng(2)
  arrays = {}
  for index, convolution in enumerate(estimator.convolutions):
    for variable, suffix in zip(convolution.weights, ("", "/bias")):
      fan_in = np.prod(variable.shape[:-1]) if variable.shape.rank > 1 else 4
      variable.assign(rng.normal(0, scale / np.sqrt(fan_in), variable.shape))
      arrays[f"conv{index + 1}{suffix}"] = variable.numpy()
  return arrays


@pytest.mark.parametrize("height, width", [(32, 32), (64, 96), (48, 80), (33, 31), (1, 65)])
def test_equations(reference, height, width):
  estimator = GainEstimator()
  estimator.build([None, None, None, 3])
  arrays = randomize(estimator)
  x_hat = image(2, height, width, 3)
  gains = estimator(x_hat)
  assert gains.shape == (2, -(-height // 32), -(-width // 32), 1)
  np.testing.assert_allclose(gains, reference.gain(arrays, x_hat.numpy()), rtol=1e-5, atol=1e-5)


def test_gains_are_larger_than_one():
  estimator = GainEstimator()
  estimator.build([None, None, None, 3])
  randomize(estimator)
  gains = estimator(image(4, 96, 96, 3)).numpy()
  assert 1 < gains.min() < 2 < gains.max()  # both sides of ELU were tried


def test_gains_are_never_less_than_one_however_large_the_values():
  estimator = GainEstimator()
  estimator.build([None, None, None, 3])
  randomize(estimator, 20)
  gains = estimator(image(4, 96, 96, 3, scale=100)).numpy()
  assert np.isfinite(gains).all() and gains.min() >= 1


def test_it_has_the_layers_of_the_paper():
  estimator = GainEstimator()
  estimator.build([None, None, None, 3])
  assert [layer.kernel.shape for layer in estimator.convolutions] == [
    (3, 3, 3, 32),
    (3, 3, 32, 32),
    (3, 3, 32, 32),
    (3, 3, 32, 32),
    (3, 3, 32, 1),
  ]
  assert {layer.strides for layer in estimator.convolutions} == {(2, 2)}


def test_gradients_reach_every_variable():
  estimator = GainEstimator()
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(estimator(image(1, 64, 64, 3)))
  variables = estimator.trainable_variables
  assert len(variables) == 10
  assert all(np.any(gradient) for gradient in tape.gradient(loss, variables))


def test_mixed_precision_leaves_it_in_float32():
  policy = tf.keras.mixed_precision.global_policy()
  tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
  try:
    estimator = GainEstimator()
    assert estimator(image(1, 32, 32, 3)).dtype == tf.float32
    assert {variable.dtype for variable in estimator.weights} == {tf.float32}
  finally:
    tf.keras.mixed_precision.set_global_policy(policy)


def test_a_keras_model_with_it_is_saved_and_loaded(tmp_path):
  inputs = tf.keras.Input([None, None, 3])
  model = tf.keras.Model(inputs, GainEstimator()(inputs))
  model.save(tmp_path / "model.keras")
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  x_hat = image(1, 48, 80, 3)
  np.testing.assert_allclose(loaded(x_hat), model(x_hat), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("height, width", [(32, 64), (64, 32), (48, 80), (33, 31), (16, 16)])
def test_every_pixel_has_the_gain_of_its_block(reference, height, width):
  gains = tf.random.stateless_uniform([2, -(-height // 32), -(-width // 32), 1], [1, 2], 1, 3)
  held = zero_order_hold(gains, tf.zeros([2, height, width, 3]))
  assert held.shape == (2, height, width, 1)
  np.testing.assert_array_equal(
    held, reference.zero_order_hold(gains.numpy(), height, width).astype(np.float32)
  )
