"""Codes what is left of a latent after its prediction, by the scale that goes with it.

    q = round((z - mu))         z^ = q + mu

The magnitude of each q has a table, chosen by

  1. the index of its scale, which is the network's (`integers.py`), and
  2. how much larger than expected those magnitudes were that a decoder knows around it: four beside
     it, weighted, and those of the eight channels before it at the same place. 16 times their sum
     is compared with the sum of what each was expected to be by its own scale.

What is expected, and what the tables begin with, was counted in photos when the model was made, and
is saved with it; then the tables count what they code, as in `entropy/latents/adaptive.py`. Signs
are a bit each.

    array      dtype, shape
    expected   int16 [SCALES]                     the mean magnitude for a scale, in 1/16
    order      int16 [C]                          channels, those with the largest mean first
    counts     int32 [SCALES * classes, symbols]  what each table begins with, at least 1
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from compression.codecs.hu2020.integers import SCALES, UNITS
from compression.common.errors import ModelError
from compression.entropy import magnitudes
from compression.entropy.grids import Grid, Place
from compression.entropy.magnitudes import LARGEST, SYMBOLS, encode_batches
from compression.entropy.symbols import AdaptiveTables, Decoder, Encoder

NAMES = ("expected", "order", "counts")

MAX_VALUE = 2**20
"""The largest q, up or down; beyond that of any trained model."""

_CHANNELS_BEFORE = 8
_PLACES = (
  *(Place(0, -1), Place(-1, 0), Place(-1, -1), Place(-1, 1)),
  *(Place(0, 0, channel=-before) for before in range(1, _CHANNELS_BEFORE + 1)),
)
_WEIGHTS = np.array([[2, 2, 1, 1, *[1] * _CHANNELS_BEFORE]])
_UNIT = 16
_RATIOS = np.array([90, 140, 190, 250, 330, 440, 620])
"""Where the classes of found / expected end, in 1/256."""

_STEADY = 2 * _UNIT  # added to both, so that little found of little is not taken for much
_CLASSES = len(_RATIOS) + 1
_LIMIT = 1 << 18
_STRENGTH = 32 * 60  # the sum of the counts that a table begins with: a symbol counts 32
_UNSEEN = 0.5  # of a symbol where counts are made
_SHARED = 30.0  # how many symbols by the scale alone are added to those of a class


_SQUARE = 25.0
"""Bits that a square of 1 in a latent is worth: what made the loss of some photos the least. For
an orthonormal transform and small steps it would be 12 / (2 ln 2), or 9; here errors spread."""


class Residuals(NamedTuple):
  """A latent after its prediction.

  Attributes:
    q: int32 [h, w, C], within MAX_VALUE.
    scales: integers of that shape, below SCALES.
  """

  q: np.ndarray
  scales: np.ndarray


def count(examples: Iterable[Residuals]) -> dict[str, np.ndarray]:
  """What a model keeps, by NAMES, of examples with the same channels."""
  examples = list(examples)
  scales = np.concatenate([each.scales.ravel() for each in examples]).astype(np.int64)
  found = np.concatenate([np.abs(each.q).ravel() for each in examples])
  sums = np.bincount(scales, magnitudes.known(found), SCALES)
  seen = np.bincount(scales, minlength=SCALES)
  # A scale without examples: what a distribution of Laplace with that deviation has.
  usual = 2.0 ** (np.arange(SCALES) / 4 - 3) / 2**0.5
  means = (sums + usual) / (seen + 1)
  expected = np.rint(np.minimum(np.maximum.accumulate(means), LARGEST) * _UNIT).astype(np.int16)
  of_channel = sum(np.abs(each.q).sum((0, 1)) for each in examples)
  order = np.argsort(-np.asarray(of_channel), kind="stable").astype(np.int16)
  counts = np.zeros([SCALES * _CLASSES, SYMBOLS])
  coder = _Contexts(expected.astype(np.int64), order)
  for each in examples:
    _, contexts, values = coder.all(each)
    symbols = np.minimum(values, SYMBOLS - 1)
    at = np.bincount(contexts * SYMBOLS + symbols, minlength=counts.size)
    counts += at.reshape(counts.shape)
  of_scale = counts.reshape(SCALES, _CLASSES, SYMBOLS).sum(1)
  shape = _geometric(np.maximum(means, 1 / 64))
  of_scale = of_scale + _UNSEEN * SYMBOLS * shape
  of_scale /= of_scale.sum(1, keepdims=True)
  counts += _SHARED * np.repeat(of_scale, _CLASSES, 0)
  counts *= _STRENGTH / counts.sum(1, keepdims=True)
  return {
    "expected": expected,
    "order": order,
    "counts": np.maximum(np.rint(counts), 1).astype(np.int32),
  }


class ResidualCoder:
  """Encodes and decodes the residuals of a latent.

  Args:
    arrays: of `count`.
    channels: C.
    where: they are from, for messages.

  Raises:
    ModelError: if they are not.
  """

  def __init__(self, arrays: Mapping[str, np.ndarray], channels: int, where: str):
    shapes = ((SCALES,), (channels,), (SCALES * _CLASSES, SYMBOLS))
    for name, shape, kind in zip(NAMES, shapes, ("i2", "i2", "i4")):
      array = arrays.get(name)
      if array is None or array.shape != shape or array.dtype.str[1:] != kind:
        raise ModelError(f"{where}: has no {name} of {kind} {list(shape)} for residuals")
    expected = arrays["expected"].astype(np.int64)
    if sorted(arrays["order"]) != list(range(channels)):
      raise ModelError(f"{where}: the order of channels of residuals is none")
    if not 0 <= expected.min() <= expected.max() <= LARGEST * _UNIT:
      raise ModelError(f"{where}: residuals cannot be as large as expected")
    if not 0 < arrays["counts"].min() <= arrays["counts"].max() < _LIMIT:
      raise ModelError(f"{where}: the tables of residuals have counts out of range")
    self._contexts = _Contexts(expected, arrays["order"])
    self._counts = arrays["counts"]
    counts = self._counts.reshape(SCALES, _CLASSES, SYMBOLS).sum(1)
    self._bits = -np.log2(counts / counts.sum(1, keepdims=True))
    self._bits[:, 1:] += 1  # the sign

  def encode(self, encoder: Encoder, residuals: Residuals) -> np.ndarray:
    """Adds magnitudes; returns the signs, which `magnitudes.finish` or `put_signs` takes."""
    batches, contexts, values = self._contexts.all(residuals)
    encode_batches(encoder, self._tables(), batches, contexts, values)
    q = self._contexts.ordered(residuals.q)
    return q[q != 0] < 0

  def decode(self, decoder: Decoder, scales: np.ndarray) -> np.ndarray:
    """The magnitudes, int32 like scales; raises FormatError."""
    return self._contexts.decode(decoder, self._tables(), scales)

  def signed(self, found: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """q, of magnitudes and the signs that `encode` gave."""
    ordered = self._contexts.ordered(found)
    at = np.flatnonzero(ordered)
    flat = ordered.ravel()
    flat[at[negative]] *= -1
    return self._contexts.back(flat.reshape(ordered.shape))

  def rounded(self, values: np.ndarray, mu: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """q: the nearest to values - mu, or one nearer to 0 where that saves more than it costs.

    Args:
      values: float32 [h, w, C].
      mu: integers of that shape, in 1/UNITS.
      scales: of that shape.

    Returns: int32, within MAX_VALUE.
    """
    exact = values - mu / np.float32(UNITS)
    q = nearest(values, mu)
    found = np.abs(q)
    may = (found > 0) & (found < SYMBOLS - 1)
    high, off = found[may], np.abs(exact[may]) - found[may]
    saved = self._bits[scales[may], high] - self._bits[scales[may], high - 1]
    lower = saved > _SQUARE * (np.square(off + 1) - np.square(off))
    q[may] -= np.sign(q[may]) * lower
    return q

  def _tables(self) -> AdaptiveTables:
    return AdaptiveTables(self._counts, limit=_LIMIT)


class _Contexts:
  """Which table each magnitude has, int64; arguments as those of the arrays."""

  def __init__(self, expected: np.ndarray, order: np.ndarray):
    self._expected = expected
    self._order = order.astype(np.int64)
    # A grid has no places that are further away than it has channels.
    self._seen = len(_PLACES) - max(_CHANNELS_BEFORE - len(order) + 1, 0)

  def ordered(self, values: np.ndarray) -> np.ndarray:
    """[h, w, C] as [C, h, w], a new array."""
    return np.ascontiguousarray(values[..., self._order].transpose(2, 0, 1))

  def back(self, values: np.ndarray) -> np.ndarray:
    """The reverse."""
    made = np.empty([*values.shape[1:], len(self._order)], values.dtype)
    made[..., self._order] = values.transpose(1, 2, 0)
    return made

  def all(self, residuals: Residuals) -> tuple[list[slice], np.ndarray, np.ndarray]:
    """Batches, contexts and magnitudes, in the order of the file."""
    grid, scales, expected = self._start(residuals.scales)
    found = np.abs(grid.put([self.ordered(residuals.q)]))
    cells, batches, _ = grid.order(grid.exist())
    sums = grid.all_sums(magnitudes.known(found))[cells]
    return batches, _of(scales[cells], sums, expected[cells]), found[cells]

  def decode(self, decoder: Decoder, tables: AdaptiveTables, scales: np.ndarray) -> np.ndarray:
    """Magnitudes, int32 [h, w, C]."""
    grid, flat_scales, expected = self._start(scales)
    values, known = grid.zeros(np.int32), grid.zeros(np.uint8)
    cells, batches, kinds = grid.order(grid.exist())
    for batch in batches:
      at = cells[batch]
      contexts = _of(flat_scales[at], grid.sums(known, at, kinds[batch]), expected[at])
      found = magnitudes.check_levels(decoder.decode(tables, contexts), MAX_VALUE)
      values[at] = found
      known[at] = magnitudes.known(found)
    return self.back(np.ascontiguousarray(grid.take(values)[0]))

  def _start(self, scales: np.ndarray) -> tuple[Grid, np.ndarray, np.ndarray]:
    """The grid, the flat scales, and the sums that are expected, int32."""
    weights = _WEIGHTS[:, : self._seen]
    height, width, _ = scales.shape
    grid = Grid(len(self._order), [(height, width)], _PLACES[: self._seen], weights)
    ordered = self.ordered(scales)
    flat = grid.put([ordered.astype(np.uint8)])
    return grid, flat, grid.all_sums(grid.put([self._expected[ordered].astype(np.uint8)]))


def _of(scales: np.ndarray, sums: np.ndarray, expected: np.ndarray) -> np.ndarray:
  ratios = (_UNIT * sums + _STEADY) * 256 // (expected + _STEADY)
  return scales.astype(np.int64) * _CLASSES + np.digitize(ratios, _RATIOS)


def nearest(values: np.ndarray, mu: np.ndarray) -> np.ndarray:
  """The integers nearest to values - mu, mu in 1/UNITS: int32, within MAX_VALUE."""
  return np.clip(np.rint(values - mu / np.float32(UNITS)), -MAX_VALUE, MAX_VALUE).astype(np.int32)


def put_signs(encoder: Encoder, negative: np.ndarray) -> None:
  """Adds signs to a stream that goes on."""
  encoder.bits(negative.astype(np.int64), 1)


def take_signs(decoder: Decoder, found: np.ndarray) -> np.ndarray:
  """Those of magnitudes."""
  return decoder.bits(np.ones(np.count_nonzero(found), np.int64)) > 0


def _geometric(means: np.ndarray) -> np.ndarray:
  """Chances of magnitudes, [n, SYMBOLS], with these means."""
  share = (means / (means + 1))[:, None]
  chances = share ** np.arange(SYMBOLS) * (1 - share)
  chances[:, -1] /= 1 - share[:, 0]
  return chances
