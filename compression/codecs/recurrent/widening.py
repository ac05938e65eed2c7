"""Wider networks that compute what narrower ones do: where the training of a wide model can begin.

Net2WiderNet (Chen, Goodfellow, Shlens: Net2Net, ICLR 2016). Every channel comes several times, and
what it sent on to the next layer is shared out among its copies, unevenly, so that training tells
them apart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from compression.codecs.recurrent.config import RecurrentConfig

_UNEVEN = 0.4
"""How far the share of a copy may lie from an equal one, as a part of it, before they sum to 1."""

_NOT_WIDENED = "associative_lstm"  # its keys and permuted copies tie channels to their number

_COLOURS_OR_BITS_IN = ("encoder/conv", "decoder/conv_in")
_COLOURS_OR_BITS_OUT = ("encoder/binarizer", "decoder/conv_out")


def can_widen(narrow: RecurrentConfig, wide: RecurrentConfig) -> bool:
  """Whether `wide` is the architecture `narrow` some whole number of times as wide."""
  same = dataclasses.replace(narrow, width=wide.width, iterations=wide.iterations) == wide
  ratio = wide.width / narrow.width
  return same and narrow.unit != _NOT_WIDENED and ratio > 1 and ratio.is_integer()


def widen(
  arrays: Mapping[str, np.ndarray], narrow: RecurrentConfig, wide: RecurrentConfig, seed: int = 0
) -> dict[str, np.ndarray]:
  """The weights of a wide network that gives the codes and images of a narrow one.

  The copies of channel c are k c to k c + k - 1: so they stay within their gate, where gates are
  stacked along a kernel's output, and within their place of a block, where depth_to_space unfolds
  them.

  Args:
    arrays: of the narrow network, by the names of the archives; float kernels [height, width, in,
      out] and biases [out].
    narrow, wide: the architectures; `can_widen` must hold.
    seed: of the shares.

  Returns: float32 arrays by the same names. What is no kernel or bias of the narrow network stays
    one that `assign_weights` refuses.
  """
  assert can_widen(narrow, wide)
  copies = round(wide.width / narrow.width)
  random = np.random.default_rng(seed)
  result = {}
  for name in sorted(arrays):
    array = np.asarray(arrays[name], np.float32)
    layer = name.removesuffix("/bias")
    if not name.startswith("gain_estimator/"):
      if array.ndim and layer not in _COLOURS_OR_BITS_OUT:
        array = np.repeat(array, copies, axis=-1)
      if array.ndim == 4 and layer not in _COLOURS_OR_BITS_IN:
        array = _share_out(array, copies, random)
    result[name] = array
  return result


def _share_out(kernel: np.ndarray, copies: int, random: np.random.Generator) -> np.ndarray:
  """A kernel [height, width, in, out] for inputs that come `copies` times each, one by one."""
  *sides, depth, out = kernel.shape
  shares = 1 + random.uniform(-_UNEVEN, _UNEVEN, [*sides, depth, copies, out])
  shares /= shares.sum(axis=-2, keepdims=True)
  return (kernel[..., None, :] * shares).reshape(*sides, depth * copies, out).astype(np.float32)
