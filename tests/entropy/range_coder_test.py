"""The range coder: sizes against entropy, pieces, extreme probabilities, bytes that are none."""

from __future__ import annotations

import numpy as np
import pytest

from compression.entropy import range_coder
from compression.entropy.range_coder import TOTAL
from tests.forks import Fork


def read_all(lookup, payload, indexes, pieces=1):
  handle = range_coder.start_decoding(lookup, payload)
  found = []
  for part in np.array_split(indexes, pieces):
    handle, bits = range_coder.decode(handle, part)
    found.append(bits.numpy())
  return np.concatenate(found)


def draw(zeros, count, seed=0):
  """Indexes, and bits with the probabilities that they say."""
  rng = np.random.default_rng(seed)
  indexes = rng.integers(0, len(zeros), count).astype(np.int32)
  bits = (rng.random(count) >= zeros[indexes] / TOTAL).astype(np.int32)
  return indexes, bits


@pytest.mark.parametrize("pieces", [1, 7, 1000])
@pytest.mark.parametrize("count", [1, 2, 1000, 50000])
def test_the_bits_come_back_in_any_pieces(count, pieces):
  zeros = np.arange(1, TOTAL, 257)
  lookup = range_coder.make_lookup(zeros)
  indexes, bits = draw(zeros, count)
  payload = range_coder.encode(lookup, indexes, bits)
  np.testing.assert_array_equal(read_all(lookup, payload, indexes, min(pieces, count)), bits)


def test_the_size_is_the_entropy():
  zeros = np.arange(1, TOTAL, 257)
  indexes, bits = draw(zeros, 100000)
  chance = np.where(bits, TOTAL - zeros[indexes], zeros[indexes]) / TOTAL
  payload = range_coder.encode(range_coder.make_lookup(zeros), indexes, bits)
  assert abs(len(payload) - -np.log2(chance).sum() / 8) < 16


def test_the_least_likely_bits_are_coded():
  zeros = np.array([1, TOTAL - 1])
  lookup = range_coder.make_lookup(zeros)
  indexes = np.array([0, 1] * 50, np.int32)
  for bits in (1 - indexes, indexes):
    payload = range_coder.encode(lookup, indexes, bits)
    np.testing.assert_array_equal(read_all(lookup, payload, indexes), bits)


def test_no_bits_take_no_bytes():
  lookup = range_coder.make_lookup(np.array([TOTAL // 2]))
  nothing = np.zeros(0, np.int32)
  assert range_coder.encode(lookup, nothing, nothing) == b""


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\xff" * 3, bytes(range(256)) * 40])
def test_any_bytes_give_bits(payload):
  zeros = np.arange(1, TOTAL, 257)
  lookup = range_coder.make_lookup(zeros)
  indexes, _ = draw(zeros, 5000)
  assert set(read_all(lookup, payload, indexes).tolist()) <= {0, 1}


def test_a_cut_payload_gives_the_bits_before_the_cut():
  zeros = np.full(1, TOTAL // 2)
  lookup = range_coder.make_lookup(zeros)
  indexes, bits = draw(zeros, 8000)
  payload = range_coder.encode(lookup, indexes, bits)
  found = read_all(lookup, payload[:500], indexes)
  np.testing.assert_array_equal(found[:3900], bits[:3900])


@pytest.mark.parametrize(
  "zeros", [[0], [TOTAL], [-1], [0.5], [[1, 2]]], ids=["0", "1", "negative", "float", "rank"]
)
def test_probabilities_that_cannot_be_coded_are_refused(zeros):
  with pytest.raises(ValueError, match="probabilities must be"):
    range_coder.make_lookup(np.array(zeros))


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_the_whole_package_can_be_imported_before_and_after_but_is_not_by_us(tmp_path, first):
  ours = "range_coder.encode(range_coder.make_lookup(np.array([9])), [0], [1])"
  only = "assert 'tensorflow_probability' not in sys.modules"
  theirs = "import tensorflow_compression as tfc; tfc.NoisyDeepFactorized"
  lines = [ours, only, theirs] if first == "ours" else [theirs, ours]
  head = "import sys; import numpy as np; from compression.entropy import range_coder"
  script = "\n".join([head, *lines, ours])
  process = Fork(script, output=tmp_path / "out")
  assert process.wait() == 0, process.errors
