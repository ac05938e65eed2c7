"""The coder of symbols: what comes back, how many bytes it takes, and what damaged bytes do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compression.common.errors import FormatError
from compression.entropy.symbols import (
  MAX_EXTRA_BITS,
  TOTAL,
  AdaptiveTables,
  Decoder,
  Encoder,
  Tables,
  fold,
  unfold,
)

seeds = st.integers(0, 2**32 - 1)
sizes = st.lists(st.integers(0, 300), max_size=8)


def geometric(contexts, count, size, seed):
  """Batches of contexts and values that grow with the context; some are far beyond all tables."""
  rng = np.random.default_rng(seed)
  batches = []
  for _ in range(count):
    which = rng.integers(0, contexts, size)
    values = np.floor(rng.exponential(0.1 + which)).astype(np.int64)
    far = rng.random(size) < 0.01
    values[far] = 2 ** rng.integers(0, MAX_EXTRA_BITS, far.sum())
    batches.append((which, values))
  return batches


def ones(contexts, symbols):
  return AdaptiveTables(np.ones([contexts, symbols], np.int64))


def encode(tables, batches, last=b""):
  encoder = Encoder()
  for contexts, values in batches:
    encoder.encode(tables, contexts, values)
  return encoder.finish(last)


def decode(tables, batches, data, length=0):
  """The values, and the last bytes; of `batches` only the contexts are looked at."""
  decoder = Decoder(data)
  values = [decoder.decode(tables, contexts) for contexts, _ in batches]
  return values, decoder.finish(length)


class SlowTable:
  """Counts and frequencies as the documentation has them, one number at a time."""

  def __init__(self, symbols, increment=32, limit=1 << 16):
    self.counts, self.increment, self.limit = [1] * symbols, increment, limit

  def cumulative(self):
    symbols, total = len(self.counts), sum(self.counts)
    sums = [sum(self.counts[:i]) for i in range(symbols + 1)]
    return [part * (TOTAL - symbols) // total + i for i, part in enumerate(sums)]

  def update(self, found):
    for symbol in found:
      self.counts[symbol] += self.increment
    while sum(self.counts) > self.limit:
      self.counts = [(count + 1) // 2 for count in self.counts]


class SlowDecoder:
  """The format as the module describes it, a symbol at a time and in Python's integers."""

  def __init__(self, data):
    lanes = int.from_bytes(data[:2], "little")
    self.states = [int.from_bytes(data[2 + 5 * i : 7 + 5 * i], "little") for i in range(lanes)]
    self.rest = data[2 + 5 * lanes :]
    self.lengths = SlowTable(MAX_EXTRA_BITS + 1)

  def symbol(self, i, cumulative):
    lane = i % len(self.states)
    x = self.states[lane]
    slot = x % TOTAL
    symbol = max(s for s in range(len(cumulative) - 1) if cumulative[s] <= slot)
    x = (cumulative[symbol + 1] - cumulative[symbol]) * (x // TOTAL) + slot - cumulative[symbol]
    if x < 2**24:
      x = x * 2**16 + int.from_bytes(self.rest[:2], "little")
      self.rest = self.rest[2:]
    self.states[lane] = x
    return symbol

  def bits(self, counts):
    return [self.symbol(i, range(0, TOTAL + 1, TOTAL >> n)) for i, n in enumerate(counts)]

  def decode(self, tables, contexts):
    cumulative = [table.cumulative() for table in tables]
    found = [self.symbol(i, cumulative[context]) for i, context in enumerate(contexts)]
    for context, table in enumerate(tables):
      table.update(symbol for at, symbol in zip(contexts, found) if at == context)
    return found

  def values(self, tables, contexts):
    found = self.decode(tables, contexts)
    escaped = [i for i, c in enumerate(contexts) if found[i] == len(tables[c].counts) - 1]
    if escaped:
      lengths = self.decode([self.lengths], [0] * len(escaped))
      high = self.bits([max(n - 16, 0) for n in lengths])
      low = self.bits([min(n, 16) for n in lengths])
      for i, n, a, b in zip(escaped, lengths, high, low):
        found[i] += 2**n + a * 2 ** min(n, 16) + b - 1
    return found

  def last(self):
    return b"".join((x - 2**24).to_bytes(3, "little") for x in self.states) + self.rest


@given(sizes, st.integers(1, 9), st.integers(1, 20), st.binary(max_size=400), seeds)
def test_batches_come_back(sizes, contexts, symbols, last, seed):
  batches = [batch for size in sizes for batch in geometric(contexts, 1, size, seed + size)]
  data = encode(ones(contexts, symbols), batches, last)
  values, rest = decode(ones(contexts, symbols), batches, data, len(last))
  for found, (_, expected) in zip(values, batches):
    np.testing.assert_array_equal(found, expected)
  assert rest == last


@given(st.lists(st.integers(-(2**30), 2**30) | st.integers(-20, 20), min_size=1))
def test_integers_of_any_size_and_sign_come_back(values):
  values = np.array(values)
  batches = [(np.zeros(len(values), np.int64), fold(values))]
  (found,), _ = decode(ones(1, 5), batches, encode(ones(1, 5), batches))
  np.testing.assert_array_equal(unfold(found), values)


def test_folded_integers_alternate():
  assert fold(np.array([0, -1, 1, -2, 2])).tolist() == [0, 1, 2, 3, 4]
  assert unfold(np.arange(5)).tolist() == [0, -1, 1, -2, 2]


@pytest.mark.parametrize("last", [b"", bytes(range(1, 200))])
def test_a_slow_decoder_that_only_knows_the_description_agrees(last):
  batches = geometric(3, 80, 200, 0)
  data = encode(ones(3, 6), batches, last)
  assert int.from_bytes(data[:2], "little") > 1
  decoder, tables = SlowDecoder(data), [SlowTable(6) for _ in range(3)]
  for contexts, values in batches:
    assert decoder.values(tables, contexts.tolist()) == values.tolist()
  assert decoder.last()[: len(last)] == last and not any(decoder.last()[len(last) :])
  assert max(sum(table.counts) for table in tables) * 2 > 1 << 16  # so that they were halved


def test_static_tables_of_different_lengths():
  rows = [np.array([0, 1, TOTAL]), np.array([0, 30000, 50000, 65000, TOTAL]), np.array([0, TOTAL])]
  rng = np.random.default_rng(1)
  contexts = rng.integers(0, 3, 5000)
  values = np.minimum(rng.integers(0, 4, 5000), np.array([1, 3, 0])[contexts])
  batches = [(contexts, values)]
  data = encode(Tables(rows, escapes=False), batches)
  (found,), _ = decode(Tables(rows, escapes=False), batches, data)
  np.testing.assert_array_equal(found, values)
  batches = [(contexts, 3 * values)]
  (found,), _ = decode(Tables(rows), batches, encode(Tables(rows), batches))
  np.testing.assert_array_equal(found, 3 * values)


@pytest.mark.parametrize("last", [b"", bytes(12000)])
def test_the_length_is_that_of_the_counts(last):
  """Within 1 %, and some bytes for the lanes: these need not be whole tables, nor 2^16."""
  batches = geometric(4, 100, 1000, 2)
  batches = [(contexts, np.minimum(values, 14)) for contexts, values in batches]
  tables = [SlowTable(16) for _ in range(4)]
  ideal = 0.0
  for contexts, values in batches:
    costs = np.array([[math.log2(sum(t.counts) / count) for count in t.counts] for t in tables])
    ideal += costs[contexts, values].sum()
    for context, table in enumerate(tables):
      table.update(values[contexts == context])
  size = len(encode(ones(4, 16), batches, last))
  ideal = ideal / 8 + len(last)
  assert ideal > 10000
  assert ideal - 1 < size < 1.01 * ideal + 8


def test_few_symbols_take_few_bytes():
  batches = [(np.zeros(5, np.int64), np.arange(5))]
  assert len(encode(ones(1, 16), batches)) <= 12
  assert len(encode(ones(1, 16), [], b"")) == 7


def test_what_always_is_the_same_costs_next_to_nothing():
  batches = [(np.zeros(size, np.int64), np.zeros(size, np.int64)) for size in (1, 9, 90, 9000)]
  assert len(encode(ones(1, 16), 5 * batches)) < 40


def test_every_cut_and_every_byte_too_much_is_noticed():
  batches = geometric(5, 5, 40, 3)
  last = bytes(range(100))
  data = encode(ones(5, 8), batches, last)
  for end in range(len(data)):
    with pytest.raises(FormatError, match="^[^\n]+$"):
      decode(ones(5, 8), batches, data[:end], len(last))
  for more in (b"\0", b"\xff\xff", bytes(9)):
    with pytest.raises(FormatError, match="too many or too few"):
      decode(ones(5, 8), batches, data + more, len(last))


def test_too_many_or_too_few_symbols_are_noticed():
  batches = geometric(5, 10, 60, 4)
  data = encode(ones(5, 8), batches)
  for wrong in (batches[:-1], [*batches, batches[0]]):
    with pytest.raises(FormatError):
      decode(ones(5, 8), wrong, data)


@given(st.binary(max_size=300), sizes)
def test_any_bytes_give_bounded_values_or_an_error(data, sizes):
  batches = [batch for size in sizes for batch in geometric(3, 1, size, 5)]
  try:
    decoder = Decoder(data)
    for contexts, _ in batches:
      values = decoder.decode(ones(3, 4), contexts)
      assert (values >= 0).all() and (values <= 2 ** (MAX_EXTRA_BITS + 1) + 2).all()
    decoder.finish()
  except FormatError as error:
    assert "\n" not in str(error)


def test_states_below_all_that_an_encoder_writes_are_no_trouble():
  data = (1).to_bytes(2, "little") + bytes(5)
  with pytest.raises(FormatError, match="cut short"):
    decode(ones(1, 4), [(np.zeros(9, np.int64), None)], data)


def test_no_lanes_are_no_stream():
  for data in (b"", b"\1", bytes(100)):
    with pytest.raises(FormatError, match="cut short"):
      Decoder(data)


def test_values_that_cannot_be_coded_are_refused():
  zero = np.zeros(1, np.int64)
  for tables, value in (
    (ones(1, 4), -1),
    (ones(1, 4), 2 ** (MAX_EXTRA_BITS + 2)),
    (AdaptiveTables(np.ones([1, 4], np.int64), escapes=False), 4),
  ):
    with pytest.raises(ValueError):
      Encoder().encode(tables, zero, zero + value)
  for value, count in ((4, 2), (-1, 2), (0, 17)):
    with pytest.raises(ValueError):
      Encoder().bits(zero + value, count)


@pytest.mark.parametrize(
  "row", [[0, TOTAL - 1], [1, TOTAL], [0, 5, 5, TOTAL], [0.0, float(TOTAL)], [0], [[0, TOTAL]]]
)
def test_what_is_no_table_is_refused(row):
  with pytest.raises(ValueError, match="a table must increase strictly"):
    Tables([np.array(row)])


@pytest.mark.parametrize("counts", [[[0, 1]], [[1.0, 1.0]], [1, 1], np.ones([1, 0], np.int64)])
def test_what_are_no_counts_is_refused(counts):
  with pytest.raises(ValueError):
    AdaptiveTables(np.array(counts))


def test_bits_come_back():
  rng = np.random.default_rng(6)
  counts = rng.integers(0, 17, 3000)
  values = rng.integers(0, 1 << counts)
  encoder = Encoder()
  encoder.bits(values, counts)
  data = encoder.finish()
  assert counts.sum() / 8 <= len(data) < 1.01 * counts.sum() / 8
  np.testing.assert_array_equal(Decoder(data).bits(counts), values)
