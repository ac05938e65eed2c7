"""Entropy coder 0, `none`: the bits as they are, eight to a byte."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from compression.common.errors import FormatError


class EntropyCoder(Protocol):
  """What turns the layers of a code into bytes and back; `compress` and `decompress` hold one.

  Attributes:
    coder_id: the container's number for it.
    tables_id: which version of learned tables; 0 if there are none.
  """

  coder_id: int
  tables_id: int

  def encode(self, bits: np.ndarray) -> list[bytes]:
    """bool [T, h, w, bits] -> a payload for each layer, each depending on earlier ones only."""

  def decode(self, payloads: Sequence[bytes], shape: tuple[int, int, int]) -> np.ndarray:
    """Payloads of the first layers -> bool [T, h, w, bits], for `shape` = (h, w, bits)."""

  def memory_bytes(self, layers: int, shape: tuple[int, int, int]) -> int:
    """About how much memory `decode` takes, known before it is asked to."""


class PackedBits:
  """Bits in row, column, depth order, the first in the highest bit of the first byte."""

  coder_id = 0
  tables_id = 0

  def encode(self, bits: np.ndarray) -> list[bytes]:
    return [np.packbits(layer).tobytes() for layer in bits]

  def decode(self, payloads: Sequence[bytes], shape: tuple[int, int, int]) -> np.ndarray:
    """Raises FormatError if a payload has another length than `shape` takes."""
    count = math.prod(shape)
    layers = []
    for number, payload in enumerate(payloads, 1):
      if len(payload) != -(-count // 8):
        raise FormatError(f"layer {number} has {len(payload)} bytes, not {-(-count // 8)}")
      layers.append(np.unpackbits(np.frombuffer(payload, np.uint8), count=count).reshape(shape))
    return np.stack(layers).astype(bool)

  def memory_bytes(self, layers: int, shape: tuple[int, int, int]) -> int:
    return layers * math.prod(shape)
