"""Entropy coder 1, `learned`: a probability model in exact integers, and a range coder.

A released one is a folder of two files:

    config.json    {"model": "interlaced", "config": {...}}
    weights.npz    integers: the model's arrays, and `probabilities`

Where TensorFlow is not installed, it decodes with `range_decoder` in place of `range_coder`, and
does not encode.
"""

from __future__ import annotations

import hashlib
import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from compression.common.config import parse_json, refuse_unknown
from compression.common.errors import (
  CompressionError,
  ConfigError,
  FormatError,
  ModelError,
  RangeError,
)
from compression.common.files import atomic_write, make_folder
from compression.common.npz import read_arrays
from compression.entropy import fixed_point, range_decoder
from compression.entropy.bits import models
from compression.entropy.bits.configs import ModelConfig
from compression.entropy.bits.integer_model import IntegerModel, Read
from compression.entropy.threads import few_threads

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "weights.npz"

_PROBABILITIES = "probabilities"
_TABLES_ID_BYTES = 2


class LearnedCoder:
  """An EntropyCoder; `load` makes one.

  Args:
    model: gives an index of `probabilities` for every bit.
    probabilities: int32 [n], P(bit = 0) in units of 2^-16.
    tables_id: which version of them files carry, 1 to 65535.
    layer_count: how many layers it codes.
    layer_depth: bits at each place of a layer.
    ranges: what codes bits by their probabilities, `range_coder` or `range_decoder`.
  """

  coder_id = 1

  def __init__(
    self,
    model: IntegerModel,
    probabilities: np.ndarray,
    tables_id: int,
    layer_count: int,
    layer_depth: int,
    ranges: ModuleType,
  ):
    self.tables_id = tables_id
    self._model = model
    self._ranges = ranges
    self._lookup = ranges.make_lookup(probabilities)
    self._zeros = probabilities / range_decoder.TOTAL
    self._layers, self._depth = layer_count, layer_depth

  def encode(self, bits: np.ndarray) -> list[bytes]:
    """bool [T, h, w, bits] -> a payload for each layer.

    Raises:
      RangeError: if T or the bits of a place are not what the coder was trained for.
      CompressionError: if TensorFlow is not installed, or was not wanted.
    """
    if self._ranges is range_decoder:
      raise CompressionError("entropy coding needs TensorFlow; without it files are only decoded")
    self._check(len(bits), bits.shape[-1], RangeError)
    with few_threads(bits.shape[1:3]):
      layers = self._model.encode(bits)
      return [self._ranges.encode(self._lookup, layer.indexes, layer.bits) for layer in layers]

  def decode(self, payloads: Sequence[bytes], shape: tuple[int, int, int]) -> np.ndarray:
    """Payloads of the first layers -> bool [T, h, w, bits].

    What is no payload gives some bits; it is the container that knows what was damaged.

    Raises:
      FormatError: if there are more layers than the coder was trained for.
    """
    self._check(len(payloads), shape[-1], FormatError)
    for number, payload in enumerate(payloads, 1):
      if len(payload) < self._shortest(shape):
        raise FormatError(f"layer {number} has {len(payload)} bytes, too few for so large an image")
    with few_threads(shape[:2]):
      return np.stack(list(self._model.decode(shape, map(self._reader, payloads))))

  def memory_bytes(self, layers: int, shape: tuple[int, int, int]) -> int:
    return layers * math.prod(shape) + shape[0] * shape[1] * self._model.bytes_of_place()

  def code_lengths(self, bits: np.ndarray) -> np.ndarray:
    """What `encode` would take at best, in bits: float64 [T], by the model's probabilities."""
    lengths = []
    for layer in self._model.encode(bits):
      zero = self._zeros[layer.indexes]
      lengths.append(-np.log2(np.where(layer.bits, 1 - zero, zero)).sum())
    return np.array(lengths)

  def _shortest(self, shape: tuple[int, int, int]) -> int:
    """Bytes that any layer takes, as no bit is quite certain: small files are of small images."""
    certain = max(self._zeros.max(), 1 - self._zeros.min())
    return int(-math.log2(certain) * math.prod(shape) / 8)

  def _check(self, layers: int, depth: int, error: type[Exception]) -> None:
    if layers > self._layers or depth != self._depth:
      raise error(
        f"the entropy coder knows {self._layers} layers of {self._depth} bits;"
        f" here are {layers} of {depth}"
      )

  def _reader(self, payload: bytes) -> Read:
    ranges = self._ranges
    handle = ranges.start_decoding(self._lookup, payload)

    def read(indexes: np.ndarray) -> np.ndarray:
      nonlocal handle
      handle, bits = ranges.decode(handle, indexes)
      return np.asarray(bits)

    return read


def save(folder: pathlib.Path, name: str, config: Any, weights: Mapping[str, np.ndarray]) -> None:
  """Writes the integer form of a trained model; the two files are all that coding needs.

  Args:
    folder: made if need be.
    name: of the model in `compression.entropy.bits.models`.
    config: its configuration.
    weights: its float arrays by name.

  Raises:
    ModelError: if a weight has no integer form.
    OutputError: if it cannot be written.
  """
  arrays = models.find(name).integer_arrays(config, weights)
  arrays[_PROBABILITIES] = fixed_point.probabilities()
  make_folder(folder)
  with atomic_write(folder / WEIGHTS_FILE) as file:
    np.savez_compressed(file, **arrays)
  with atomic_write(folder / CONFIG_FILE) as file:  # last: it makes the folder a coder
    text = json.dumps({"model": name, "config": config.to_dict()}, indent=2)
    file.write((text + "\n").encode())


def read_config(folder: pathlib.Path) -> tuple[str, ModelConfig]:
  """The name of the model in a folder that `save` wrote, and its configuration.

  Raises:
    ModelError: if it cannot be read.
    ConfigError: if it is not understood.
  """
  name, config, _ = _read_config(folder / CONFIG_FILE)
  return name, config


def load_weights(folder: pathlib.Path) -> tuple[str, ModelConfig, dict[str, np.ndarray]]:
  """The model in a folder that `save` wrote: its name, configuration and weights, in float32.

  Raises: as `load`.
  """
  load(folder, range_decoder)  # which checks that the weights fit
  name, config = read_config(folder)
  arrays = _read_arrays(folder / WEIGHTS_FILE)
  del arrays[_PROBABILITIES]
  return name, config, fixed_point.to_floats(arrays)


def load(folder: pathlib.Path, ranges: ModuleType | None = None) -> LearnedCoder:
  """The entropy coder of a folder that `save` wrote.

  Args:
    folder: see the module.
    ranges: `range_decoder` to decode without TensorFlow, also where it is installed; by default
      `range_coder`, which is faster, where it is.

  Raises:
    ModelError: if it cannot be read or is damaged.
    ConfigError: if its configuration is not understood.
  """
  name, config, saved = _read_config(folder / CONFIG_FILE)
  arrays = _read_arrays(folder / WEIGHTS_FILE)
  # As it was saved: settings that later versions add must not change what files are called.
  tables_id = _tables_id(saved, arrays)
  if ranges is None:
    ranges = _installed()
  try:
    probabilities = arrays.pop(_PROBABILITIES)
    model = models.find(name).integer(config, arrays)
    layers, depth = config.layer_count, config.layer_depth
    return LearnedCoder(model, probabilities, tables_id, layers, depth, ranges)
  except (KeyError, ValueError, IndexError) as error:
    reason = str(error).partition("\n")[0]
    raise ModelError(f"{folder / WEIGHTS_FILE}: does not fit {CONFIG_FILE}: {reason}") from error


def _installed() -> ModuleType:
  """The better of `range_coder` and `range_decoder`; imports TensorFlow only when it is needed."""
  try:
    from compression.entropy import range_coder
  except ImportError:  # of TensorFlow
    return range_decoder
  return range_coder


def _read_config(file: pathlib.Path) -> tuple[str, ModelConfig, Any]:
  """The name, the configuration, and both as they were saved."""
  try:
    saved = parse_json(file.read_text("utf-8"), f"{file}:")
  except (OSError, UnicodeDecodeError) as error:
    raise ModelError(f"{file}: cannot be read: {error}") from error
  try:
    refuse_unknown(saved, ("model", "config"))
    name = saved.get("model")
    return name, models.find(name).config.from_dict(saved.get("config", {})), saved
  except ConfigError as error:
    raise ConfigError(f"{file}: {error}") from error


def _read_arrays(file: pathlib.Path) -> dict[str, np.ndarray]:
  arrays = read_arrays(file)
  for name, array in arrays.items():
    if not np.issubdtype(array.dtype, np.integer):
      raise ModelError(f"{file}: {name} does not hold integers")
  return arrays


def _tables_id(config: Any, arrays: Mapping[str, np.ndarray]) -> int:
  """A digest of all that decoding depends on; never 0, which is that of coders without tables."""
  digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
  for name in sorted(arrays):
    array = arrays[name].astype("<i8")
    digest.update(f"\n{name}{array.shape}\n".encode())
    digest.update(array.tobytes())
  return int.from_bytes(digest.digest()[:_TABLES_ID_BYTES], "little") or 1
