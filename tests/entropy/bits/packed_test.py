"""Packed bits: byte for byte what the release's npz files hold."""

from __future__ import annotations

import numpy as np
import pytest

from compression.common.errors import FormatError
from compression.entropy.bits import PackedBits


@pytest.mark.parametrize("shape", [(1, 1, 1, 32), (16, 3, 5, 32), (2, 1, 3, 8)])
def test_round_trip(shape: tuple[int, ...]) -> None:
  bits = np.random.default_rng(1).random(shape) < 0.5
  coder = PackedBits()
  payloads = coder.encode(bits)
  assert len(payloads) == shape[0]
  assert {len(payload) for payload in payloads} == {int(np.prod(shape[1:])) // 8}
  decoded = coder.decode(payloads, shape[1:])  # type: ignore[arg-type]
  assert decoded.dtype == bool
  np.testing.assert_array_equal(decoded, bits)
  assert b"".join(payloads) == np.packbits(bits).tobytes()


def test_the_first_bit_is_the_highest() -> None:
  bits = np.zeros([1, 1, 1, 8], bool)
  bits[0, 0, 0, 0] = True
  assert PackedBits().encode(bits) == [b"\x80"]


def test_a_wrong_length_is_refused() -> None:
  with pytest.raises(FormatError, match="layer 2 has 3 bytes, not 4"):
    PackedBits().decode([b"1234", b"123"], (1, 1, 32))
