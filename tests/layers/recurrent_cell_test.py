"""What all recurrent units promise: shapes, states, saving, precision, gradients, refusals."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import tensorflow as tf

from compression import layers
from compression.layers import (
  ConvAssociativeLSTM,
  ConvGRU,
  ConvLSTM,
  ConvRecurrentCell,
  ConvResidualGRU,
)

CELLS = (ConvLSTM, ConvAssociativeLSTM, ConvGRU, ConvResidualGRU)
each_cell = pytest.mark.parametrize("cell_class", CELLS)


def noise(*shape: int, seed: int = 1) -> tf.Tensor:
  return tf.constant(np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32))


def unroll(
  cell: ConvRecurrentCell, inputs: tf.Tensor, state: tuple | None = None
) -> tuple[list[tf.Tensor], tuple]:
  """The outputs for inputs [T, N, H, W, C], and the last state."""
  outputs = []
  for x in inputs:
    y, state = cell(x, state)
    outputs.append(y)
  return outputs, state


def test_every_unit_is_tested_here():
  exported = {getattr(layers, name) for name in layers.__all__}
  units = {
    item for item in exported if inspect.isclass(item) and issubclass(item, ConvRecurrentCell)
  }
  assert units - {ConvRecurrentCell} == set(CELLS)


@pytest.mark.parametrize("height, width", [(6, 9), (7, 10), (1, 2), (5, 5)])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_references_convolution_is_tensorflows(reference, height, width, size, stride):
  x, kernel = noise(2, height, width, 3), noise(size, size, 3, 4, seed=2)
  expected = tf.nn.conv2d(x, kernel, stride, "SAME")
  y = reference.conv2d(x.numpy(), kernel.numpy(), stride)
  np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


# Shapes and states


@each_cell
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("height, width", [(8, 6), (7, 9), (1, 2), (1, 1)])
def test_output_and_state_have_ceil_size_by_stride(cell_class, strides, height, width):
  cell = cell_class(4, kernel_size=3, hidden_kernel_size=3, strides=strides)
  x = noise(2, height, width, 3)
  expected = (2, -(-height // strides), -(-width // strides), 4)
  for state in (None, cell.initial_state(x), cell(x)[1]):
    output, new_state = cell(x, state)
    assert {output.shape, *(part.shape for part in new_state)} == {expected}


@each_cell
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("use_bias", [False, True])
def test_no_state_is_the_zero_state(cell_class, strides, use_bias, randomize):
  cell = cell_class(4, kernel_size=3, hidden_kernel_size=3, strides=strides, use_bias=use_bias)
  x = noise(2, 7, 10, 3)
  cell.build(x.shape)
  randomize(cell, np.random.default_rng(2))
  zero = cell.initial_state(x)
  assert not any(np.any(part) for part in zero)
  without, with_zero = cell(x), cell(x, zero)
  tf.nest.map_structure(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6), without, with_zero
  )


@each_cell
def test_the_layer_itself_holds_no_state(cell_class):
  cell = cell_class(4, hidden_kernel_size=3)
  inputs = noise(3, 2, 6, 5, 3)
  outputs, _ = unroll(cell, inputs)
  unroll(cell, noise(2, 1, 9, 4, 3, seed=5))  # another image in between, of another size
  for once, again in zip(outputs, unroll(cell, inputs)[0]):
    np.testing.assert_allclose(once, again, rtol=1e-6, atol=1e-6)


@each_cell
def test_images_of_a_batch_do_not_mix(cell_class):
  cell = cell_class(4, hidden_kernel_size=3, strides=2)
  inputs = noise(3, 2, 6, 5, 3)
  outputs, _ = unroll(cell, inputs)
  for index in range(2):
    alone, _ = unroll(cell, inputs[:, index : index + 1])
    for together, one in zip(outputs, alone):
      np.testing.assert_allclose(together[index], one[0], rtol=1e-5, atol=1e-6)


@each_cell
def test_one_trace_serves_all_sizes(cell_class):
  cell = cell_class(4, hidden_kernel_size=3, strides=2)
  cell.build([None, None, None, 3])

  @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3])])
  def two_steps(x: tf.Tensor) -> tf.Tensor:
    _, state = cell(x, cell.initial_state(x))
    return cell(x, state)[0]

  for height, width in ((4, 6), (7, 3)):
    x = noise(1, height, width, 3)
    expected = unroll(cell, tf.stack([x, x]))[0][1]
    np.testing.assert_allclose(two_steps(x), expected, rtol=1e-5, atol=1e-6)
  assert two_steps.experimental_get_tracing_count() == 1


# Configurations and saving


@each_cell
def test_the_configuration_makes_the_same_layer(cell_class):
  arguments = {"kernel_size": 5, "hidden_kernel_size": 3, "strides": 2, "use_bias": True}
  extra = {
    ConvLSTM: {"forget_bias": 0.25},
    ConvAssociativeLSTM: {"forget_bias": 0.25},
    ConvGRU: {},
    ConvResidualGRU: {"hidden_scale": 0.3, "input_scale": 0.7},
  }[cell_class]
  cell = cell_class(4, **arguments, **extra, name="unit")
  inputs = noise(2, 1, 7, 10, 3)
  outputs, _ = unroll(cell, inputs)
  config = cell.get_config()
  assert {"depth": 4, **arguments, **extra, "name": "unit"}.items() <= config.items()
  copy = cell_class.from_config(config)
  assert copy.get_config() == config
  copy.build([None, None, None, 3])
  copy.set_weights(cell.get_weights())
  for output, copied in zip(outputs, unroll(copy, inputs)[0]):
    np.testing.assert_allclose(output, copied, rtol=1e-6, atol=1e-6)


@each_cell
def test_a_keras_model_with_the_unit_is_saved_and_loaded(cell_class, tmp_path, randomize):
  cell = cell_class(4, hidden_kernel_size=3, strides=2, use_bias=True)
  first, second = tf.keras.Input([None, None, 3]), tf.keras.Input([None, None, 3])
  _, state = cell(first)
  output, state = cell(second, state)
  model = tf.keras.Model([first, second], [output, *state])
  randomize(cell, np.random.default_rng(1))
  model.save(tmp_path / "model.keras")
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  inputs = [noise(1, 6, 9, 3), noise(1, 6, 9, 3, seed=2)]
  for expected, found in zip(model(inputs), loaded(inputs)):
    np.testing.assert_allclose(expected, found, rtol=1e-6, atol=1e-6)


@each_cell
def test_a_keras_model_is_loaded_from_a_saved_model(cell_class, tmp_path):
  image = tf.keras.Input([None, None, 3])
  model = tf.keras.Model(image, cell_class(4)(image)[0])
  model.save(str(tmp_path / "model"), save_format="tf")
  loaded = tf.keras.models.load_model(str(tmp_path / "model"))
  x = noise(1, 6, 9, 3)
  np.testing.assert_allclose(model(x), loaded(x), rtol=1e-6, atol=1e-6)


# Precision and gradients


@each_cell
@pytest.mark.parametrize("strides", [1, 2])
def test_mixed_precision_computes_in_bfloat16_and_keeps_float32(cell_class, strides):
  arguments = {"hidden_kernel_size": 3, "strides": strides, "use_bias": True}
  exact = cell_class(4, **arguments)
  mixed = cell_class(4, **arguments, dtype="mixed_bfloat16")
  inputs = noise(3, 1, 7, 10, 3)
  for cell in (exact, mixed):
    cell.build([None, None, None, 3])
  mixed.set_weights(exact.get_weights())
  expected, _ = unroll(exact, inputs)
  for state in (None, mixed.initial_state(inputs[0])):
    outputs, state = unroll(mixed, inputs, state)
    assert {part.dtype for part in (*outputs, *state)} == {tf.bfloat16}
    for output, reference_output in zip(outputs, expected):
      np.testing.assert_allclose(tf.cast(output, tf.float32), reference_output, atol=0.03)
  assert {variable.dtype for variable in mixed.weights} == {tf.float32}


@each_cell
@pytest.mark.parametrize("strides", [1, 2])
def test_gradients_reach_every_variable_and_the_first_input(cell_class, strides):
  cell = cell_class(4, hidden_kernel_size=3, strides=strides, use_bias=True)
  inputs = noise(3, 1, 6, 5, 3)
  with tf.GradientTape() as tape:
    tape.watch(inputs)
    outputs, _ = unroll(cell, inputs)
    loss = tf.reduce_sum(outputs[-1] ** 2)
  gradients = tape.gradient(loss, [inputs, *cell.trainable_variables])
  assert len(cell.trainable_variables) == len(cell.weights) > 0
  assert all(gradient is not None for gradient in gradients)
  assert all(np.isfinite(gradient).all() and np.any(gradient) for gradient in gradients)
  assert np.any(gradients[0][0])


# What is refused


@each_cell
@pytest.mark.parametrize("argument", ["depth", "kernel_size", "hidden_kernel_size", "strides"])
@pytest.mark.parametrize(
  "value", [0, -1, 2.5, None, "4", "x", [4], float("nan"), float("inf")], ids=str
)
def test_what_is_no_positive_whole_number_is_refused(cell_class, argument, value):
  with pytest.raises(ValueError, match=f"^{argument} must be .* Received: "):
    cell_class(**{"depth": 4, argument: value})


@each_cell
def test_unknown_arguments_are_refused(cell_class):
  with pytest.raises(TypeError):
    cell_class(4, dilation=2)


@each_cell
def test_inputs_that_are_no_batch_of_images_are_refused(cell_class):
  for shape in ([6, 5, 3], [1, 2, 6, 5, 3]):
    with pytest.raises(ValueError, match="ndim=4"):
      cell_class(4)(tf.zeros(shape))
  with pytest.raises(ValueError, match="must be known"):
    cell_class(4).build([None, None, None, None])


def test_the_base_class_has_no_zero_state():
  with pytest.raises(NotImplementedError, match="zero state"):
    ConvRecurrentCell(4).initial_state(tf.zeros([1, 2, 2, 3]))
