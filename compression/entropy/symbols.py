"""Codes integers of any size with tables of frequencies that adapt, in batches.

A batch is any number of symbols that a decoder can take at once, as what the contexts of one depend
on was decoded in earlier batches. (In an image whose contexts lie to the left and above, such are
the pixels of a diagonal.) So a decoder in Python need not handle symbol by symbol what has to be in
order: NumPy decodes a batch, in as many lanes as the file has. Tables adapt after each batch, not
within, so that the first ones should be small.

Each lane is an asymmetric numeral system (J. Duda, arXiv 1311.2540; range variant): a state x of 40
bits, from which a decoder takes a symbol of the interval [start, start + width) of 2^16 by

    slot = x mod 2^16,  start <= slot < start + width,  x <- width * floor(x / 2^16) + slot - start

and which takes 16 bits more from the file whenever it falls below 2^24. All lanes take theirs from
the same place in the file, in turn (F. Giesen, arXiv 1402.3392). An encoder does it all backwards,
from the last symbol to the first, and writes the states that it arrives at. Those that it starts
from can hold bits of the caller's: what a decoder needs only in the end, such as signs, costs no
more there than elsewhere, and pays for the lanes.

All arithmetic is that of integers below 2^63, so that files do not depend on the machine.

A stream is, with all numbers little-endian:

  bytes  field
      2  number of lanes, from 1 up
   5 * lanes  their states
  2 each  words of 16 bits, as the lanes take them
   rest  the caller's last bytes, without the first 3 * lanes, which are in the states
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compression.common.errors import FormatError

PRECISION = 16
"""Probabilities are multiples of 2^-PRECISION."""

TOTAL = 1 << PRECISION

MAX_EXTRA_BITS = 32
"""An escaped value is at most about 2^33 above the largest of its table."""

_WORD_BITS = 16
_STATE_BYTES = 5
_LOW_BYTES = 3
_LOW = 1 << 8 * _LOW_BYTES
"""States are from here to 2^16 times as much; 2^8 above TOTAL costs less than 0.1 %."""

_LANES_BYTES = 2
_MAX_LANES = 2**12
_LANES_SHARE = 250
"""Lanes cost at most about this part of a file. A state has one byte more than what it says, and
_LOW_BYTES more where there is none of the caller's to be in it."""


class Tables:
  """A table of frequencies for each context.

  A table of n symbols codes the values 0..n-1; or, if it escapes, 0..n-2, and with its last symbol
  and some bits more all others.

  Args:
    rows: for each context [n + 1], cumulative frequencies from 0 to TOTAL, increasing strictly; n
      may differ.
    escapes: whether the last symbol of each says that the value is none of the others.

  Raises:
    ValueError: if these are no such frequencies.
  """

  def __init__(self, rows: Sequence[np.ndarray], escapes: bool = True):
    rows = [np.asarray(row) for row in rows]
    for row in rows:
      whole = row.ndim == 1 and np.issubdtype(row.dtype, np.integer) and len(row) > 1
      if not whole or row[0] != 0 or row[-1] != TOTAL or (np.diff(row) < 1).any():
        raise ValueError(f"a table must increase strictly from 0 to {TOTAL}. Received: {row}")
    self.escapes = escapes
    # Ordered in all, so that one binary search finds a context and a slot.
    self.keys = np.concatenate([c * TOTAL + row[:-1] for c, row in enumerate(rows)]).astype(
      np.int64
    )
    self.widths = np.concatenate([np.diff(row) for row in rows]).astype(np.int64)
    sizes = np.array([len(row) - 1 for row in rows])
    self.last = sizes - 1
    self.first = np.cumsum(sizes) - sizes

  def update(self, contexts: np.ndarray, symbols: np.ndarray) -> None:
    """Takes notice of symbols that were coded."""


class AdaptiveTables(Tables):
  """Tables that count what they code, and halve their counts when they reach a limit.

  Args:
    initial: integers [contexts, n], counts of at least 1 to start from.
    increment: what a symbol adds to its count.
    limit: the sum of a table's counts that is not exceeded.
    escapes: as in Tables.

  Raises:
    ValueError: if these are no counts, or n symbols cannot have frequencies.
  """

  def __init__(
    self,
    initial: np.ndarray,
    increment: int = 32,
    limit: int = 1 << 16,
    escapes: bool = True,
  ):
    initial = np.asarray(initial)
    if initial.ndim != 2 or not np.issubdtype(initial.dtype, np.integer) or (initial < 1).any():
      raise ValueError("counts must be integers [contexts, n] of at least 1")
    contexts, symbols = initial.shape
    if not 1 <= symbols <= TOTAL // 2 or limit < 2 * symbols:
      raise ValueError(f"{symbols} symbols and a limit of {limit} are no table")
    self.escapes = escapes
    self.first = np.arange(contexts) * symbols
    self.last = np.full(contexts, symbols - 1)
    self.keys = np.zeros(contexts * symbols, np.int64)
    self.widths = np.zeros(contexts * symbols, np.int64)
    self._counts = initial.astype(np.int64)
    self._increment, self._limit = increment, limit
    self._refresh(np.arange(contexts))

  def update(self, contexts: np.ndarray, symbols: np.ndarray) -> None:
    """Counts symbols that were coded."""
    size = self._counts.size
    found = np.bincount(self.first[contexts] + symbols, minlength=size)
    self._counts += self._increment * found.reshape(self._counts.shape)
    self._refresh(np.flatnonzero(np.bincount(contexts)))

  def _refresh(self, rows: np.ndarray) -> None:
    """Makes the frequencies of some contexts, each at least 1, out of their counts."""
    counts = self._counts[rows]
    sums = np.cumsum(counts, axis=1)
    while True:
      full = np.flatnonzero(sums[:, -1] > self._limit)
      if not len(full):
        break
      counts[full] = (counts[full] + 1) >> 1
      self._counts[rows[full]] = counts[full]
      sums[full] = np.cumsum(counts[full], axis=1)
    symbols = counts.shape[1]
    ends = sums * (TOTAL - symbols) // sums[:, -1:] + np.arange(1, symbols + 1)
    starts = np.zeros_like(ends)
    starts[:, 1:] = ends[:, :-1]
    self.keys.reshape(-1, symbols)[rows] = starts + rows[:, None] * TOTAL
    self.widths.reshape(-1, symbols)[rows] = ends - starts


def _lengths() -> AdaptiveTables:
  """For the numbers of bits of escaped values."""
  return AdaptiveTables(np.ones([1, MAX_EXTRA_BITS + 1], np.int64), escapes=False)


class Encoder:
  """Takes batches, and makes the stream in the end."""

  def __init__(self) -> None:
    self._lengths = _lengths()
    self._starts: list[np.ndarray] = []
    self._widths: list[np.ndarray] = []

  def encode(self, tables: Tables, contexts: np.ndarray, values: np.ndarray) -> None:
    """Adds a batch.

    Args:
      tables: as the decoder's; they are updated.
      contexts: integers [n], which table each value has.
      values: integers [n], from 0 up; see `fold` for others.

    Raises:
      ValueError: if a value is below 0, or too large.
    """
    last = tables.last[contexts]
    if len(values) and (values.min() < 0 or (not tables.escapes and (values > last).any())):
      raise ValueError(f"values must be those of their tables. Received: {values}")
    symbols = np.minimum(values, last)
    at = tables.first[contexts] + symbols
    self._add(tables.keys[at] & (TOTAL - 1), tables.widths[at])
    tables.update(contexts, symbols)
    if tables.escapes:
      escaped = symbols == last
      if escaped.any():
        self._add_escaped(values[escaped] - last[escaped])

  def bits(self, values: np.ndarray, counts: np.ndarray | int) -> None:
    """Adds integers [n] of `counts` bits each, 0..16, all values of which are as likely."""
    counts = np.broadcast_to(counts, values.shape).astype(np.int64)
    if len(values) and not (
      0 <= counts.min() and counts.max() <= PRECISION and (values >> counts == 0).all()
    ):
      raise ValueError(f"values must have 0..{PRECISION} bits. Received: {values}")
    widths = TOTAL >> counts
    self._add(values * widths, widths)

  def finish(self, last: bytes = b"") -> bytes:
    """The stream.

    Args:
      last: what the decoder gets only when all else is decoded.
    """
    size = sum(float(np.log2(TOTAL / widths).sum()) for widths in self._widths) / 8
    share = int(size + len(last)) // _LANES_SHARE
    lanes = min(share, max(len(last) // _LOW_BYTES, share // (1 + _LOW_BYTES)))
    lanes = min(max(lanes, 1), _MAX_LANES)
    states = _from_bytes(last[: _LOW_BYTES * lanes].ljust(_LOW_BYTES * lanes, b"\0"), _LOW_BYTES)
    states += _LOW
    words: list[np.ndarray] = []
    for starts, widths in zip(reversed(self._starts), reversed(self._widths)):
      for begin in reversed(range(0, len(starts), lanes)):
        width = widths[begin : begin + lanes]
        x = states[: len(width)]
        full = x >= width * _LOW
        words.append(x[full] & ((1 << _WORD_BITS) - 1))
        x = np.where(full, x >> _WORD_BITS, x)
        quotient = x // width
        states[: len(width)] = x + quotient * (TOTAL - width) + starts[begin : begin + lanes]
    written = np.concatenate([np.zeros(0, np.int64), *reversed(words)]).astype("<u2").tobytes()
    rest = last[_LOW_BYTES * lanes :]
    return lanes.to_bytes(_LANES_BYTES, "little") + _to_bytes(states, _STATE_BYTES) + written + rest

  def _add(self, starts: np.ndarray, widths: np.ndarray) -> None:
    self._starts.append(starts)
    self._widths.append(widths)

  def _add_escaped(self, values: np.ndarray) -> None:
    """Elias gamma of values from 0 up, but the number of bits with a table."""
    values = values.astype(np.int64) + 1
    lengths = np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1
    if (values >> MAX_EXTRA_BITS > 1).any():
      raise ValueError(f"a value is over {MAX_EXTRA_BITS} bits above its table")
    self.encode(self._lengths, np.zeros_like(lengths), lengths)
    rest = values - (1 << lengths)
    low = np.minimum(lengths, PRECISION)
    self.bits(rest >> low, lengths - low)
    self.bits(rest & ((1 << low) - 1), low)


class Decoder:
  """Gives back the batches of an `Encoder`, if they are asked for in the same order.

  Damaged bytes give some values, of bounded size, or FormatError: when the stream ends too early,
  or in `finish`.

  Args:
    data: what `Encoder.finish` made, no more and no less.

  Raises:
    FormatError: if it is too short.
  """

  def __init__(self, data: bytes):
    self._lanes = int.from_bytes(data[:_LANES_BYTES], "little")
    start = _LANES_BYTES + _STATE_BYTES * self._lanes
    if len(data) < start or not self._lanes:
      raise FormatError("the coded data are cut short")
    self._states = _from_bytes(data[_LANES_BYTES:start], _STATE_BYTES)
    self._data = data[start:]
    self._words = np.frombuffer(data, "<u2", (len(data) - start) // 2, start).astype(np.int64)
    self._taken = 0
    self._lengths = _lengths()

  def decode(self, tables: Tables, contexts: np.ndarray) -> np.ndarray:
    """The values, int64 [n], of the next batch, for its contexts; the tables are updated."""
    at = np.empty(len(contexts), np.int64)
    wanted = contexts.astype(np.int64) * TOTAL
    keys, widths, lanes = tables.keys, tables.widths, self._lanes
    for begin in range(0, len(at), lanes):
      key = wanted[begin : begin + lanes]
      x = self._states[: len(key)]
      key = key + (x & (TOTAL - 1))
      found = keys.searchsorted(key, "right") - 1
      at[begin : begin + lanes] = found
      self._set(widths[found] * (x >> PRECISION) + key - keys[found])
    symbols = at - tables.first[contexts]
    tables.update(contexts, symbols)
    if tables.escapes:
      escaped = np.flatnonzero(symbols == tables.last[contexts])
      if len(escaped):
        symbols[escaped] += self._escaped(len(escaped))
    return symbols

  def bits(self, counts: np.ndarray) -> np.ndarray:
    """Integers, int64 [n], of `counts` [n] bits each, 0..16."""
    values = np.empty(len(counts), np.int64)
    shifts = PRECISION - counts.astype(np.int64)
    for begin in range(0, len(values), self._lanes):
      shift = shifts[begin : begin + self._lanes]
      x = self._states[: len(shift)]
      slot = x & (TOTAL - 1)
      value = slot >> shift
      values[begin : begin + self._lanes] = value
      self._set((x >> PRECISION << shift) + slot - (value << shift))
    return values

  def finish(self, length: int = 0) -> bytes:
    """The caller's last bytes.

    Args:
      length: how many they are.

    Raises:
      FormatError: if the stream does not end here.
    """
    in_states = _LOW_BYTES * self._lanes
    rest = self._data[2 * self._taken :]
    if len(rest) != max(length - in_states, 0):
      raise FormatError("the coded data are damaged: too many or too few bytes")
    if (self._states >= 2 * _LOW).any():
      raise FormatError("the coded data are damaged: they do not end as they should")
    held = _to_bytes(self._states - _LOW, _LOW_BYTES)
    if any(held[length:]):
      raise FormatError("the coded data are damaged: they do not end as they should")
    return held[:length] + rest

  def _set(self, states: np.ndarray) -> None:
    """Makes these the states of the first lanes, with words where they are low."""
    low = np.flatnonzero(states < _LOW)
    end = self._taken + len(low)
    if end > len(self._words):
      raise FormatError("the coded data are cut short")
    states[low] = states[low] << _WORD_BITS | self._words[self._taken : end]
    self._taken = end
    self._states[: len(states)] = states

  def _escaped(self, count: int) -> np.ndarray:
    lengths = self.decode(self._lengths, np.zeros(count, np.int64))
    low = np.minimum(lengths, PRECISION)
    high = self.bits(lengths - low)
    return (1 << lengths) + (high << low) + self.bits(low) - 1


def fold(values: np.ndarray) -> np.ndarray:
  """0, -1, 1, -2, ... as 0, 1, 2, 3, ..."""
  return np.where(values < 0, -2 * values - 1, 2 * values)


def unfold(values: np.ndarray) -> np.ndarray:
  """What `fold` made of it."""
  return np.where(values & 1, -(values >> 1) - 1, values >> 1)


def _from_bytes(data: bytes, width: int) -> np.ndarray:
  """Little-endian numbers of `width` bytes as int64."""
  wide = np.zeros([len(data) // width, 8], np.uint8)
  wide[:, :width] = np.frombuffer(data, np.uint8).reshape(-1, width)
  return wide.view("<i8")[:, 0].astype(np.int64)


def _to_bytes(values: np.ndarray, width: int) -> bytes:
  """The reverse of `_from_bytes`."""
  return values.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
