"""The range decoder in plain Python: the same bits as the ops, whatever the bytes are."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compression.entropy import range_coder, range_decoder
from compression.entropy.range_decoder import TOTAL

EXTREME = np.array([1, TOTAL - 1, TOTAL // 2, 2, TOTAL - 2, 255, 256, 257])

tables = st.lists(st.integers(1, TOTAL - 1) | st.sampled_from(EXTREME.tolist()), min_size=1)
seeds = st.integers(0, 2**32 - 1)


def read_all(coder, zeros, payload, indexes, cuts=()):
  """The bits by a coder; `cuts` are where one read ends and the next begins."""
  handle = coder.start_decoding(coder.make_lookup(zeros), payload)
  found = []
  for part in np.split(indexes, sorted(cuts)):
    handle, bits = coder.decode(handle, part)
    found.append(np.asarray(bits))
  return np.concatenate(found)


def encode(zeros, indexes, bits):
  return range_coder.encode(range_coder.make_lookup(zeros), indexes, bits)


def draw(zeros, count, seed, unlikely=False):
  """Indexes, and bits with the probabilities that they say, or with those of the other bit."""
  rng = np.random.default_rng(seed)
  indexes = rng.integers(0, len(zeros), count).astype(np.int32)
  bits = rng.random(count) >= zeros[indexes] / TOTAL
  return indexes, (bits ^ unlikely).astype(np.int32)


@given(tables, st.integers(0, 200), seeds, st.booleans(), st.lists(st.integers(0, 200), max_size=9))
def test_the_bits_come_back_in_any_pieces(zeros, count, seed, unlikely, cuts):
  zeros = np.array(zeros)
  indexes, bits = draw(zeros, count, seed, unlikely)
  payload = encode(zeros, indexes, bits)
  found = read_all(range_decoder, zeros, payload, indexes, cuts)
  np.testing.assert_array_equal(found, bits)
  assert found.dtype == np.int32


@pytest.mark.parametrize("unlikely", [False, True])
def test_every_length_comes_back(unlikely):
  for zeros, count in itertools.product((EXTREME, EXTREME[:2], EXTREME[2:3]), range(201)):
    indexes, bits = draw(zeros, count, count, unlikely)
    payload = encode(zeros, indexes, bits)
    found = read_all(range_decoder, zeros, payload, indexes)
    np.testing.assert_array_equal(found, bits, err_msg=str(count))


def test_all_short_sequences_come_back():
  # Among them are those whose payload ends in zeros that are not written, or in a carry.
  zeros = EXTREME[:3]
  for count in range(1, 5):
    for indexes in itertools.product(range(3), repeat=count):
      for bits in itertools.product((0, 1), repeat=count):
        payload = encode(zeros, indexes, bits)
        found = read_all(range_decoder, zeros, payload, np.array(indexes))
        assert tuple(found) == bits, (indexes, payload)


@pytest.mark.parametrize("seed", range(3))
def test_a_long_layer_comes_back(seed):
  zeros = np.arange(1, TOTAL, 257)
  indexes, bits = draw(zeros, 50000, seed)
  payload = encode(zeros, indexes, bits)
  np.testing.assert_array_equal(read_all(range_decoder, zeros, payload, indexes), bits)


@given(tables, st.binary(max_size=40), st.integers(0, 400), seeds)
@example([1, TOTAL - 1], b"", 400, 0)
@example([TOTAL - 1], b"\xff" * 40, 400, 0)
@example([1], b"\x00\x00\x00\x01", 400, 0)
def test_bytes_that_were_never_encoded_give_the_same_bits_as_the_ops(zeros, payload, count, seed):
  zeros = np.array(zeros)
  indexes, _ = draw(zeros, count, seed)
  found, expected = (
    read_all(coder, zeros, payload, indexes) for coder in (range_decoder, range_coder)
  )
  np.testing.assert_array_equal(found, expected)


@given(tables, seeds, st.data())
def test_cut_and_damaged_payloads_give_the_same_bits_as_the_ops(zeros, seed, data):
  zeros = np.array(zeros)
  indexes, bits = draw(zeros, 400, seed)
  payload = bytearray(encode(zeros, indexes, bits))
  del payload[data.draw(st.integers(0, len(payload))) :]
  if payload:
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(0, 255))
  found, expected = (
    read_all(coder, zeros, bytes(payload), indexes) for coder in (range_decoder, range_coder)
  )
  np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
  "zeros", [[0], [TOTAL], [-1], [0.5], [[1, 2]]], ids=["0", "1", "negative", "float", "rank"]
)
def test_probabilities_that_cannot_be_coded_are_refused(zeros):
  with pytest.raises(ValueError, match="probabilities must be"):
    range_decoder.make_lookup(np.array(zeros))


def test_it_imports_no_tensorflow():
  script = "import sys, compression.entropy.range_decoder; sys.exit('tensorflow' in sys.modules)"
  assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
