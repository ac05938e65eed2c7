"""Layers of layers: what they compute, states, sizes known at run time only, saving."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.layers.gru import ConvGRU
from compression.layers.lstm import ConvLSTM, LSTMState
from compression.layers.release.conv2d_lstm import Conv2DLSTM, RasterScanConv2DLSTM
from compression.layers.release.masked_conv import PaddedConv2D
from compression.layers.release.operators import CompositionOperator, LineOperator, TowerOperator
from tests.golden import release

# What can run down the rows: with the whole image's convolution before the loop, and without.
BLOCKS = {
  "raster_1x3": lambda: RasterScanConv2DLSTM(5, (1, 3), (1, 3)),
  "conv2d_lstm_1x3_strided": lambda: Conv2DLSTM(5, (1, 3), (1, 3), (1, 2)),
  "conv2d_lstm_3x3": lambda: Conv2DLSTM(5, 3, 3),
  "lstm_of_the_codec": lambda: ConvLSTM(5, hidden_kernel_size=3),
  "gru_of_the_codec": lambda: ConvGRU(5, hidden_kernel_size=3),
  "composition": lambda: CompositionOperator(
    [PaddedConv2D(4, (1, 3)), Conv2DLSTM(5, (1, 3), (1, 3)), Conv2DLSTM(5, 1, 1)]
  ),
  "tower": lambda: TowerOperator([Conv2DLSTM(2, 1, 1), PaddedConv2D(3, 1)]),
  "no_recurrence": lambda: PaddedConv2D(5, (1, 3), activation="tanh"),
}
each_block = pytest.mark.parametrize("block", BLOCKS)


@pytest.fixture(params=release.SOURCES)
def golden(request):
  return release.read("blocks", request.param)


def noise(*shape, seed=1):
  return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def assert_close(found, expected):
  tf.nest.map_structure(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected
  )


# Down the rows


def row_by_row(block, x, state=None):
  rows = []
  for row in range(x.shape[1]):
    line = x[:, row : row + 1]
    if isinstance(block, PaddedConv2D):
      rows.append(block(line))
    else:
      y, state = block(line, state)
      rows.append(y)
  return tf.concat(rows, axis=1), state


@each_block
@pytest.mark.parametrize("height", [1, 2, 6])
def test_lines_are_the_block_applied_to_each_row(block, height):
  block = BLOCKS[block]()
  layer = LineOperator(block, return_state=True)
  x = noise(2, height, 7, 3)
  y, state = layer(x)
  expected, expected_state = row_by_row(block, x)
  assert_close(y, expected)
  assert_close(state, expected_state if expected_state is not None else ())
  again, again_state = layer(x, state)  # the image continues
  expected, expected_state = row_by_row(block, x, expected_state)
  assert_close(again, expected)
  assert_close(again_state, expected_state if expected_state is not None else ())
  without = LineOperator(block)
  assert_close(without(x), y)
  assert not without.is_recurrent and layer.is_recurrent


def test_the_releases_numbers_are_reproduced(golden):
  golden = golden.folder("line_raster_lstm")
  layer = LineOperator(RasterScanConv2DLSTM(5, (1, 3), (1, 3)), return_state=True)
  layer.build([None, None, None, 3])
  for weight in ("input_kernel", "hidden_kernel", "bias"):
    getattr(layer.block, weight).assign(golden[weight])
  y, state = layer(golden["x"])
  np.testing.assert_allclose(y, golden["y"], atol=release.TOLERANCE, rtol=0)
  np.testing.assert_allclose(state.c, golden["last_cell"], atol=release.TOLERANCE, rtol=0)


@each_block
def test_one_trace_serves_all_heights(block):
  layer = LineOperator(BLOCKS[block]())
  layer(noise(1, 2, 3, 3))  # makes the weights
  signature = [tf.TensorSpec([None, None, None, 3])]
  traced = tf.function(lambda x: layer(x), input_signature=signature)
  for shape in ([2, 5, 7, 3], [1, 1, 4, 3], [1, 8, 6, 3]):
    x = noise(*shape)
    assert_close(traced(x), layer(x))
  assert traced.experimental_get_tracing_count() == 1


def test_sizes_that_are_known_stay_known():
  y = LineOperator(RasterScanConv2DLSTM(5, (1, 3), (1, 3)))(tf.keras.Input([6, 7, 3]))
  assert y.shape[1] == 6 and y.shape[3] == 5


@each_block
def test_gradients_in_and_outside_a_graph_agree_and_reach_everything(block):
  layer = LineOperator(BLOCKS[block]())
  x = tf.constant(noise(2, 4, 5, 3))
  layer(x)

  def gradients(x):
    with tf.GradientTape() as tape:
      tape.watch(x)
      loss = tf.reduce_sum(layer(x)[:, -1] ** 2)
    return tape.gradient(loss, [x, *layer.trainable_variables])

  found = gradients(x)
  assert len(found) > 1
  assert all(np.isfinite(gradient).all() and np.any(gradient) for gradient in found)
  assert np.any(found[0][:, 0]) == (block != "no_recurrence")
  assert_close(tf.function(gradients)(x), found)


def test_a_row_sees_rows_above_and_not_below():
  layer = LineOperator(RasterScanConv2DLSTM(5, (1, 3), (1, 3)))
  x = noise(1, 5, 7, 3)
  other = x.copy()
  other[0, 2, 4] += 1
  changed = np.any(np.abs(layer(other)[0] - layer(x)[0]) > 1e-6, axis=-1)
  # One place to the right in its own row (from the left to it), spreading by one a row below.
  expected = np.zeros([5, 7], bool)
  expected[2, 4:6] = expected[3, 3:7] = expected[4, 2:7] = True
  np.testing.assert_array_equal(changed, expected)


def test_lines_take_the_precision_of_their_block():
  x = noise(2, 4, 5, 3)
  for block in ("raster_1x3", "conv2d_lstm_3x3"):
    layer_class = type(BLOCKS[block]())
    arguments = {**BLOCKS[block]().get_config(), "dtype": "mixed_bfloat16"}
    layer = LineOperator(layer_class.from_config(arguments), return_state=True)
    exact = LineOperator(BLOCKS[block]())
    y, state = layer(x)
    exact(x)
    exact.set_weights(layer.get_weights())
    assert {y.dtype, *(part.dtype for part in state)} == {tf.bfloat16}
    np.testing.assert_allclose(tf.cast(y, tf.float32), exact(x), atol=0.03)
    assert {variable.dtype for variable in layer.weights} == {tf.float32}


# One after the other, side by side


def test_composition_of_layers_without_state_is_sequential():
  blocks = [PaddedConv2D(4, 3, activation="tanh"), tf.keras.layers.Dense(5)]
  x = noise(2, 4, 5, 3)
  assert_close(CompositionOperator(blocks)(x), tf.keras.Sequential(blocks)(x))


def test_composition_passes_states_through():
  lstm, conv = Conv2DLSTM(4, 3, 3), PaddedConv2D(5, 1)
  layer = CompositionOperator([lstm, conv])
  expected_state, state = None, None
  for seed in range(3):
    x = noise(2, 4, 5, 3, seed=seed)
    y, state = layer(x, state)
    h, expected_state = lstm(x, expected_state)
    assert_close(y, conv(h))
    assert isinstance(state, tuple) and isinstance(state[0], LSTMState) and state[1] == ()
    assert_close(state[0], expected_state)


@pytest.mark.parametrize("axis", [-1, 1])
def test_tower_joins_outputs(axis):
  blocks = [PaddedConv2D(4, 3), PaddedConv2D(4, (1, 3))]
  x = noise(2, 4, 5, 3)
  expected = tf.concat([blocks[0](x), blocks[1](x)], axis)
  assert_close(TowerOperator(blocks, axis)(x), expected)


def test_tower_keeps_states_apart():
  lstm, gru, conv = Conv2DLSTM(4, 3, 3), ConvGRU(2), PaddedConv2D(3, 1)
  tower = TowerOperator([lstm, conv, gru])
  first, second = noise(2, 4, 5, 3), noise(2, 4, 5, 3, seed=2)
  _, state = tower(first)
  y, state = tower(second, state)
  h, lstm_state = lstm(second, lstm(first)[1])
  g, gru_state = gru(second, gru(first)[1])
  assert_close(y, tf.concat([h, conv(second), g], -1))
  assert_close(state, (lstm_state, (), gru_state))


def test_operators_nest():
  inner = LineOperator(CompositionOperator([Conv2DLSTM(4, 1, 1), PaddedConv2D(4, 1)]))
  outer = CompositionOperator([TowerOperator([inner, PaddedConv2D(2, 1)]), PaddedConv2D(3, 1)])
  assert outer(noise(2, 4, 5, 3)).shape == (2, 4, 5, 3)
  assert not outer.is_recurrent


# Saving, refusals


@pytest.mark.parametrize(
  "make",
  [
    *(lambda block=block: LineOperator(block(), name="made") for block in BLOCKS.values()),
    lambda: TowerOperator([PaddedConv2D(4, 1), Conv2DLSTM(3)], axis=2, name="made"),
    lambda: CompositionOperator([Conv2DLSTM(3), tf.keras.layers.Dense(2)], name="made"),
    lambda: LineOperator(RasterScanConv2DLSTM(3), return_state=True, name="made"),
  ],
)
def test_the_configuration_makes_the_same_layer(make):
  layer = make()
  config = layer.get_config()
  copy = type(layer).from_config(config)
  assert copy.name == "made" and copy.get_config() == config
  loaded = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
  assert type(loaded) is type(layer) and loaded.get_config() == config


@each_block
def test_a_keras_model_with_operators_is_saved_and_loaded(block, tmp_path):
  image = tf.keras.Input([None, None, 3])
  tower = TowerOperator([LineOperator(BLOCKS[block]()), PaddedConv2D(5, 1, (1, 1))], axis=2)
  model = tf.keras.Model(image, CompositionOperator([tower, PaddedConv2D(2, 3)])(image))
  model.save(tmp_path / "model.keras")
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  x = noise(1, 4, 5, 3)
  assert_close(loaded(x), model(x))


def test_what_does_not_fit_is_refused():
  for operator in (CompositionOperator, TowerOperator):
    with pytest.raises(ValueError, match="Received: none"):
      operator([])
    layer = operator([Conv2DLSTM(4), PaddedConv2D(4, 1)])
    with pytest.raises(ValueError, match="expected 2 states. Received: 1"):
      layer(noise(1, 4, 5, 3), (None,))
  with pytest.raises(ValueError, match="ndim=4"):
    LineOperator(Conv2DLSTM(4))(tf.zeros([4, 5, 3]))
