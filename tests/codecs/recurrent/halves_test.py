"""E and D have the layers of the paper's table, compute them, and hand their states on."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent import weights
from compression.codecs.recurrent.config import UNITS, RecurrentConfig
from compression.codecs.recurrent.halves import Decoder, Encoder
from compression.layers import ConvAssociativeLSTM, ConvGRU, ConvLSTM, ConvResidualGRU

CELLS = {
  "lstm": ConvLSTM,
  "associative_lstm": ConvAssociativeLSTM,
  "gru": ConvGRU,
  "residual_gru": ConvResidualGRU,
}

# The table of the paper at width 1: input kernel, hidden kernel, stride, depth.
ENCODER_TABLE = [(3, 1, 2, 256), (3, 1, 2, 512), (3, 1, 2, 512)]
DECODER_TABLE = [(3, 1, 1, 512), (3, 1, 1, 512), (3, 3, 1, 256), (3, 3, 1, 128)]

# Millions of weights in a cell of depth d on an input of depth c: k, k' as in the table.
CELL_WEIGHTS = {
  "lstm": lambda k, h, c, d: 4 * d * (k * k * c + h * h * d),
  "associative_lstm": lambda k, h, c, d: 9 * d // 2 * (k * k * c + h * h * d),
  "gru": lambda k, h, c, d: 3 * d * (k * k * c + h * h * d),
  "residual_gru": lambda k, h, c, d: 3 * d * (k * k * c + h * h * d) + d * d + c * d,
}


def expected_weights(unit: str) -> int:
  """The number of weights at width 1 without biases, by the table."""
  count = 3 * 3 * 3 * 64 + 512 * 32 + 32 * 512 + 32 * 3
  encoder_unit = "lstm" if unit == "associative_lstm" else unit
  for (k, h, _, d), c in zip(ENCODER_TABLE, (64, 256, 512)):
    count += CELL_WEIGHTS[encoder_unit](k, h, c, d)
  for (k, h, _, d), c in zip(DECODER_TABLE, (512, 128, 128, 64)):
    count += CELL_WEIGHTS[unit](k, h, c, d)
  return count


@pytest.mark.parametrize("unit", UNITS)
def test_the_table_of_the_paper(unit):
  config = RecurrentConfig(unit=unit, width=1)
  encoder, decoder = Encoder(config), Decoder(config)
  first, last = encoder.conv_in, encoder.binarizer
  assert (first.filters, first.kernel_size, first.strides) == (64, (3, 3), (2, 2))
  assert (last.filters, last.kernel_size, last.strides) == (32, (1, 1), (1, 1))
  first, last = decoder.conv_in, decoder.conv_out
  assert (first.filters, first.kernel_size, first.strides) == (512, (1, 1), (1, 1))
  assert (last.filters, last.kernel_size, last.strides) == (3, (1, 1), (1, 1))
  for network, table in ((encoder, ENCODER_TABLE), (decoder, DECODER_TABLE)):
    rows = [
      (cell.kernel_size, cell.hidden_kernel_size, cell.strides, cell.depth)
      for cell in network.cells
    ]
    assert rows == table
  assert {type(cell) for cell in decoder.cells} == {CELLS[unit]}
  encoder_unit = "lstm" if unit == "associative_lstm" else unit  # the paper's choice
  assert {type(cell) for cell in encoder.cells} == {CELLS[encoder_unit]}


@pytest.mark.parametrize("unit", UNITS)
def test_the_number_of_weights_at_full_width(unit):
  with tf.Graph().as_default():  # makes variables, but no values
    config = RecurrentConfig(unit=unit, width=1)
    networks = [Encoder(config), Decoder(config)]
    for network in networks:
      network.build(None)
    count = sum(variable.shape.num_elements() for net in networks for variable in net.weights)
  assert count == expected_weights(unit)
  if unit == "residual_gru":
    assert round(count / 1e6, 1) == 28.6


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("bits", [8, 32])
@pytest.mark.parametrize("height, width", [(16, 16), (32, 48), (80, 16)])
def test_shapes(unit, bits, height, width):
  config = RecurrentConfig(unit=unit, width=1 / 32, bits=bits)
  encoder, decoder = Encoder(config), Decoder(config)
  r, e, d = tf.ones([2, height, width, 3]), None, None
  for _ in range(2):
    u, e = encoder(r, e)
    assert u.shape == (2, height // 16, width // 16, bits)
    image, d = decoder(u, d)
    assert image.shape == r.shape
    assert [part.shape for part in tf.nest.flatten(e)] == [
      part.shape for part in tf.nest.flatten(encoder.initial_states(r))
    ]
    assert [part.shape for part in tf.nest.flatten(d)] == [
      part.shape for part in tf.nest.flatten(decoder.initial_states(u))
    ]
  assert [state.h.shape[1:3] for state in e] == [
    (height // factor, width // factor) for factor in (4, 8, 16)
  ]
  assert [state.h.shape[1:3] for state in d] == [
    (height // factor, width // factor) for factor in (16, 8, 4, 2)
  ]


@pytest.mark.parametrize("unit", UNITS)
def test_no_states_are_the_zero_states(unit, small_model, image):
  model = small_model(unit=unit, use_bias=True)
  b = tf.sign(tf.random.stateless_normal([2, 2, 3, 32], [1, 2]))
  for network, inputs in ((model.encoder, image), (model.decoder, b)):
    without = network(inputs)
    with_zero = network(inputs, network.initial_states(inputs))
    tf.nest.map_structure(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), without, with_zero
    )


@pytest.mark.parametrize("unit", UNITS)
def test_both_networks_compute_their_equations(unit, reference, small_model, image):
  model = small_model(unit=unit, use_bias=True)
  arrays = weights.arrays_of(model)
  codec = reference.RecurrentCodec(arrays, unit, "one_shot")
  rng = np.random.default_rng(1)
  e, d, expected_e, expected_d = None, None, None, None
  for _ in range(2):
    u, e = model.encoder(image, e)
    expected, expected_e = codec.encode(image.numpy(), expected_e)
    np.testing.assert_allclose(u, expected, rtol=0, atol=5e-5)
    b = rng.choice([-1.0, 1.0], u.shape)
    x_hat, d = model.decoder(tf.constant(b, tf.float32), d)
    expected, expected_d = codec.decode(b, expected_d)
    np.testing.assert_allclose(x_hat, expected, rtol=0, atol=5e-5)
  for states, expected in ((e, expected_e), (d, expected_d)):
    tf.nest.map_structure(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
      tf.nest.flatten(states),
      tf.nest.flatten(expected),
    )


def test_depth_to_space_of_the_reference_is_tensorflows(reference):
  y = np.random.default_rng(1).normal(0, 1, [2, 3, 5, 12])
  np.testing.assert_array_equal(reference.depth_to_space(y), tf.nn.depth_to_space(y, 2))


@pytest.mark.parametrize("network_class", [Encoder, Decoder])
def test_the_configuration_makes_the_same_network(network_class):
  config = RecurrentConfig(unit="gru", framework="additive", width=1 / 32, bits=16, use_bias=True)
  network = network_class(config)
  values = network.get_config()
  copy = network_class.from_config(values)
  assert copy.config == config and copy.get_config() == values
  inputs = tf.ones([1, 16, 16, 3 if network_class is Encoder else 16])
  expected, _ = network(inputs)
  copy.build(inputs.shape)
  copy.set_weights(network.get_weights())
  np.testing.assert_allclose(copy(inputs)[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("unit", UNITS)
def test_mixed_precision_gives_float32_from_bfloat16_states(unit, mixed_bfloat16, image):
  config = RecurrentConfig(unit=unit, width=1 / 32, use_bias=True)
  encoder, decoder = Encoder(config), Decoder(config)
  e, d = None, None
  for _ in range(2):
    u, e = encoder(image, e)
    x_hat, d = decoder(tf.sign(u), d)
    assert (u.dtype, x_hat.dtype) == (tf.float32, tf.float32)
    assert {part.dtype for part in tf.nest.flatten((e, d))} == {tf.bfloat16}
  assert {variable.dtype for variable in encoder.weights + decoder.weights} == {tf.float32}
  assert np.abs(u).max() <= 1 and np.abs(x_hat).max() <= 1
