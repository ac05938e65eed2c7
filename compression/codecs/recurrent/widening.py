"""Wider networks that compute what narrower ones do: where the training of a wide model can begin.

Net2WiderNet (Chen, Goodfellow, Shlens: Net2Net, ICLR 2016). Channels come several times, and what
one sent on to the next layer is shared out among its copies, unevenly, so that training tells them
apart. The wide network may have biases that the narrow one lacks: they are zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from compression.codecs.recurrent.config import UNITS, RecurrentConfig
from compression.codecs.recurrent.halves import (
  DECODER_CONV_DEPTH,
  DECODER_LAYERS,
  ENCODER_CONV_DEPTH,
  ENCODER_LAYERS,
)

_UNEVEN = 0.4
"""How far the share of a copy may lie from an equal one, as a part of it, before they sum to 1."""

_WIDENED = frozenset(UNITS) - {"associative_lstm"}
"""Keys and permuted copies of that one tie channels to their number."""

_OF_STATE = ("gates", "hidden", "candidate", "hidden_skip")
"""Kernels of a unit whose inputs are its own state."""

_PLACES = 4  # of a block, which depth_to_space(2) unfolds after each unit of the decoder


def can_widen(narrow: RecurrentConfig, wide: RecurrentConfig) -> bool:
  """Whether `wide` is the architecture `narrow`, but wider, with biases added, or both."""
  alike = dataclasses.replace(
    narrow, width=wide.width, iterations=wide.iterations, use_bias=wide.use_bias
  )
  if narrow.unit not in _WIDENED or alike != wide:
    return False
  loses = wide.width < narrow.width or (narrow.use_bias and not wide.use_bias)
  gains = wide.width > narrow.width or (wide.use_bias and not narrow.use_bias)
  return gains and not loses


class _Layer(NamedTuple):
  """Which channels of the narrow network those of a layer of the wide one are copies of.

  Attributes:
    outputs: int [channels of the wide layer]; of a unit, those of one gate.
    inputs: int [channels that come in], or None if they are colours or bits.
  """

  outputs: np.ndarray | None
  inputs: np.ndarray | None


def widen(
  arrays: Mapping[str, np.ndarray], narrow: RecurrentConfig, wide: RecurrentConfig, seed: int = 0
) -> dict[str, np.ndarray]:
  """The weights of a wide network that gives the codes and images of a narrow one.

  The copies of a channel lie next to each other: within their gate, where gates are stacked along
  a kernel's output, and within their place of a block, where depth_to_space unfolds them. Where
  the widths are no whole multiples, some channels, drawn by lot, have one copy more than others.

  Args:
    arrays: of the narrow network, by the names of the archives; float kernels [height, width, in,
      out] and biases [out].
    narrow, wide: the architectures; `can_widen` must hold.
    seed: of the shares.

  Returns: float32 arrays by the same names. What is no kernel or bias of the narrow network stays
    one that `assign_weights` refuses.
  """
  assert can_widen(narrow, wide)
  random = np.random.default_rng(seed)
  layers = _layers(narrow, wide, random)
  result = {}
  for name in sorted(arrays):
    array = np.asarray(arrays[name], np.float32)
    layer, part = _split(name, layers)
    if layer is not None and array.ndim:
      array = _copied(array, layer, part, random)
    result[name] = array
  if wide.use_bias and not narrow.use_bias:
    for name in layers:
      kernel = result.get(name, result.get(f"{name}/input"))
      if kernel is not None:
        result[f"{name}/bias"] = np.zeros(kernel.shape[-1:], np.float32)
  return result


def _layers(
  narrow: RecurrentConfig, wide: RecurrentConfig, random: np.random.Generator
) -> dict[str, _Layer]:
  """By name, in the order of the data."""
  found: dict[str, _Layer] = {}
  for half, first, units, last, places in (
    ("encoder", ENCODER_CONV_DEPTH, ENCODER_LAYERS, "binarizer", 1),
    ("decoder", DECODER_CONV_DEPTH, DECODER_LAYERS, "conv_out", _PLACES),
  ):
    conv = "conv" if half == "encoder" else "conv_in"
    inputs = _copies(narrow.depth(first), wide.depth(first), random)
    found[f"{half}/{conv}"] = _Layer(inputs, None)
    for number, row in enumerate(units, 1):
      old, new = (config.depth(row.depth) // places for config in (narrow, wide))
      of_place = _copies(old, new, random)
      outputs = np.concatenate([of_place + place * old for place in range(places)])
      found[f"{half}/rnn{number}"] = _Layer(outputs, inputs)
      inputs = of_place
    found[f"{half}/{last}"] = _Layer(None, inputs)
  return found


def _split(name: str, layers: Mapping[str, _Layer]) -> tuple[_Layer | None, str]:
  """The layer of an array and what it is of it: "" for its one kernel."""
  if name in layers:
    return layers[name], ""
  layer, _, part = name.rpartition("/")
  return layers.get(layer), part


def _copied(array: np.ndarray, layer: _Layer, part: str, random: np.random.Generator) -> np.ndarray:
  if layer.outputs is not None:
    depth = int(layer.outputs.max()) + 1
    gates, rest = divmod(array.shape[-1], depth)
    if rest:
      return array  # not of the narrow network
    array = array[..., np.concatenate([layer.outputs + gate * depth for gate in range(gates)])]
  inputs = layer.outputs if part in _OF_STATE else layer.inputs
  if array.ndim == 4 and inputs is not None and array.shape[2] == inputs.max() + 1:
    array = _share_out(array, inputs, random)
  return array


def _copies(old: int, new: int, random: np.random.Generator) -> np.ndarray:
  """The channels 0 .. old - 1, in order, each as often as makes `new` of them."""
  more = random.permutation(old)[: new % old]
  return np.sort(np.concatenate([np.tile(np.arange(old), new // old), more]))


def _share_out(kernel: np.ndarray, inputs: np.ndarray, random: np.random.Generator) -> np.ndarray:
  """A kernel [height, width, in, out] for inputs that are such copies."""
  height, width, _, out = kernel.shape
  shares = 1 + random.uniform(-_UNEVEN, _UNEVEN, [height, width, len(inputs), out])
  # The copies of a channel lie next to each other.
  starts = np.searchsorted(inputs, np.arange(kernel.shape[2]))
  totals = np.add.reduceat(shares, starts, axis=2)
  return (kernel[:, :, inputs] * (shares / totals[:, :, inputs])).astype(np.float32)
