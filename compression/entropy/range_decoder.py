"""Decodes what `range_coder` encodes, in plain Python: for machines without TensorFlow.

The format is that of the range coder in tensorflow-compression (cc/lib/range_coder.h), an encoder
after G. N. N. Martin (1979). It narrows an interval of integers [base, base + size) bit by bit:

    split = floor(size * P(bit = 0))
    bit 0:  size <- split
    bit 1:  base <- base + split, size <- size - split

It starts with base = 0 and size = 2^32. Whenever size is at most 2^16, the upper 16 of the 32 bits
of base are written, high byte first, and both are multiplied by 2^16; where base passes 2^32, a
carry goes to what was written. In the end comes what is needed of some number in the interval:
bytes after the end count as zeros.

A decoder needs no base. It holds code = (the number that was written) - base, of 32 bits:

    bit = code >= split, and then code <- code - split

and at each multiplication takes 16 bits more. As code < size at all times, any bytes decode.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

PRECISION = 16
"""Probabilities are multiples of 2^-PRECISION; tensorflow-compression takes no finer ones."""

TOTAL = 1 << PRECISION

_UNIT_BITS = 16
"""So many are written and read at a time."""


def checked_probabilities(zeros: np.ndarray) -> np.ndarray:
  """The same as an array.

  Args:
    zeros: integers [n], P(bit = 0) * TOTAL of each of n distributions, from 1 to TOTAL - 1.

  Raises:
    ValueError: if a probability is out of range, as one that could not be coded.
  """
  zeros = np.asarray(zeros)
  if zeros.ndim != 1 or not np.issubdtype(zeros.dtype, np.integer):
    raise ValueError(f"probabilities must be integers [n]. Received: {zeros.dtype} {zeros.shape}")
  if not ((zeros > 0) & (zeros < TOTAL)).all():
    raise ValueError(f"probabilities must be from 1 to {TOTAL - 1}")
  return zeros


class Handle(NamedTuple):
  """Where a decoder is.

  Attributes:
    lookup: int64 [n], P(bit = 0) * TOTAL.
    size, code: see the module.
    units: what is still to be read, as numbers of _UNIT_BITS.
  """

  lookup: np.ndarray
  size: int
  code: int
  units: Iterator[int]


def make_lookup(zeros: np.ndarray) -> np.ndarray:
  """The table that `start_decoding` takes; raises ValueError as `checked_probabilities`."""
  return checked_probabilities(zeros).astype(np.int64)


def start_decoding(lookup: np.ndarray, payload: bytes) -> Handle:
  """A handle on the beginning of what was encoded; bytes after it count as zeros."""
  units = iter(np.frombuffer(payload + bytes(len(payload) % 2), ">u2").tolist())
  code = next(units, 0) << _UNIT_BITS | next(units, 0)
  return Handle(lookup, 1 << 2 * _UNIT_BITS, code, units)


def decode(handle: Handle, indexes: np.ndarray) -> tuple[Handle, np.ndarray]:
  """The handle on what comes next, and the next bits.

  Args:
    handle: not to be used again.
    indexes: integers [m], the distributions that they were encoded with.

  Returns: the handle, and int32 [m] in {0, 1}. Bytes that were never encoded give some bits.
  """
  lookup, size, code, units = handle
  bits: list[int] = []
  append = bits.append
  precision, unit_bits, limit = PRECISION, _UNIT_BITS, 1 << _UNIT_BITS
  # This runs for every bit of a file: hence plain integers, all in local variables.
  for zero in lookup[indexes].tolist():
    split = size * zero >> precision
    if code < split:
      size = split
      append(0)
    else:
      size -= split
      code -= split
      append(1)
    if size <= limit:
      size <<= unit_bits
      code = code << unit_bits | next(units, 0)
  return Handle(lookup, size, code, units), np.array(bits, np.int32)
