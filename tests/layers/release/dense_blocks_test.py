"""The fully connected blocks: what they compute, and that Keras' Dense is the same."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.layers.release.dense_blocks import NN, BiasAdd, Linear

LAYERS = {
  "linear": (Linear(5), {"units": 5}),
  "bias_add": (BiasAdd("ones"), {}),
  "nn": (NN(5, activation="tanh", bias_initializer="ones"), {"depth": 5, "use_bias": True}),
  "nn_without_bias": (NN(5, use_bias=False), {"depth": 5, "use_bias": False}),
}


def noise(*shape, seed=1):
  return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(4, 3), (2, 6, 7, 3)])
def test_linear_is_dense_without_bias(shape):
  layer, dense, x = Linear(5), tf.keras.layers.Dense(5, use_bias=False), noise(*shape)
  y = layer(x)
  np.testing.assert_allclose(y, x @ layer.kernel.numpy(), rtol=1e-5, atol=1e-5)
  dense.build(shape)
  dense.set_weights(layer.get_weights())
  np.testing.assert_allclose(y, dense(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 3), (2, 6, 7, 3)])
def test_bias_add(shape):
  layer, x = BiasAdd(), noise(*shape)
  np.testing.assert_array_equal(layer(x), x)
  layer.bias.assign([1, 2, 3])
  np.testing.assert_allclose(layer(x), x + np.float32([1, 2, 3]), rtol=1e-6)


@pytest.mark.parametrize("shape", [(4, 3), (2, 6, 7, 3)])
def test_nn_of_one_input_is_dense(shape):
  layer, dense = NN(5, activation="tanh"), tf.keras.layers.Dense(5, "tanh")
  layer.build(shape)
  dense.build(shape)
  layer.set_weights([noise(3, 5), noise(5)])
  dense.set_weights(layer.get_weights())
  x = noise(*shape)
  np.testing.assert_allclose(layer(x), dense(x), rtol=1e-5, atol=1e-6)
  np.testing.assert_allclose(layer([x]), layer(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("use_bias", [True, False])
def test_nn_sums_several_inputs(use_bias):
  layer = NN(5, use_bias=use_bias, activation="relu", bias_initializer="ones")
  a, b, c = noise(4, 3), noise(4, 2, seed=2), noise(4, 6, seed=3)
  y = layer([a, b, c])
  first, second, third = (kernel.numpy() for kernel in layer.kernels)
  assert (first.shape, second.shape, third.shape) == ((3, 5), (2, 5), (6, 5))
  expected = np.maximum(a @ first + b @ second + c @ third + use_bias, 0)
  np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
  with pytest.raises(ValueError, match="expected 3 inputs. Received: 2"):
    layer([a, b])


def test_matrices_begin_with_the_releases_distribution():
  linear, nn = Linear(500), NN(500)
  linear.build([None, 100])
  nn.build([None, 100])
  for kernel in (linear.kernel, *nn.kernels):
    assert np.abs(kernel).max() <= 0.2 * (1 + 1e-6)
    assert np.std(kernel) == pytest.approx(0.088, rel=0.02)


@pytest.mark.parametrize("name", LAYERS)
def test_the_configuration_makes_the_same_layer(name, tmp_path):
  layer, arguments = LAYERS[name]
  config = layer.get_config()
  assert arguments.items() <= config.items()
  copy = type(layer).from_config(config)
  assert copy.get_config() == config
  inputs = tf.keras.Input([3])
  model = tf.keras.Model(inputs, copy(inputs))
  model.save(tmp_path / "model.keras")
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  assert type(loaded.layers[-1]) is type(layer)
  np.testing.assert_allclose(loaded(noise(4, 3)), model(noise(4, 3)), rtol=1e-6, atol=1e-6)


def test_nn_of_several_inputs_is_saved_and_loaded(tmp_path):
  inputs = [tf.keras.Input([3]), tf.keras.Input([2])]
  model = tf.keras.Model(inputs, NN(5)(inputs))
  model.save(tmp_path / "model.keras")
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  x = [noise(4, 3), noise(4, 2)]
  np.testing.assert_allclose(loaded(x), model(x), rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("bfloat16_products")
@pytest.mark.parametrize("name", LAYERS)
def test_mixed_precision_computes_in_bfloat16_and_keeps_float32(name):
  layer, _ = LAYERS[name]
  exact = type(layer).from_config(layer.get_config())
  mixed = type(layer).from_config({**layer.get_config(), "dtype": "mixed_bfloat16"})
  x = noise(4, 3)
  expected, y = exact(x), mixed(x)
  mixed.set_weights(exact.get_weights())
  y = mixed(x)
  assert y.dtype == tf.bfloat16
  assert {variable.dtype for variable in mixed.weights} == {tf.float32}
  np.testing.assert_allclose(tf.cast(y, tf.float32), expected, atol=0.05)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_reach_every_variable(name):
  layer = type(LAYERS[name][0]).from_config(LAYERS[name][0].get_config())
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(layer(noise(4, 3)) ** 2)
  assert all(np.any(gradient) for gradient in tape.gradient(loss, layer.trainable_variables))


def test_wrong_depths_and_biases_are_refused():
  with pytest.raises(ValueError, match="no bias"):
    Linear(5, use_bias=True)
  for depth in (0, -1, 2.5, None, "4"):
    with pytest.raises(ValueError, match="^depth must be .* Received: "):
      NN(depth)
  for layer in (NN(4), BiasAdd()):
    with pytest.raises(ValueError, match="must be known"):
      layer.build([None, None])
