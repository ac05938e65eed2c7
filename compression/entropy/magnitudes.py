"""Adaptive coding of the magnitudes of coefficients, by the magnitudes around them.

What transform codecs have in common. The magnitudes that a decoder knows around a coefficient, each
at most LARGEST, are summed with weights; the sum has a class, and the class, with what the codec
knows besides (the channel, the frequency), is the context whose table codes the magnitude. Signs
are plain bits. An encoder may lower a magnitude by one where that saves more bits than it costs in
distortion.

Everything that decides how a file is read is integers. Only `decide`, which encoders alone use, is
floating point.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from compression.common.errors import FormatError
from compression.entropy.symbols import AdaptiveTables, Decoder, Encoder, Tables

SYMBOLS = 16
"""Magnitudes in a table, of which the last stands for all others."""

LARGEST = 15
"""A neighbour counts as no more than this."""

RECONSTRUCTION = 0.07
"""Above its magnitude: what it stands for, in steps; large ones are rarer than small ones."""

LAGRANGIAN = 0.18
"""Squares of steps that a bit is worth; ln 2 / 6 where steps are small."""

_ROUNDING = 0.45
"""Magnitudes that decisions begin with: floor(|x| / step + this)."""

_LIMIT = 1 << 18  # of the counts of a table
_COUNT_BITS = 16  # that the first counts are made with,
_LEAST_BITS = 10  # and these are dropped
_UNSEEN = 0.05  # of a symbol, in counts that decisions are made by


class Classes:
  """Classes of weighted sums of neighbours.

  Args:
    least: the least sum of each class, from 0 up.
    unit: what the sum says of a magnitude's expectation: least / unit, about.
    max_sum: that there can be.
  """

  def __init__(self, least: Sequence[int], unit: int, max_sum: int):
    self._least, self._unit = tuple(least), unit
    self._of_sum = np.digitize(np.arange(max_sum + 1), self._least[1:])

  def __len__(self) -> int:
    return len(self._least)

  def contexts(self, groups: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Which table: int64, of the group that the codec knows and the class of the sum."""
    return groups.astype(np.int64) * len(self._least) + self._of_sum[sums]

  def tables(self, groups: int, symbols: int = SYMBOLS) -> AdaptiveTables:
    """For a group and a class; they start as if magnitudes were distributed geometrically."""
    counts = np.zeros([len(self._least), symbols], np.int64)
    for row, least in zip(counts, self._least):
      left = 1 << _COUNT_BITS
      for symbol in range(symbols):
        row[symbol] = left * self._unit // (self._unit + 1 + least)
        left -= row[symbol]
      row[-1] += left
    counts = np.maximum(counts >> _LEAST_BITS, 1)
    return AdaptiveTables(np.tile(counts, (groups, 1)), limit=_LIMIT)


def known(magnitudes: np.ndarray) -> np.ndarray:
  """Magnitudes as neighbours see them: uint8, at most LARGEST."""
  return np.minimum(magnitudes, LARGEST).astype(np.uint8)


def first_magnitudes(exact: np.ndarray) -> np.ndarray:
  """What `decide` begins with: int32, of magnitudes in steps, float32."""
  return np.floor(exact + np.float32(_ROUNDING)).astype(np.int32)


def decide(exact: np.ndarray, first: np.ndarray, contexts: np.ndarray, count: int) -> np.ndarray:
  """Magnitudes, one lower where that saves more than it costs.

  Of each value v of the two nearest below x the one with the least

    (x - v - RECONSTRUCTION)^2 + LAGRANGIAN * bits

  is taken, the bits being those that v has by how often symbols are in each context now: the tables
  will come to about that. (Contexts are those of the first magnitudes, which change little.)

  Args:
    exact: float32, magnitudes in steps.
    first: int32 of that shape, of `first_magnitudes`.
    contexts: integers of that shape, below `count`.

  Returns: int32, a new array.
  """
  symbols = np.minimum(first, SYMBOLS - 1)
  found = np.bincount((contexts * SYMBOLS + symbols).ravel(), minlength=count * SYMBOLS)
  chances = (found + _UNSEEN).reshape(-1, SYMBOLS)
  bits = -np.log2(chances / chances.sum(1, keepdims=True))
  bits[:, 1:] += 1  # the sign
  may = np.nonzero((first > 0) & (first < SYMBOLS - 1))
  exact, high, contexts = exact[may], first[may], contexts[may]
  costs = [
    np.square(exact - value - RECONSTRUCTION * (value > 0)) + LAGRANGIAN * bits[contexts, value]
    for value in (high, high - 1)
  ]
  decided = first.copy()
  decided[may] = high - (costs[1] < costs[0])
  return decided


def encode_batches(
  encoder: Encoder,
  tables: Tables,
  batches: Iterable[slice],
  contexts: np.ndarray,
  values: np.ndarray,
) -> None:
  """Adds values [n] with their contexts [n], a slice after the other."""
  for batch in batches:
    encoder.encode(tables, contexts[batch], values[batch])


def median_prediction(west: np.ndarray, north: np.ndarray, between: np.ndarray) -> np.ndarray:
  """The median predictor of JPEG-LS (ITU-T T.87): W + N - NW, but within W and N."""
  low, high = np.minimum(west, north), np.maximum(west, north)
  return np.clip(west + north - between, low, high)


def check_levels(levels: np.ndarray, most: int) -> np.ndarray:
  """The same; raises FormatError where one is beyond +-most, as in no image."""
  if len(levels) and np.abs(levels).max() > most:
    raise FormatError("the coded data are damaged: a coefficient is out of range")
  return levels


def finish(encoder: Encoder, negative: np.ndarray) -> bytes:
  """The stream, with signs: bool [n] for all magnitudes above 0, in the order of the file."""
  return encoder.finish(np.packbits(negative).tobytes())


def read_signs(decoder: Decoder, count: int) -> np.ndarray:
  """Which of so many magnitudes are negative, bool; raises FormatError unless all ends here."""
  bits = np.unpackbits(np.frombuffer(decoder.finish(-(-count // 8)), np.uint8))
  if bits[count:].any():
    raise FormatError("the coded data are damaged: they do not end as they should")
  return bits[:count] > 0
