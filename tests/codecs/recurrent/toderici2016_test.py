"""The networks of 2016 against NumPy, and in the programs that those of 2017 run in."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.base import Options
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import UNITS_OF_2016, RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.codecs.recurrent.toderici2016 import ConvTanh, DeconvLSTM, DeconvTanh
from compression.codecs.recurrent.weights import arrays_of
from compression.common.errors import ConfigError, ModelError
from compression.exporting import tflite
from compression.layers import ConvLSTM
from compression.training.config import LoopConfig
from compression.training.loop import settings
from compression.training.tasks.recurrent.trainer import RecurrentTrainer

FC, FC_LSTM, CONV, CONV_LSTM = UNITS_OF_2016
FRAMEWORK = {FC: "additive", FC_LSTM: "one_shot", CONV: "additive", CONV_LSTM: "one_shot"}
ITERATIONS = 3


def make(unit: str) -> RecurrentNetwork:
  """A small one with random biases too."""
  tf.keras.utils.set_random_seed(3)
  config = RecurrentConfig(
    unit, FRAMEWORK[unit], width=1 / 16, bits=16, iterations=ITERATIONS, use_bias=True
  )
  network = RecurrentNetwork(config)
  network.build()
  rng = np.random.default_rng(4)
  for variable in network.trainable_variables:
    if variable.shape.rank == 1:
      variable.assign(rng.normal(0, 0.2, variable.shape))
  return network


@pytest.fixture(scope="module")
def networks() -> dict[str, RecurrentNetwork]:
  return {unit: make(unit) for unit in UNITS_OF_2016}


@pytest.fixture(scope="module")
def x(photo: np.ndarray) -> np.ndarray:
  return photo[np.newaxis, 100:148, 200:232].astype(np.float32) / 127.5 - 1


def _patches(x: np.ndarray) -> np.ndarray:
  """[H, W, 3] -> [H/8, W/8, 192], rows of pixels one after the other."""
  high, wide = x.shape[0] // 8, x.shape[1] // 8
  return x.reshape(high, 8, wide, 8, 3).swapaxes(1, 2).reshape(high, wide, 192)


def _unpatched(patches: np.ndarray) -> np.ndarray:
  high, wide, _ = patches.shape
  return patches.reshape(high, wide, 8, 8, 3).swapaxes(1, 2).reshape(8 * high, 8 * wide, 3)


def _sigmoid(x: np.ndarray) -> np.ndarray:
  return 1 / (1 + np.exp(-x))


class Dense:
  """A fully connected half by the diagram, in float64."""

  def __init__(self, arrays: dict[str, np.ndarray], half: str, first: str, last: str, stacked: int):
    self.arrays, self.half, self.first, self.last = arrays, half, first, last
    self.stacked, self.t = stacked, 0
    self.states: dict[str, tuple[np.ndarray, np.ndarray]] = {}

  def product(self, y: np.ndarray, layer: str, kernel: str = "") -> np.ndarray:
    """W_t y + b_t; those of all iterations are stacked along the last axis."""
    name = f"{self.half}/{layer}"
    own = min(self.t, self.stacked) - 1
    w, b = (
      np.split(array.astype(float), self.stacked, axis=-1)[own]
      for array in (self.arrays[name + kernel][0, 0], self.arrays[f"{name}/bias"])
    )
    return y @ w + b

  def __call__(self, y: np.ndarray) -> np.ndarray:
    self.t += 1
    y = np.tanh(self.product(y, self.first))
    for layer in ("rnn1", "rnn2"):
      y = self.cell(y, layer)
    return self.product(y, self.last)

  def cell(self, y: np.ndarray, layer: str) -> np.ndarray:
    gates = self.product(y, layer, "/input")
    hidden = self.arrays.get(f"{self.half}/{layer}/hidden")
    if hidden is None:
      return np.tanh(gates)
    depth = hidden.shape[2]
    h, c = self.states.get(layer, (np.zeros([*y.shape[:2], depth]),) * 2)
    f, i, o, j = np.split(gates + h @ hidden[0, 0].astype(float), 4, axis=-1)
    c = _sigmoid(f + 1) * c + _sigmoid(i) * np.tanh(j)
    self.states[layer] = np.tanh(c) * _sigmoid(o), c
    return self.states[layer][0]


@pytest.mark.parametrize("unit", [FC, FC_LSTM])
def test_the_fully_connected_networks_are_those_of_the_diagram(networks, x, unit: str) -> None:
  """Each patch by itself; without memory D adds to the image, with memory it says it anew."""
  arrays = arrays_of(networks[unit])
  stacked = ITERATIONS if unit == FC else 1
  encoder = Dense(arrays, "encoder", "conv", "binarizer", stacked)
  decoder = Dense(arrays, "decoder", "conv_in", "conv_out", stacked)
  images, codes = networks[unit](x, iterations=ITERATIONS + 1)  # the last one's weights serve on
  x_hat = np.zeros_like(x[0], float)
  for image, code in zip(images.numpy()[:, 0], codes.numpy()[:, 0]):
    u = np.tanh(encoder(_patches(x[0] - x_hat)))
    # Four patches of a block, row by row, four bits each.
    b = code.reshape(3, 2, 2, 2, 4).swapaxes(1, 2).reshape(6, 4, 4)
    np.testing.assert_array_equal(b[np.abs(u) > 1e-4], np.sign(u)[np.abs(u) > 1e-4])
    decoded = _unpatched(decoder(b))
    x_hat = x_hat + decoded if unit == FC else np.tanh(decoded)
    np.testing.assert_allclose(image, x_hat, atol=1e-4)


def test_convolutions_go_down_by_16_and_mirrored_up(networks) -> None:
  for unit, down, up in ((CONV, ConvTanh, DeconvTanh), (CONV_LSTM, ConvLSTM, DeconvLSTM)):
    encoder, decoder = networks[unit].encoder, networks[unit].decoder
    assert [type(cell) for cell in encoder.cells] == [down] * 3
    assert [type(cell) for cell in decoder.cells] == [up] * 3 + [DeconvTanh]
    assert [cell.depth for cell in encoder.cells] == [16, 32, 32]
    assert [cell.depth for cell in decoder.cells] == [32, 32, 16, 4]
    assert {cell.strides for cell in (*encoder.cells, *decoder.cells)} == {2}


def test_a_transposed_convolution_is_the_adjoint_of_a_strided_one() -> None:
  """<W x, y> = <x, W^T y>, which is what makes D the mirror of E."""
  cell = DeconvTanh(3, strides=2)
  cell.build([None, None, None, 5])
  x, y = tf.random.normal([2, 8, 12, 3], seed=1), tf.random.normal([2, 4, 6, 5], seed=2)
  kernel = tf.transpose(cell.input_kernel, [0, 1, 3, 2])
  forward = tf.reduce_sum(tf.nn.conv2d(x, kernel, 2, "SAME") * y)
  back = tf.reduce_sum(x * cell.input_conv(y, cell.input_kernel))
  assert float(forward) == pytest.approx(float(back), rel=1e-4)


@pytest.mark.parametrize("unit", UNITS_OF_2016)
def test_zero_states_are_what_none_stands_for(networks, x, unit: str) -> None:
  network = networks[unit]
  for half, inputs in (
    (network.encoder, tf.constant(x)),
    (network.decoder, tf.ones([1, 3, 2, 16])),
  ):
    states = half.initial_states(inputs)
    first, new = half(inputs)
    other, _ = half(inputs, states)
    np.testing.assert_allclose(first, other, atol=1e-6)
    tf.nest.map_structure(lambda a, b: np.testing.assert_equal(a.shape, b.shape), states, new)
    for state in () if unit.endswith("lstm") else new:
      np.testing.assert_array_equal(state.t, np.ones([1, 1, 1, 1]))


@pytest.mark.parametrize("unit", [FC, CONV])
def test_what_has_no_state_cannot_be_primed(unit: str) -> None:
  with pytest.raises(ConfigError, match=f"^priming: {unit} has no states"):
    RecurrentConfig(unit, "additive", priming=1)


@pytest.mark.parametrize("unit", UNITS_OF_2016)
def test_files_of_odd_sizes_come_back(networks, photo: np.ndarray, unit: str) -> None:
  codec = RecurrentCodec.of_network("small", networks[unit], bytes(8))
  for image in (photo[:1, :1], photo[40:57, 100:133]):
    data = codec.compress(image, ITERATIONS)
    images = list(codec.progressive(data))
    assert len(images) == ITERATIONS
    assert all(each.shape == image.shape for each in images)
    np.testing.assert_array_equal(images[-1], codec.decompress(data))
    assert codec.prefix(data, 1) == codec.compress(image, 1)


@pytest.mark.parametrize("unit", [FC, CONV_LSTM])
def test_they_learn(photo: np.ndarray, unit: str) -> None:
  trainer = RecurrentTrainer(make(unit), "mse")
  trainer.prepare(tf.keras.optimizers.Adam(3e-3))
  tiles = photo[:128, :128].reshape(4, 32, 4, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)
  with settings(LoopConfig(), str):  # as in a run: without rewriting the graph, which takes longer
    losses = [trainer.train_on_batch(tiles, return_dict=True)["loss"] for _ in range(12)]
  assert np.isfinite(losses).all() and losses[-1] < 0.9 * losses[0]


def test_phones_run_those_of_2017_only(networks, tmp_path: pathlib.Path) -> None:
  codec = RecurrentCodec.of_network("small", networks[FC], bytes(8))
  for what in (
    lambda: tflite.export(codec, tmp_path, ["float32"]),
    lambda: codec.configure(Options("int8")),
  ):
    with pytest.raises(ModelError, match="^model small is of 2016: only networks of 2017 run"):
      what()
