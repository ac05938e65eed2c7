"""Made-up codes of a known entropy, to try an entropy coder on: the 2017 release's generator.

Every bit follows from bits before it, then is flipped with a probability of 0.2; so an ideal coder
needs H(0.2) = -0.2 log2 0.2 - 0.8 log2 0.8 = 0.72 bits per bit, and none needs less.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

SHAPE = (35, 48, 8)
"""Rows, columns and depth of the release's data set."""

FLIP_PROBABILITY = 0.2

ENTROPY = -(
  FLIP_PROBABILITY * math.log2(FLIP_PROBABILITY)
  + (1 - FLIP_PROBABILITY) * math.log2(1 - FLIP_PROBABILITY)
)
"""Bits per bit."""

# The patterns and the threshold of the release.
_ABOVE = ((0, 1, 0), (1, 1, 0), (1, 0, 0))
"""For one, two and three rows above; within a row, for the columns x - 2, x - 1 and x."""
_BEFORE = (1, 1, 0, 1)
"""For one to four depths before, at the same place."""
_THRESHOLD = 6

_AT_ONCE = 64  # codes: then NumPy works longer than it takes to call it


def synthetic_code(
  seed: int | np.random.Generator, shape: tuple[int, int, int] = SHAPE
) -> np.ndarray:
  """One code.

  Args:
    seed: a seed, 0 or more, or a generator, which moves on.
    shape: rows, columns, depth.

  Returns: int8 `shape`, in {-1, +1}.
  """
  return from_flips(np.random.default_rng(seed).random(shape) < FLIP_PROBABILITY)


def synthetic_codes(
  count: int, seed: int = 0, shape: tuple[int, int, int] = SHAPE
) -> Iterator[np.ndarray]:
  """`count` codes, int8 `shape` in {-1, +1}; number i depends on the seed and i alone."""
  for start in range(0, count, _AT_ONCE):
    numbers = range(start, min(start + _AT_ONCE, count))
    flips = np.stack([np.random.default_rng([seed, i]).random(shape) for i in numbers])
    yield from from_flips(flips < FLIP_PROBABILITY)


def from_flips(flips: np.ndarray) -> np.ndarray:
  """The codes in which these bits were flipped.

      b[y, x, d] = flip[y, x, d] xor (n >= 6)
      n = sum_ij (b[y - 1 - i, x - 2 + j, d] xor above[i, j])
        + sum_k (b[y, x, d - 1 - k] xor before[k])

  where places outside the code count as agreeing. A bit depends on the rows above and on earlier
  depths only, so that whole rows are made at once.

  Args:
    flips: bool [..., h, w, D].

  Returns: int8 of the same shape, in {-1, +1}: 2 b - 1.
  """
  flipped = np.ascontiguousarray(np.moveaxis(flips, (-1, -3), (0, 1)))  # [D, h, ..., w]
  bits = np.empty_like(flipped)
  for d, plane in enumerate(bits):
    disagreeing = np.zeros(plane.shape, np.int8)
    for k, pattern in enumerate(_BEFORE[:d]):
      disagreeing += bits[d - 1 - k] != bool(pattern)
    for y, row in enumerate(plane):
      count = disagreeing[y]
      for i, patterns in enumerate(_ABOVE[:y]):
        for shift, pattern in enumerate(reversed(patterns)):  # as many columns to the left
          count[..., shift:] += _left(plane[y - 1 - i], shift) != bool(pattern)
      row[...] = (count >= _THRESHOLD) != flipped[d, y]
  codes = np.moveaxis(bits, (0, 1), (-1, -3))
  return np.where(codes, np.int8(1), np.int8(-1))


def _left(row: np.ndarray, shift: int) -> np.ndarray:
  """All of [..., w] that has a place `shift` columns to its right."""
  return row[..., : max(row.shape[-1] - shift, 0)]
