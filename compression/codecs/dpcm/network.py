"""The perceptron with a hidden layer, learned from many photos, in exact integers.

For each plane, with W the pixel to the left, u what the window holds besides, each less the W of
its own plane, and the step of the plane as one input more:

    h = tanh(A u / 64 + a)    prediction = W + s . u + 16 (b . h) + c

s . u is the perceptron that there would be without h. So a prediction moves with the light, and h
has only to say where edges go. In integers held in float64 (see `entropy/fixed_point.py`):

                    unit     range
    A, s, b         2^-12    int16
    a, c            2^-18    int32
    tanh, its table 2^-10    at multiples of 2^-8 from -4 to 4
    sums            2^-18    below 2^10 * 2^15 * 2^6 * 18 + 2^15 * 2^10 * 64: 2^36

The table is saved with the model, as tanh differs from machine to machine in its last bits.

A model is a folder of config.json and weights.npz.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from compression.codecs.dpcm.window import EARLIER, OWN, PLANES
from compression.codecs.model_folders import CODEC_KEY, CONFIG_FILE, Model, read_text
from compression.common.config import parse_json, refuse_unknown
from compression.common.errors import ModelError
from compression.common.npz import read_arrays
from compression.entropy import fixed_point

KIND = "dpcm_mlp"
WEIGHTS_FILE = "weights.npz"
MODEL_ID_BYTES = 8

# Products of 2^-12 with u / 64, and of 2^-12 with 2^-10 times 16, are in 2^-18 both.
_SUM_BITS = 18
_INPUT_BITS = 6  # of the 64
_TABLE_BITS = 8
_TABLE_LIMIT = 4 << _TABLE_BITS
_MOST_STEP = 127
MAX_HIDDEN = 64
_SHAPES = ("kernel", "bias", "skip", "output", "offset")


def inputs(plane: int) -> int:
  """How many there are: the differences and the step."""
  return len(OWN) - 1 + plane * (len(EARLIER) - 1) + 1


@functools.cache
def differences(plane: int) -> tuple[np.ndarray, np.ndarray]:
  """The columns of the window that u has, and those that they are less: int64 [inputs - 1]."""
  west = OWN.index((0, -1))
  columns = [(at, west) for at in range(len(OWN)) if at != west]
  for before in range(plane):
    start = len(OWN) + before * len(EARLIER)
    west = EARLIER.index((0, -1))
    columns += [(start + at, start + west) for at in range(len(EARLIER)) if at != west]
  first, second = np.transpose(columns)
  return first, second


def step_input(step: int) -> int:
  """The step as the network sees it."""
  return min(step, _MOST_STEP)


class Network:
  """What a model's weights say.

  Args:
    arrays: of `export`.
    where: for messages.

  Attributes:
    hidden: how many hidden units.
    model_id: what files carry.

  Raises:
    ModelError: if they are not.
  """

  def __init__(self, arrays: Mapping[str, np.ndarray], where: str):
    names = {f"{name}_{plane}" for name in _SHAPES for plane in range(PLANES)} | {"tanh"}
    if set(arrays) != names:
      raise ModelError(f"{where}: has not the arrays of a network for {KIND}")
    hidden = arrays["bias_0"].size
    for plane in range(PLANES):
      count = inputs(plane)
      shapes = ((count, hidden), (hidden,), (count,), (hidden,), ())
      for name, shape, kind in zip(_SHAPES, shapes, ("i2", "i4", "i2", "i2", "i4")):
        _check(arrays[f"{name}_{plane}"], shape, kind, f"{where}: {name}_{plane}")
    _check(arrays["tanh"], (2 * _TABLE_LIMIT + 1,), "i2", f"{where}: tanh")
    if not 1 <= hidden <= MAX_HIDDEN:
      raise ModelError(f"{where}: has {hidden} hidden units, and may have {MAX_HIDDEN}")
    self.hidden = hidden
    self._arrays = {name: array.astype(np.float64) for name, array in arrays.items()}
    digest = hashlib.sha256()
    for name in sorted(arrays):
      digest.update(f"{name}{arrays[name].shape}\n".encode())
      digest.update(arrays[name].astype(arrays[name].dtype.newbyteorder("<")).tobytes())
    self.model_id = digest.digest()[:MODEL_ID_BYTES]

  def floats(self) -> dict[str, np.ndarray]:
    """What `export` was given, rounded as there."""
    units = {"bias": _SUM_BITS, "offset": _SUM_BITS}
    return {
      name: array / 2 ** units.get(name.rpartition("_")[0], fixed_point.WEIGHT_BITS)
      for name, array in self._arrays.items()
      if name != "tanh"
    }

  def at(self, steps: np.ndarray) -> NetworkAt:
    """The predictor for the steps of the planes."""
    return NetworkAt(self._arrays, steps)


class NetworkAt:
  """A network at some steps.

  Args:
    arrays: of a Network, float64.
    steps: of each plane.
  """

  def __init__(self, arrays: Mapping[str, np.ndarray], steps: np.ndarray):
    half = 1 << _SUM_BITS - 1
    self._table = arrays["tanh"]
    self._layers = []
    for plane in range(PLANES):
      kernel, bias, skip, output, offset = (arrays[f"{name}_{plane}"] for name in _SHAPES)
      step = step_input(int(steps[plane]))
      # The step is the same for all pixels: it is part of the biases.
      bias = bias + step * kernel[-1]
      offset = offset + half + step * skip[-1] * 2**_INPUT_BITS
      skip = skip[:-1] * 2**_INPUT_BITS
      self._layers.append((kernel[:-1], bias, skip, output, offset))

  def predict(self, plane: int, window: np.ndarray) -> np.ndarray:
    """int32 [n, COLUMNS] -> float64 [n], whole numbers."""
    kernel, bias, skip, output, offset = self._layers[plane]
    first, second = differences(plane)
    values = (window[:, first] - window[:, second]).astype(np.float64)
    sums = fixed_point.rescale(values @ kernel + bias, _SUM_BITS - _TABLE_BITS)
    indexes = fixed_point.clamp(sums, -_TABLE_LIMIT, _TABLE_LIMIT) + _TABLE_LIMIT
    hidden = self._table[indexes.astype(np.int64)]
    sums = values @ skip + hidden @ output + offset
    return window[:, OWN.index((0, -1))] + np.floor(sums * 2.0**-_SUM_BITS)


def export(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Trained weights, float, by name and plane as in the module's formula -> integers.

  Raises:
    ModelError: if one is too large.
  """
  arrays = {}
  for name, values in weights.items():
    if name.startswith(("bias", "offset")):
      arrays[name] = np.rint(np.asarray(values, np.float64) * 2**_SUM_BITS).astype(np.int32)
    else:
      arrays[name] = fixed_point.to_weights(values, name)
  table = np.tanh(np.arange(-_TABLE_LIMIT, _TABLE_LIMIT + 1) / 2**_TABLE_BITS)
  arrays["tanh"] = np.rint(table * fixed_point.ONE).astype(np.int16)
  return arrays


def read(folder: str | os.PathLike[str]) -> Network:
  """The network of a model's folder; raises ModelError, ConfigError."""
  folder = pathlib.Path(folder)
  file = folder / CONFIG_FILE
  values = parse_json(read_text(Model(folder.name, folder)), f"{file}:")
  refuse_unknown(values, [CODEC_KEY], f"{file}")
  if values.get(CODEC_KEY) != KIND:
    raise ModelError(f"{file}: is no model of {KIND}")
  return Network(read_arrays(folder / WEIGHTS_FILE), f"{folder / WEIGHTS_FILE}")


def _check(array: np.ndarray, shape: tuple[int, ...], kind: str, where: str) -> None:
  if array.shape != shape or array.dtype.str[1:] != kind:
    raise ModelError(
      f"{where} must be {kind} {list(shape)}. Received: {array.dtype.str[1:]} {list(array.shape)}"
    )
