"""Tables of a prior: integers that fit it, exact codes, and bytes that nobody made."""

from __future__ import annotations

import numpy as np
import pytest

from compression.common.errors import FormatError, ModelError
from compression.entropy.latents import tables
from compression.entropy.latents.tables import MAX_VALUE, NAMES, LatentTables
from compression.entropy.symbols import Decoder, Encoder
from tests.entropy.latents.examples import prior, refuses_damage, weights

_TOTAL = 1 << 16


def arrays(channels: int = 4, seed: int = 0) -> dict[str, np.ndarray]:
  return tables.export(weights(prior(channels, seed)))


def rows(of: dict[str, np.ndarray]) -> list[np.ndarray]:
  """The cumulative frequencies of each channel, with the last."""
  ends = np.cumsum(of["symbols"].astype(int))[:-1]
  return [np.append(row.astype(int), _TOTAL) for row in np.split(of["cumulative"], ends)]


def drawn(of: dict[str, np.ndarray], height: int, width: int, seed: int = 0) -> np.ndarray:
  """Latents that the tables expect."""
  rng = np.random.default_rng(seed)
  channels = []
  for row, least in zip(rows(of), of["minimum"]):
    slots = rng.integers(0, row[-2], (height, width))
    channels.append(np.searchsorted(row, slots, "right") - 1 + int(least))
  return np.stack(channels, -1).astype(np.int32)


def test_tables_increase_sum_up_and_are_near_the_distribution():
  layer = prior(seed=3)
  made = tables.export(weights(layer))
  for channel, row in enumerate(rows(made)):
    assert row[0] == 0 and row[-1] == _TOTAL and (np.diff(row) > 0).all()
    low = int(made["minimum"][channel])
    own = {name: values[channel : channel + 1] for name, values in weights(layer).items()}
    edges = np.arange(low, low + len(row) - 1) - 0.5 + float(made["offset"][channel])
    chances = np.diff(1 / (1 + np.exp(-tables.logits(own, edges[np.newaxis])[0])))
    assert np.abs(np.diff(row)[:-1] / _TOTAL - chances).max() < 1e-3 + len(row) / _TOTAL


def test_offsets_are_medians():
  layer = prior(seed=4)
  made = tables.export(weights(layer))
  found = tables.logits(weights(layer), made["offset"].astype(np.float64)[:, np.newaxis])
  assert np.abs(found).max() < 1e-4
  coder = LatentTables(made, "here")
  y = np.random.default_rng(0).normal(0, 9, (3, 5, 4)).astype(np.float32)
  assert np.abs(coder.dequantize(coder.quantize(y)) - y).max() <= 0.5 + 1e-5
  assert np.abs(coder.quantize(y * 1e9)).max() == MAX_VALUE


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (13, 9), (0, 3)])
def test_latents_come_back(shape):
  coder = LatentTables(arrays(), "here")
  q = drawn(arrays(), *shape)
  np.testing.assert_array_equal(coder.decode(coder.encode(q), *shape), q)


def test_values_of_any_size_come_back():
  coder = LatentTables(arrays(), "here")
  ends = np.array([-MAX_VALUE, MAX_VALUE, 0, 1, -1, 5000, -5000, 70000])
  around = np.concatenate([arrays()["minimum"][:, np.newaxis] + np.arange(-2, 3)], None).ravel()
  most = arrays()["minimum"].astype(int) + arrays()["symbols"] - 2
  values = np.concatenate([ends, around, (most[:, np.newaxis] + np.arange(-2, 3)).ravel()])
  q = np.repeat(values[:, np.newaxis, np.newaxis], 4, -1).astype(np.int32)
  np.testing.assert_array_equal(coder.decode(coder.encode(q), *q.shape[:2]), q)


def test_bytes_are_as_many_as_the_tables_say():
  made = arrays(channels=16)
  q = drawn(made, 60, 60)
  bits = 0.0
  for channel, row in enumerate(rows(made)):
    symbols = q[..., channel].ravel() - int(made["minimum"][channel])
    bits -= np.log2(np.diff(row)[symbols] / _TOTAL).sum()
  assert len(LatentTables(made, "here").encode(q)) * 8 == pytest.approx(bits, rel=0.01)


def decoded_one_by_one(made: dict[str, np.ndarray], data: bytes, height: int, width: int):
  """A decoder in plain integers, symbol by symbol: no lanes at once, no escapes."""
  lanes = int.from_bytes(data[:2], "little")
  states = [int.from_bytes(data[2 + 5 * k : 7 + 5 * k], "little") for k in range(lanes)]
  words = np.frombuffer(data[2 + 5 * lanes :], "<u2").tolist()
  all_rows = [row.tolist() for row in rows(made)]
  values = []
  for number in range(height * width * len(all_rows)):
    channel, lane = number % len(all_rows), number % lanes
    x, row = states[lane], all_rows[channel]
    slot = x % _TOTAL
    symbol = max(k for k in range(len(row) - 1) if row[k] <= slot)
    assert symbol < len(row) - 2, "an escape"
    x = (row[symbol + 1] - row[symbol]) * (x // _TOTAL) + slot - row[symbol]
    if x < 1 << 24:
      x = x << 16 | words.pop(0)
    states[lane] = x
    values.append(symbol + int(made["minimum"][channel]))
  assert not words
  return np.array(values).reshape(height, width, -1)


def test_a_second_implementation_decodes_the_same():
  made = arrays(channels=3, seed=7)
  q = drawn(made, 12, 11)
  data = LatentTables(made, "here").encode(q)
  np.testing.assert_array_equal(decoded_one_by_one(made, data, 12, 11), q)


def test_damaged_bytes_end_in_one_line_or_other_latents():
  assert refuses_damage(LatentTables(arrays(), "here"), drawn(arrays(), 9, 9), 100) > 50


def test_latents_out_of_range_are_refused():
  coder = LatentTables(arrays(), "here")
  for far in (2 * MAX_VALUE, -(2**31 - 200)):
    q = np.zeros([1, 1, 4], np.int64)
    q[0, 0, 2] = far
    with pytest.raises(FormatError, match="a latent is out of range"):
      coder.decode(coder.encode(q), 1, 1)


def test_arrays_that_are_no_tables_are_refused():
  good = arrays()
  wrong = [{name: good[name] for name in NAMES if name != missing} for missing in NAMES]
  wrong += [{**good, name: good[name][:-1]} for name in NAMES]
  wrong += [{**good, name: good[name].astype(np.float64)} for name in NAMES]
  wrong += [
    {**good, "cumulative": good["cumulative"][::-1]},
    {**good, "cumulative": np.zeros_like(good["cumulative"])},
    {**good, "minimum": np.ones_like(good["minimum"])},
    {**good, "offset": np.full_like(good["offset"], np.nan)},
    {**good, "symbols": np.full_like(good["symbols"], 1)},
  ]
  for each in wrong:
    with pytest.raises(ModelError, match="^here: [^\n]+$"):
      LatentTables(each, "here")


def test_latents_may_be_a_part_of_a_stream():
  coder, first, second = (
    LatentTables(arrays(), "here"),
    drawn(arrays(), 3, 5),
    drawn(arrays(), 2, 2, 1),
  )
  encoder = Encoder()
  for q in (first, second):
    coder.put(encoder, q)
  decoder = Decoder(encoder.finish())
  for q in (first, second):
    np.testing.assert_array_equal(coder.take(decoder, *q.shape[:2]), q)
  decoder.finish()


def test_archives_have_the_integers_beside_the_weights():
  archive = {f"training/prior/{n}": a for n, a in weights(prior()).items()}
  archive["synthesis/conv1/bias"] = np.zeros(3, np.float32)
  whole = {**archive, **tables.of_training(archive)}
  assert set(tables.without(whole)) == set(archive)
  for name, array in tables.in_archive(whole).items():
    np.testing.assert_array_equal(array, arrays()[name])
