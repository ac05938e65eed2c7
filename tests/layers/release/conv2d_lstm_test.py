"""The release's LSTMs: the equations in NumPy, the release's numbers, states, saving."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.common import masks
from compression.layers.lstm import LSTMState
from compression.layers.release.conv2d_lstm import Conv2DLSTM, DenseLSTM, RasterScanConv2DLSTM
from tests.golden import entropy_reference as reference
from tests.golden import release

CONVOLUTIONAL = (Conv2DLSTM, RasterScanConv2DLSTM)
ALL = (*CONVOLUTIONAL, DenseLSTM)
each_layer = pytest.mark.parametrize("layer_class", ALL)


@pytest.fixture(params=release.SOURCES)
def golden(request):
  return release.read("blocks", request.param)


def noise(*shape, seed=1):
  return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def made(layer_class, *arguments, **more):
  """A layer of depth 5 for inputs of depth 3, all its weights random, and inputs for it."""
  layer = layer_class(5, *arguments, **more)
  dense = layer_class is DenseLSTM
  layer.build([None, 3] if dense else [None, None, None, 3])
  for seed, variable in enumerate(layer.weights):
    scale = 1 / np.sqrt(np.prod(variable.shape[:-1]))
    variable.assign(scale * noise(*variable.shape, seed=seed + 10))
  return layer, noise(3, 2, 3) if dense else noise(3, 2, 7, 8, 3)


def run(layer, inputs, state=None):
  outputs = []
  for x in inputs:
    y, state = layer(x, state)
    assert isinstance(state, LSTMState)
    outputs.append(y)
  return tf.stack(outputs), state


# Numbers


@pytest.mark.parametrize("layer_class", CONVOLUTIONAL)
@pytest.mark.parametrize(
  "size, hidden_size, strides, padding",
  [
    ((3, 3), (1, 1), (1, 1), "SAME"),
    ((3, 5), (5, 3), (2, 2), "SAME"),
    ((1, 3), (1, 3), (1, 2), "VALID"),
    ((5, 3), (3, 3), (2, 1), "REFLECT"),
    ((3, 3), (3, 1), (1, 1), "SYMMETRIC"),
  ],
)
def test_equations(layer_class, size, hidden_size, strides, padding):
  layer, inputs = made(layer_class, size, hidden_size, strides, padding)
  kernel = layer.input_kernel.numpy()
  if layer_class is RasterScanConv2DLSTM:
    kernel = kernel * masks.raster_scan(size, strict=False)
  state = layer.initial_state(inputs[0])
  h, c = (noise(*part.shape, seed=seed) for seed, part in enumerate(state))
  state = LSTMState(tf.constant(h), tf.constant(c))
  for x in inputs:
    y, state = layer(x, state)
    gates = reference.conv2d(x, kernel, strides, padding) + layer.bias.numpy()
    gates += reference.conv2d(h, layer.hidden_kernel.numpy())
    h, c = reference.lstm(gates, c)
    np.testing.assert_allclose(y, h, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(state.h, h, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(state.c, c, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer_class", [Conv2DLSTM, DenseLSTM])
def test_the_releases_numbers_are_reproduced(golden, layer_class):
  # Those of RasterScanConv2DLSTM, which runs down the rows of an image, are in operators_test.py.
  dense = layer_class is DenseLSTM
  for name in ["lstm"] if dense else golden.folders("conv2d_lstm_stride"):
    arrays = golden.folder(name)
    layer = DenseLSTM(5) if dense else Conv2DLSTM(5, 3, 3, int(name[-1]))
    layer.build(arrays["x"].shape[1:])
    np.testing.assert_array_equal(layer.bias, arrays["initial_bias"])
    for weight in ("input_kernel", "hidden_kernel", "bias"):
      getattr(layer, weight).assign(arrays[weight])
    state = None
    for x, hidden, cell in zip(arrays["x"], arrays["hidden"], arrays["cell"]):
      y, state = layer(x, state)
      for found, expected in ((y, hidden), (state.h, hidden), (state.c, cell)):
        np.testing.assert_allclose(found, expected, atol=release.TOLERANCE, rtol=0)


def test_the_dense_one_is_keras_cell_with_other_gates():
  layer, inputs = made(DenseLSTM)
  cell = tf.keras.layers.LSTMCell(5)
  cell.build([None, 3])
  weights = []
  for weight in (layer.input_kernel, layer.hidden_kernel, layer.bias):
    f, i, j, o = np.split(weight.numpy(), 4, axis=-1)
    weights.append(np.concatenate([i, f, j, o], axis=-1))
  cell.set_weights(weights)
  expected, states = [], [tf.zeros([2, 5])] * 2
  for x in inputs:
    y, states = cell(x, states)
    expected.append(y)
  np.testing.assert_allclose(run(layer, inputs)[0], expected, rtol=1e-5, atol=1e-6)


@each_layer
@pytest.mark.parametrize("forget_bias", [1.0, 0.25])
def test_the_forget_bias_is_where_the_bias_begins(layer_class, forget_bias):
  layer = layer_class(5, forget_bias=forget_bias)
  layer.build([None, 3] if layer_class is DenseLSTM else [None, None, None, 3])
  np.testing.assert_array_equal(layer.bias, [forget_bias] * 5 + [0] * 15)
  assert layer.bias.trainable


# States


@each_layer
def test_no_state_is_the_zero_state(layer_class):
  layer, inputs = made(layer_class)
  zero = layer.initial_state(inputs[0])
  assert not any(np.any(part) for part in zero)
  for without, with_zero in zip(
    tf.nest.flatten(run(layer, inputs)), tf.nest.flatten(run(layer, inputs, zero))
  ):
    np.testing.assert_allclose(without, with_zero, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("padding", ["SAME", "VALID", "REFLECT", "SYMMETRIC"])
@pytest.mark.parametrize("strides", [1, (2, 3)])
@pytest.mark.parametrize("height, width", [(6, 7), (5, 9)])
def test_the_zero_state_has_the_size_of_the_output(padding, strides, height, width):
  layer, _ = made(Conv2DLSTM, 3, 3, strides, padding)
  x = noise(2, height, width, 3)
  y, state = layer(x)
  assert {part.shape for part in (*state, *layer.initial_state(x))} == {y.shape}


@each_layer
def test_the_layer_itself_holds_no_state(layer_class):
  layer, inputs = made(layer_class)
  once, _ = run(layer, inputs)
  run(layer, inputs[:, :1] + 1)
  np.testing.assert_allclose(once, run(layer, inputs)[0], rtol=1e-6, atol=1e-6)


def test_the_masked_one_never_sees_later_inputs():
  layer, inputs = made(RasterScanConv2DLSTM, 3)
  other = inputs[0].copy()
  other[0, 3, 4] += 1
  changed = np.abs(layer(other)[0][0] - layer(inputs[0])[0][0]).max(axis=-1) > 1e-5
  expected = np.zeros([7, 8], bool)
  expected[3, 4:6] = expected[4, 3:6] = True
  np.testing.assert_array_equal(changed, expected)


# Precision, gradients, configurations


@each_layer
@pytest.mark.usefixtures("bfloat16_products")
def test_mixed_precision_computes_in_bfloat16_and_keeps_float32(layer_class):
  exact, inputs = made(layer_class)
  mixed, _ = made(layer_class, dtype="mixed_bfloat16")
  for state in (None, mixed.initial_state(inputs[0])):
    outputs, state = run(mixed, inputs, state)
    assert {part.dtype for part in (outputs, *state)} == {tf.bfloat16}
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), run(exact, inputs)[0], atol=0.03)
  assert {variable.dtype for variable in mixed.weights} == {tf.float32}


@each_layer
def test_gradients_reach_every_variable_and_the_first_input(layer_class):
  layer, inputs = made(layer_class)
  inputs = tf.constant(inputs)
  with tf.GradientTape() as tape:
    tape.watch(inputs)
    loss = tf.reduce_sum(run(layer, inputs)[0][-1] ** 2)
  gradients = tape.gradient(loss, [inputs, *layer.trainable_variables])
  assert len(layer.trainable_variables) == 3
  assert all(np.isfinite(gradient).all() and np.any(gradient) for gradient in gradients)
  assert np.any(gradients[0][0])


@each_layer
@pytest.mark.parametrize("use_bias", [True, False])
def test_the_configuration_makes_the_same_layer(layer_class, use_bias, tmp_path):
  extra = {"use_bias": use_bias, "forget_bias": 0.5, "name": "unit"}
  if layer_class is not DenseLSTM:
    extra |= {"kernel_size": (1, 3), "hidden_kernel_size": (3, 1), "strides": (1, 2)}
    extra |= {"padding": "VALID"}
  layer, inputs = made(layer_class, **extra)
  assert (layer.bias is not None) == use_bias
  config = layer.get_config()
  assert {"depth": 5, **extra}.items() <= config.items()
  assert layer_class.from_config(config).get_config() == config
  first, second = (tf.keras.Input(inputs.shape[2:]) for _ in range(2))
  output, state = layer(second, layer(first)[1])
  model = tf.keras.Model([first, second], [output, *state])
  model.save(tmp_path / "model.keras")
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  for found, expected in zip(loaded(list(inputs[:2])), model(list(inputs[:2]))):
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


# What is refused


@each_layer
@pytest.mark.parametrize("value", [0, -1, 2.5, None, "4"], ids=str)
def test_a_depth_that_is_no_positive_whole_number_is_refused(layer_class, value):
  with pytest.raises(ValueError, match="^depth must be .* Received: "):
    layer_class(value)


@each_layer
def test_inputs_of_another_rank_or_unknown_depth_are_refused(layer_class):
  rank = 2 if layer_class is DenseLSTM else 4
  with pytest.raises(ValueError, match=f"ndim={rank}"):
    layer_class(5)(tf.zeros([2, 3, 4]))
  with pytest.raises(ValueError, match="must be known"):
    layer_class(5).build([None] * rank)


def test_other_paddings_sizes_and_masks_are_refused():
  with pytest.raises(ValueError, match="padding must be one of"):
    Conv2DLSTM(4, padding="FULL")
  for argument in ("kernel_size", "hidden_kernel_size", "strides"):
    with pytest.raises(ValueError, match=f"^{argument} must be .* Received: "):
      Conv2DLSTM(4, **{argument: 0})
  with pytest.raises(ValueError, match="must be odd"):
    RasterScanConv2DLSTM(4, kernel_size=2).build([None, None, None, 3])
