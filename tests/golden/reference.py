"""The codec in NumPy float64, written from the paper's equations and apart from the package.

Tests compare the package with it, and `make.py` makes the golden vectors with it. Slow and plain:
one kernel a gate, complex numbers are complex numbers, and zero states are zeros. Arrays are
[N, H, W, C]; weights go by the names of the archives (`encoder/rnn1/input`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

Arrays = Mapping[str, np.ndarray]
State = tuple[np.ndarray, ...]

GAIN_BLOCK = 32


def conv2d(x: np.ndarray, kernel: np.ndarray, stride: int = 1) -> np.ndarray:
  """TensorFlow's SAME: as many outputs as ceil(size / stride), an odd padding larger at the end."""
  size = kernel.shape[0]
  assert kernel.shape[:2] == (size, size)
  outputs, padding = [], [(0, 0)]
  for length in x.shape[1:3]:
    count = -(-length // stride)
    total = max((count - 1) * stride + size - length, 0)
    padding.append((total // 2, total - total // 2))
    outputs.append(count)
  padded = np.pad(x.astype(np.float64), [*padding, (0, 0)])
  y = np.zeros((x.shape[0], *outputs, kernel.shape[3]))
  for row in range(outputs[0]):
    for column in range(outputs[1]):
      top, left = row * stride, column * stride
      patch = padded[:, top : top + size, left : left + size]
      y[:, row, column] = np.tensordot(patch, kernel.astype(np.float64), axes=3)
  return y


def sigmoid(x: np.ndarray) -> np.ndarray:
  return 1 / (1 + np.exp(-x))


def bound(z: np.ndarray) -> np.ndarray:
  """z where |z| <= 1, else z / |z|, of complex numbers."""
  size = np.abs(z)
  return np.where(size <= 1, z, z / np.maximum(size, 1e-300))


def depth_to_space(x: np.ndarray) -> np.ndarray:
  """Four channels become a square of 2x2 places: channels are (row, column, depth)."""
  n, height, width, depth = x.shape
  y = np.zeros((n, 2 * height, 2 * width, depth // 4))
  for row in range(2):
    for column in range(2):
      first = (2 * row + column) * depth // 4
      y[:, row::2, column::2] = x[..., first : first + depth // 4]
  return y


def _gates(
  weights: Arrays, x: np.ndarray, stride: int, kernels: list[np.ndarray]
) -> list[np.ndarray]:
  """W x + bias of each gate."""
  biases = np.split(np.asarray(weights.get("bias", np.zeros(len(kernels)))), len(kernels))
  return [conv2d(x, kernel, stride) + bias for kernel, bias in zip(kernels, biases)]


def lstm(
  weights: Arrays, x: np.ndarray, state: State, stride: int = 1, forget_bias: float = 1.0
) -> tuple[np.ndarray, State]:
  """The state is (h, c)."""
  h, c = state
  from_x = _gates(weights, x, stride, np.split(weights["input"], 4, axis=-1))
  from_h = [conv2d(h, kernel) for kernel in np.split(weights["hidden"], 4, axis=-1)]
  f, i, o, j = (w + u for w, u in zip(from_x, from_h))
  c = sigmoid(f + forget_bias) * c + sigmoid(i) * np.tanh(j)
  h = sigmoid(o) * np.tanh(c)
  return h, (h, c)


def associative_lstm(
  weights: Arrays,
  x: np.ndarray,
  state: State,
  stride: int = 1,
  forget_bias: float = 1.0,
  key_bias: float = 1.0,
) -> tuple[np.ndarray, State]:
  """The state is (h~, c), both as real parts and then imaginary parts."""
  h, c_parts = state
  from_x = _gates(weights, x, stride, np.split(weights["input"], 9, axis=-1))
  from_h = [conv2d(h, kernel) for kernel in np.split(weights["hidden"], 9, axis=-1)]
  f, i, o, *parts = (w + u for w, u in zip(from_x, from_h))
  biases = {0: 0.0, 2: key_bias, 4: key_bias}
  j, r_i, r_o = (bound(parts[n] + bias + 1j * parts[n + 1]) for n, bias in biases.items())
  real, imaginary = np.split(c_parts, 2, axis=-1)
  c = sigmoid(f + forget_bias) * (real + 1j * imaginary) + r_i * sigmoid(i) * j
  h = sigmoid(o) * bound(r_o * c)
  h = np.concatenate([h.real, h.imag], axis=-1)
  return h, (h, np.concatenate([c.real, c.imag], axis=-1))


def gru(weights: Arrays, x: np.ndarray, state: State, stride: int = 1) -> tuple[np.ndarray, State]:
  """The state is (h,)."""
  (h,) = state
  z, r, w = _gates(weights, x, stride, np.split(weights["input"], 3, axis=-1))
  u_z, u_r = np.split(weights["gates"], 2, axis=-1)
  z = sigmoid(z + conv2d(h, u_z))
  r = sigmoid(r + conv2d(h, u_r))
  h = (1 - z) * h + z * np.tanh(w + conv2d(r * h, weights["candidate"]))
  return h, (h,)


def residual_gru(
  weights: Arrays,
  x: np.ndarray,
  state: State,
  stride: int = 1,
  hidden_scale: float = 0.1,
  input_scale: float = 0.1,
) -> tuple[np.ndarray, State]:
  """The state is (h,), which is not the output."""
  h, _ = gru(weights, x, state, stride)
  h = h + hidden_scale * conv2d(state[0], weights["hidden_skip"])
  return h + input_scale * conv2d(x, weights["input_skip"], stride), (h,)


CELLS = {
  "lstm": lstm,
  "associative_lstm": associative_lstm,
  "gru": gru,
  "residual_gru": residual_gru,
}
STATE_SIZES = {"lstm": 2, "associative_lstm": 2, "gru": 1, "residual_gru": 1}


def members(arrays: Arrays, layer: str) -> dict[str, np.ndarray]:
  """The weights of a layer by their own names."""
  return {
    name[len(layer) + 1 :]: array for name, array in arrays.items() if name.startswith(f"{layer}/")
  }


def gain(arrays: Arrays, x_hat: np.ndarray) -> np.ndarray:
  """g = G(x^), of arrays `conv1`, `conv1/bias`, ..., `conv5/bias`: one for each 32x32 block."""
  y = x_hat
  for index in range(1, 6):
    y = conv2d(y, arrays[f"conv{index}"], 2) + arrays[f"conv{index}/bias"]
    y = np.where(y > 0, y, np.expm1(np.minimum(y, 0)))
  return y + 2


def zero_order_hold(gains: np.ndarray, height: int, width: int) -> np.ndarray:
  """Every pixel has the gain of its block."""
  y = np.zeros((gains.shape[0], height, width, 1))
  for row in range(height):
    for column in range(width):
      y[:, row, column] = gains[:, row // GAIN_BLOCK, column // GAIN_BLOCK]
  return y


class Iteration(NamedTuple):
  """What one iteration gives: E's tanh, the bits in {-1, +1}, and the image so far."""

  u: np.ndarray
  b: np.ndarray
  x_hat: np.ndarray


class RecurrentCodec:
  """E, D, G and a framework, with these weights."""

  def __init__(self, arrays: Arrays, unit: str, framework: str, pixel_range: float = 1.0):
    self.arrays = arrays
    self.decoder_unit = unit
    self.encoder_unit = "lstm" if unit == "associative_lstm" else unit
    self.framework = framework
    self.pixel_range = pixel_range

  def _conv(self, layer: str, y: np.ndarray, stride: int = 1) -> np.ndarray:
    y = conv2d(y, self.arrays[layer], stride)
    return y + self.arrays[f"{layer}/bias"] if f"{layer}/bias" in self.arrays else y

  def _cell(
    self, layer: str, unit: str, depth: int, y: np.ndarray, state: State | None, stride: int = 1
  ) -> tuple[np.ndarray, State]:
    if state is None:
      n, height, width, _ = y.shape
      zeros = np.zeros((n, -(-height // stride), -(-width // stride), depth))
      state = (zeros,) * STATE_SIZES[unit]
    return CELLS[unit](members(self.arrays, layer), y, state, stride)

  def _depth(self, layer: str, unit: str) -> int:
    """The depth of a recurrent layer, from what reads its state."""
    return self.arrays[f"{layer}/{'hidden' if unit.endswith('lstm') else 'gates'}"].shape[2]

  def encode(self, r: np.ndarray, states: list[State] | None) -> tuple[np.ndarray, list[State]]:
    """u = tanh(E(r))."""
    y, new_states = self._conv("encoder/conv", r, 2), []
    for index in range(3):
      layer = f"encoder/rnn{index + 1}"
      depth = self._depth(layer, self.encoder_unit)
      state = None if states is None else states[index]
      y, state = self._cell(layer, self.encoder_unit, depth, y, state, 2)
      new_states.append(state)
    return np.tanh(self._conv("encoder/binarizer", y)), new_states

  def decode(self, b: np.ndarray, states: list[State] | None) -> tuple[np.ndarray, list[State]]:
    """D(b)."""
    y, new_states = self._conv("decoder/conv_in", b), []
    for index in range(4):
      layer = f"decoder/rnn{index + 1}"
      depth = self._depth(layer, self.decoder_unit)
      state = None if states is None else states[index]
      y, state = self._cell(layer, self.decoder_unit, depth, y, state)
      new_states.append(state)
      y = depth_to_space(y)
    return np.tanh(self._conv("decoder/conv_out", y)), new_states

  def run(self, x: np.ndarray, iterations: int) -> list[Iteration]:
    """The iterations of the codec on x [N, H, W, 3]."""
    x = x.astype(np.float64)
    x_hat, g = np.zeros_like(x), np.ones_like(x[..., :1])
    r = x
    encoder_states, decoder_states = None, None
    done = []
    for _ in range(iterations):
      u, encoder_states = self.encode(r * g, encoder_states)
      b = np.where(u >= 0, 1.0, -1.0)
      decoded, decoder_states = self.decode(b, decoder_states)
      gamma = 0 if self.framework == "one_shot" else 1
      x_hat = decoded / g + gamma * x_hat
      r = x - x_hat
      if self.framework == "residual_scaling":
        g = zero_order_hold(gain(members(self.arrays, "gain_estimator"), x_hat), *x.shape[1:3])
      done.append(Iteration(u, b, x_hat))
    return done

  def to_x(self, image: np.ndarray) -> np.ndarray:
    """Pixels 0..255 to [-pixel_range, pixel_range]."""
    return self.pixel_range * (2 * image.astype(np.float64) / 255 - 1)
