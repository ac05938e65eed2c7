"""The progressive entropy coder in exact integers, held in NumPy's float64.

Its symbols are those of `compression.entropy.bits.progressive`, its reasons `fixed_point`'s.
Activations are finer than there, as an LSTM adds up its errors from row to row:

                       unit      range
    activations        2^-15     -(2^15 - 1) to 2^15 - 1, bits -2^15 and 2^15
    weights            2^-12     -(2^15 - 1) to 2^15 - 1
    biases             2^-22     -2^30 to 2^30
    sums               2^-27     below 2^15 * 2^15 * 24 D + 2^35: 2^43 for D <= 2^8
    cells c of LSTMs   2^-15     -2^31 to 2^31, products below 2^46
    table indexes      2^-12     -2^15 to 2^15 - 1, that is -8 to 8; cut off
    logits             2^-4      -LOGIT_MAX to LOGIT_MAX; cut off

To a unit coarser by n bits it is always floor((a + 2^(n - 1)) / 2^n). Cells need no limit: entries
of the tables are below 1 by 2^-15 or more, so that |c_t| <= (1 - 2^-15) |c_{t-1}| + 1 < 2^16.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from compression.common import masks
from compression.entropy import fixed_point
from compression.entropy.bits.configs import ProgressiveConfig
from compression.entropy.bits.integer_model import CodedLayer, Read, convolve, take
from compression.entropy.bits.orders import Step, wavefront_steps
from compression.entropy.fixed_point import LOGIT_BITS, WEIGHT_BITS

ACTIVATION_BITS = 15

ONE = 1 << ACTIVATION_BITS
"""A bit of a code as an activation is -ONE or ONE; not yet coded and around the layer, 0."""

TABLE_BITS = 12
TABLE_HALF = 8 << TABLE_BITS
"""Entries on either side of 0. From 1, tanh(8) is 2^-22 away and sigmoid(8) 2^-11.5."""

LOGIT_MAX = 122
"""2 artanh(`progressive.CLIP`) in units of 2^-LOGIT_BITS, to the nearest."""

_BIAS_BITS = fixed_point.ACTIVATION_BITS + WEIGHT_BITS
_SUM_BITS = ACTIVATION_BITS + WEIGHT_BITS
_ENTRIES = 2.0 ** (TABLE_BITS - _SUM_BITS)  # of a table, that 1 in a sum stands for
_TABLES = ("sigmoid", "tanh")
_LEFT_AND_HERE = np.array([(0, -1), (0, 0)])
_ABOVE = np.array([(-1, -1), (-1, 0), (-1, 1)])


def integer_arrays(
  config: ProgressiveConfig, weights: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """The integer form of trained weights: int16 kernels with their masks applied, int32 biases.

  The forget bias is in the LSTMs' biases, as in the float model. With the weights go the tables
  `sigmoid` and `tanh`, int16 [2 TABLE_HALF]: made once, as they differ from machine to machine.

  Args:
    config: the architecture.
    weights: float arrays by the names of `compression.entropy.bits.progressive.named_variables`.

  Raises:
    ModelError: if one is too large for an integer form.
  """
  arrays = fixed_point.to_integers(weights, _mask)
  x = np.arange(-TABLE_HALF, TABLE_HALF) / 2**TABLE_BITS
  for name, values in zip(_TABLES, (1 / (1 + np.exp(-x)), np.tanh(x))):
    arrays[name] = np.clip(np.rint(values * ONE), 1 - ONE, ONE - 1).astype(np.int16)
  return arrays


def _mask(name: str, kernel: np.ndarray) -> np.ndarray:
  """What a kernel is multiplied by."""
  for part, strict in (("/adaptation0/kernel", True), ("/line_lstm/input_kernel", False)):
    if name.endswith(part):
      return masks.raster_scan((kernel.shape[0], kernel.shape[1]), strict)
  return np.ones(1)


class IntegerProgressive:
  """Codes layers with the integer form of a Progressive model: all that come.

  Args:
    config: the architecture; `coded_layer_count` has no effect.
    arrays: what `integer_arrays` makes.

  Raises:
    KeyError: if one is missing.
    ValueError: if the tables, or the shapes within a layer, are not as they must be.
  """

  def __init__(self, config: ProgressiveConfig, arrays: Mapping[str, np.ndarray]):
    for name in _TABLES:
      if arrays[name].shape != (2 * TABLE_HALF,):
        raise ValueError(f"{name} must have {2 * TABLE_HALF} entries")
    self._depth = config.layer_depth
    self._functions = _Functions(*(arrays[name].astype(np.float64) for name in _TABLES))
    layers = range(config.layer_count)
    self._predictors = [_Predictor(self._functions, arrays, f"predictor{k}") for k in layers]
    self._state_blocks = [
      [_Affine.named(arrays, f"state{k}/conv{n}") for n in (1, 2)] for k in layers
    ]
    kernels = [arrays[f"layer_lstm/{kind}_kernel"] for kind in ("input", "hidden")]
    bias = arrays["layer_lstm/bias"]
    self._layer_lstm = _Affine.of(np.concatenate(kernels, axis=2), bias)
    self._layer_rnn = [_Affine.named(arrays, f"layer_rnn/conv{n}") for n in (1, 2)]

  def encode(self, bits: np.ndarray) -> Iterator[CodedLayer]:
    """bool [T, h, w, D] -> for each layer what the range coder takes."""
    state = self._initial_state(bits.shape[1:])
    for k, layer_bits in enumerate(bits):
      x = np.where(layer_bits, float(ONE), float(-ONE))
      yield self._predictors[k].encode(x, layer_bits, state.s)
      if k + 1 < len(bits):
        state = self._next_state(k, x, state)

  def decode(self, shape: tuple[int, int, int], readers: Iterable[Read]) -> Iterator[np.ndarray]:
    """Layer after layer, bool [h, w, D], each from its reader."""
    state, before = self._initial_state(shape), None
    for k, read in enumerate(readers):
      if before is not None:
        state = self._next_state(k - 1, before, state)
      before = self._predictors[k].decode(shape, read, state.s)
      yield before > 0

  def bytes_of_place(self) -> int:
    """See IntegerModel: states, gates, the line LSTM and what a convolution sees, 40 D values."""
    return 8 * 40 * self._depth

  def _initial_state(self, shape: tuple[int, ...]) -> _State:
    height, width, depth = shape
    return _State(*(np.zeros([height, width, units]) for units in (depth, 2 * depth, 2 * depth)))

  def _next_state(self, layer: int, x: np.ndarray, state: _State) -> _State:
    """s_{k+1}, and the state of the LSTM over the layers, after a layer's bits x [h, w, D]."""
    tanh = self._functions.tanh
    conv1, conv2 = self._state_blocks[layer]
    y = tanh(conv2(tanh(conv1(x))))
    gates = self._layer_lstm(np.concatenate([y, state.h], axis=-1))
    h, c = self._functions.lstm(gates, state.c)
    conv1, conv2 = self._layer_rnn
    return _State(tanh(conv2(tanh(conv1(h)))), h, c)


class _State(NamedTuple):
  """What is known from earlier layers: s [h, w, D]; h and c of the LSTM over them [h, w, 2 D]."""

  s: np.ndarray
  h: np.ndarray
  c: np.ndarray


class _Affine(NamedTuple):
  """A convolution and a bias, whose results are positions in a table.

  The position of a sum a is a / 2^n + middle + 1/2, `middle` being the index of the entry of 0:
  without its fraction it is an index, to be cut off at the ends of the table. Kernel and bias hold
  the power of two, which changes nothing in exact results but their exponents.
  """

  kernel: np.ndarray
  bias: np.ndarray

  @classmethod
  def of(
    cls, kernel: np.ndarray, bias: np.ndarray, bits: int = TABLE_BITS, middle: int = TABLE_HALF
  ) -> _Affine:
    """From integers, to a table with entries in steps of 2^-bits."""
    kernel = kernel * 2.0 ** (bits - _SUM_BITS)
    return cls(kernel, bias * 2.0 ** (bits - _BIAS_BITS) + (middle + 0.5))

  @classmethod
  def named(cls, arrays: Mapping[str, np.ndarray], name: str, *to: int) -> _Affine:
    """From the weights `name`/...; `to` are the last arguments of `of`."""
    return cls.of(arrays[f"{name}/kernel"], arrays[f"{name}/bias"], *to)

  def __call__(self, x: np.ndarray) -> np.ndarray:
    positions = convolve(x, self.kernel) if self.kernel.ndim > 2 else x @ self.kernel
    positions += self.bias
    return positions


class _Functions:
  """The nonlinearities, of positions in their tables."""

  def __init__(self, sigmoid: np.ndarray, tanh: np.ndarray):
    self._sigmoid, self._tanh = sigmoid * 2.0**-ACTIVATION_BITS, tanh

  def tanh(self, positions: np.ndarray) -> np.ndarray:
    """Activations."""
    return self._tanh.take(positions.astype(np.intp), mode="clip")

  def lstm(self, positions: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(h, c) after one step, given the positions [..., 4 depth] of its gates and c before it."""
    depth = c.shape[-1]
    indexes = positions.astype(np.intp)
    gates = self._sigmoid.take(indexes, mode="clip")
    new = self._tanh.take(indexes[..., 2 * depth : 3 * depth], mode="clip")
    new *= gates[..., depth : 2 * depth]
    new += gates[..., :depth] * c
    new += 0.5
    np.floor(new, out=new)
    h = new * 2.0 ** (TABLE_BITS - ACTIVATION_BITS)
    h += TABLE_HALF + 0.5
    h = self.tanh(h)
    h *= gates[..., 3 * depth :]
    h += 0.5
    return np.floor(h, out=h), new


class _Places(NamedTuple):
  """What is known of a layer while it is coded; zeros elsewhere and around.

  `gates` are positions, without what a0 and h contribute to them.
  """

  x: np.ndarray  # [h + 2 reach, w + 2 reach, D]
  a0: np.ndarray  # [h + 2, w + 2, 2 D]
  h: np.ndarray  # [h + 2, w + 2, 2 D]
  c: np.ndarray  # [h + 1, w, 2 D], that of the row above
  gates: np.ndarray  # [h, w, 8 D]


class _Predictor:
  """A layer's predictor: the weights `name`/... of `arrays`."""

  def __init__(self, functions: _Functions, arrays: Mapping[str, np.ndarray], name: str):
    self._functions = functions

    kernel, bias = (arrays[f"{name}/adaptation0/{kind}"] for kind in ("kernel", "bias"))
    height, width, _, hidden = kernel.shape
    self._reach = height // 2
    taps = np.argwhere(masks.raster_scan((height, width), strict=True)[..., 0, 0])
    self._taps = taps - self._reach
    self._adaptation0 = _Affine.of(kernel[taps[:, 0], taps[:, 1]].reshape(-1, hidden), bias)
    self._adaptation1 = _Affine.named(arrays, f"{name}/adaptation1")
    line = f"{name}/line_lstm"
    (left, here, _), bias = arrays[f"{line}/input_kernel"][0], arrays[f"{line}/bias"]
    self._here_a1 = _Affine.of(here[hidden:], bias)
    self._left_a1 = left[hidden:] * _ENTRIES
    above = arrays[f"{line}/hidden_kernel"].reshape(-1, 4 * hidden)
    # What a0 on the left and here, and h above, contribute to the gates, in one product.
    self._line = np.concatenate([left[:hidden], here[:hidden], above]) * _ENTRIES
    self._conv1 = _Affine.named(arrays, f"{name}/conv1")
    # P(bit = 1) = (tanh(z) + 1) / 2 is the sigmoid of 2 z.
    self._conv2 = _Affine.named(arrays, f"{name}/conv2", LOGIT_BITS + 1, fixed_point.LOGIT_MAX)

  def encode(self, x: np.ndarray, bits: np.ndarray, s: np.ndarray) -> CodedLayer:
    """The bits of a layer in the order in which they are coded, and their probabilities."""
    height, width, depth = x.shape
    places = self._start(x.shape, s)
    self._inner(places.x)[:] = x
    # All bits are known, so that a step may be a whole row.
    steps = [Step(0, np.full(width, row), np.arange(width)) for row in range(height)]
    indexes = np.stack([self._indexes(places, step) for step in steps])
    steps = list(wavefront_steps(height, width, self._reach + 1))
    rows, columns = (np.concatenate([step[axis] for step in steps]) for axis in (1, 2))
    ordered = bits[rows, columns].ravel().astype(np.int32)
    return CodedLayer(indexes[rows, columns].ravel(), ordered)

  def decode(self, shape: tuple[int, int, int], read: Read, s: np.ndarray) -> np.ndarray:
    """x [h, w, D], the bits of a layer as -ONE and ONE."""
    height, width, depth = shape
    places = self._start(shape, s)
    x = self._inner(places.x)
    for step in wavefront_steps(height, width, self._reach + 1):
      found = read(self._indexes(places, step).ravel())
      x[step.rows, step.columns] = (found.reshape(-1, depth) * 2.0 - 1.0) * ONE
    return x

  def _inner(self, padded: np.ndarray) -> np.ndarray:
    return padded[self._reach : -self._reach, self._reach : -self._reach]

  def _start(self, shape: tuple[int, ...], s: np.ndarray) -> _Places:
    """A layer of which no bit is known, given s_k [h, w, D]."""
    height, width, depth = shape
    a1 = self._functions.tanh(self._adaptation1(s))
    gates = self._here_a1(a1)
    gates[:, 1:] += a1[:, :-1] @ self._left_a1
    x = np.zeros([height + 2 * self._reach, width + 2 * self._reach, depth])
    a0, h = np.zeros([2, height + 2, width + 2, 2 * depth])
    return _Places(x, a0, h, np.zeros([height + 1, width, 2 * depth]), gates)

  def _indexes(self, places: _Places, step: Step) -> np.ndarray:
    """int32 [m, D], of the probabilities of a step's bits; the line LSTM goes there."""
    rows, columns, tanh = step.rows, step.columns, self._functions.tanh
    seen = take(places.x, step, self._taps, self._reach)
    places.a0[rows + 1, columns + 1] = tanh(self._adaptation0(seen))
    both = [take(places.a0, step, _LEFT_AND_HERE, 1), take(places.h, step, _ABOVE, 1)]
    gates = np.concatenate(both, axis=1) @ self._line
    gates += places.gates[rows, columns]
    h, c = self._functions.lstm(gates, places.c[rows, columns])
    places.h[rows + 1, columns + 1], places.c[rows + 1, columns] = h, c
    logits = self._conv2(tanh(self._conv1(h)))
    middle = fixed_point.LOGIT_MAX
    return np.clip(logits, middle - LOGIT_MAX, middle + LOGIT_MAX).astype(np.int32)
