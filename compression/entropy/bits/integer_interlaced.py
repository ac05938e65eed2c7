"""The interlaced entropy coder in exact integers, held in NumPy's float64: what codes files.

The symbols are those of `compression.entropy.bits.interlaced`, whose trained weights
`integer_arrays` turns into integers; the arithmetic is `compression.entropy.fixed_point`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from compression.common import masks
from compression.entropy import fixed_point
from compression.entropy.bits.configs import InterlacedConfig
from compression.entropy.bits.integer_model import CodedLayer, Read, convolve, take
from compression.entropy.bits.orders import (
  Step,
  in_parts,
  interlaced_steps,
  raster_bands,
  wavefront_steps,
)
from compression.entropy.fixed_point import ONE, logit_indexes, relu


def integer_arrays(
  config: InterlacedConfig, weights: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """The integer form of trained weights: int16 kernels with their masks applied, int32 biases.

  Args:
    config: the architecture.
    weights: float arrays by the names of `compression.entropy.bits.interlaced.named_variables`.

  Raises:
    ModelError: if one is too large for an integer form.
  """

  def mask(name: str, kernel: np.ndarray) -> np.ndarray:
    group, part, _ = name.split("/")
    return _masks(config, int(group[len("kernels") :])).get(part, np.ones(1))

  return fixed_point.to_integers(weights, mask)


class IntegerInterlaced:
  """Codes layers with the integer form of an Interlaced model.

  Args:
    config: the architecture.
    arrays: what `integer_arrays` makes.
  """

  def __init__(self, config: InterlacedConfig, arrays: Mapping[str, np.ndarray]):
    self.config = config
    values = {name: array.astype(np.float64) for name, array in arrays.items()}
    self._kernels = [_Kernels(config, index, values) for index in range(config.sets)]
    self._biases = [
      _Biases(*(values[f"biases{k}/{name}"] for name in _Biases._fields))
      for k in range(config.layer_count)
    ]

  def encode(self, bits: np.ndarray) -> Iterator[CodedLayer]:
    """bool [T, h, w, D] -> for each layer what the range coder takes."""
    state = None
    for k, layer_bits in enumerate(bits):
      x = np.where(layer_bits, float(ONE), float(-ONE))
      kernels, biases = self._at(k)
      yield kernels.encode(x, layer_bits, kernels.context(state, biases, x.shape[:2]), biases)
      if k + 1 < len(bits):
        state = kernels.next_state(x, state, biases)

  def decode(self, shape: tuple[int, int, int], readers: Iterable[Read]) -> Iterator[np.ndarray]:
    """Layer after layer, bool [h, w, D], each from its reader."""
    state, before = None, None
    for k, read in enumerate(readers):
      if before is not None:
        kernels, biases = self._at(k - 1)
        state = kernels.next_state(before, state, biases)
      kernels, biases = self._at(k)
      before = kernels.decode(shape, read, kernels.context(state, biases, shape[:2]), biases)
      yield before > 0

  def bytes_of_place(self) -> int:
    config = self.config
    # Two states and one with zeros around it, the context, three times the layer; and twice, while
    # they are joined, the sums of a quarter of the places.
    values = 3 * config.state + config.hidden + 3 * config.layer_depth
    return 8 * (values + (config.group_hidden + config.layer_depth) // 2)

  def _at(self, layer: int) -> tuple[_Kernels, _Biases]:
    return self._kernels[self.config.set_of(layer)], self._biases[layer]


class _Biases(NamedTuple):
  hidden: np.ndarray
  logits: np.ndarray
  state: np.ndarray


class _Kernels:
  """One set of kernels as matrices."""

  def __init__(self, config: InterlacedConfig, index: int, values: Mapping[str, np.ndarray]):
    self._config = config
    self._raster = index < config.raster_layers
    self._reach = config.context // 2
    prefix = f"kernels{index}/"
    arrays = {name[len(prefix) :]: a for name, a in values.items() if name.startswith(prefix)}

    def matrix(part: str) -> np.ndarray:
      return np.ascontiguousarray(arrays[f"{part}/kernel"][0, 0])

    self._hidden, self._hidden_bias = matrix("hidden"), arrays["hidden/bias"]
    # What h contributes to g and to the logits, in one product.
    self._from_hidden = np.concatenate([matrix("group_hidden"), matrix("logits")], axis=1)
    self._group_bias = arrays["group_hidden/bias"]
    self._group_bits = matrix("group_bits")
    self._logits_group, self._logits_bits = matrix("logits_group"), matrix("logits_bits")
    self._state_bits = arrays["state_bits/kernel"]
    self._state_state = matrix("state_state") if index else None
    self._context = arrays["context/kernel"] if index else None
    self._taps, self._neighbours, self._kind_bias = [], [], []
    seen = _masks(config, index)["neighbours"]
    kernels, kind_biases = arrays["neighbours/kernel"], arrays.get("neighbours/bias")
    if self._raster:
      seen, kernels = seen[np.newaxis], kernels[np.newaxis]
    for kind, mask in enumerate(seen):
      taps = np.argwhere(mask[..., 0, 0])
      self._taps.append(taps - self._reach)
      self._neighbours.append(kernels[kind][taps[:, 0], taps[:, 1]].reshape(-1, config.hidden))
      self._kind_bias.append(0.0 if kind_biases is None else kind_biases[kind])

  def context(
    self, state: np.ndarray | None, biases: _Biases, places: tuple[int, ...]
  ) -> np.ndarray:
    """Sums [h, w, hidden]: what the earlier layers contribute to h."""
    if state is None or self._context is None:
      return np.broadcast_to(biases.hidden, [*places, self._config.hidden])
    sums = convolve(state, self._context)
    sums += biases.hidden
    return sums

  def next_state(self, x: np.ndarray, state: np.ndarray | None, biases: _Biases) -> np.ndarray:
    """s_{k+1} [h, w, state], activations."""
    sums = convolve(x, self._state_bits)
    sums += biases.state
    if state is not None and self._state_state is not None:
      sums += state @ self._state_state
    return relu(sums)

  def encode(
    self, x: np.ndarray, bits: np.ndarray, context: np.ndarray, biases: _Biases
  ) -> CodedLayer:
    """The bits of a layer in the order in which they are coded, and their probabilities."""
    height, width, depth = x.shape
    known = self._padded(height, width, depth)
    known[self._reach : self._reach + height, self._reach : self._reach + width] = x
    every = np.empty([height, width, depth], np.int32)
    # All bits are known, so that no place has to wait for another.
    steps = raster_bands(height, width) if self._raster else interlaced_steps(height, width)
    for step in itertools.chain.from_iterable(map(in_parts, steps)):
      g_sums, z_sums = self._from_neighbours(known, step, context, biases)
      here = x[step.rows, step.columns]
      g = relu(g_sums + here @ self._group_bits)  # the masks let each group see the earlier ones
      z = z_sums + g @ self._logits_group + here @ self._logits_bits
      every[step.rows, step.columns] = logit_indexes(z)
    indexes: list[np.ndarray] = []
    ordered: list[np.ndarray] = []
    for step in self._steps(height, width):
      groups = [len(step.rows), self._config.groups, -1]
      for values, to in ((every, indexes), (bits, ordered)):
        of_groups = values[step.rows, step.columns].reshape(groups).swapaxes(0, 1)
        to.append(of_groups.ravel())
    return CodedLayer(np.concatenate(indexes), np.concatenate(ordered).astype(np.int32))

  def decode(
    self, shape: tuple[int, int, int], read: Read, context: np.ndarray, biases: _Biases
  ) -> np.ndarray:
    """x [h, w, D], the bits of a layer as -ONE and ONE."""
    height, width, depth = shape
    known = self._padded(*shape)
    groups = self._config.groups
    bits, units = depth // groups, self._config.group_hidden // groups
    for step in self._steps(height, width):
      parts = [self._from_neighbours(known, part, context, biases) for part in in_parts(step)]
      g_sums, z_sums = map(np.concatenate, zip(*parts)) if len(parts) > 1 else parts[0]
      x = np.zeros([len(step.rows), depth])
      g = np.empty_like(g_sums)
      for group in range(groups):
        # What the masks let a group see: the bits before it, and g up to it.
        before, now = slice(group * bits), slice(group * bits, (group + 1) * bits)
        own, upto = slice(group * units, (group + 1) * units), slice((group + 1) * units)
        sums = g_sums[:, own]
        if group:
          sums = sums + x[:, before] @ self._group_bits[before, own]
        g[:, own] = relu(sums)
        z = z_sums[:, now] + g[:, upto] @ self._logits_group[upto, now]
        if group:
          z += x[:, before] @ self._logits_bits[before, now]
        found = read(logit_indexes(z).ravel())
        x[:, now] = (found.reshape(-1, bits) * 2.0 - 1.0) * ONE
      known[step.rows + self._reach, step.columns + self._reach] = x
    inner = slice(self._reach, -self._reach or None)
    return known[inner, inner]

  def _padded(self, height: int, width: int, depth: int) -> np.ndarray:
    """Zeros for what is not yet known, and around the layer."""
    return np.zeros([height + 2 * self._reach, width + 2 * self._reach, depth])

  def _steps(self, height: int, width: int) -> Iterator[Step]:
    if self._raster:
      return wavefront_steps(height, width, self._reach + 1)
    return interlaced_steps(height, width)

  def _from_neighbours(
    self, known: np.ndarray, step: Step, context: np.ndarray, biases: _Biases
  ) -> tuple[np.ndarray, np.ndarray]:
    """Sums [m, group_hidden] before g and [m, D] of the logits, without what bits of places add."""
    sums = context[step.rows, step.columns] + self._kind_bias[step.kind]
    taps = self._taps[step.kind]
    if len(taps):
      sums += take(known, step, taps, self._reach) @ self._neighbours[step.kind]
    h = relu(relu(sums) @ self._hidden + self._hidden_bias)
    both = h @ self._from_hidden
    units = self._config.group_hidden
    return both[:, :units] + self._group_bias, both[:, units:] + biases.logits


def _masks(config: InterlacedConfig, index: int) -> dict[str, np.ndarray]:
  """What the kernels of a set are multiplied by, where there is a mask."""
  depth, units, groups = config.layer_depth, config.group_hidden, config.groups
  size = (config.context, config.context)
  bits, per = depth // groups, units // groups
  raster = index < config.raster_layers
  return {
    "neighbours": masks.raster_scan(size, strict=True) if raster else masks.interlaced(size),
    "group_bits": masks.group_raster_scan((1, 1), depth, units, bits, per, strict=True),
    "logits_group": masks.group_raster_scan((1, 1), units, depth, per, bits, strict=False),
    "logits_bits": masks.group_raster_scan((1, 1), depth, depth, bits, bits, strict=True),
  }
