"""Headers of one step: what they hold, and what they refuse."""

from __future__ import annotations

import pytest

from compression.common.errors import FormatError, ImageError, RangeError
from compression.formats.stepped import HEADER_BYTES, SteppedFormat

FORMAT = SteppedFormat("name", b"MAGI", 3, 16, 100, granularity=8)
WHOLE = SteppedFormat("whole", b"WHOL", 1, 1, 100)


@pytest.mark.parametrize("step", [1 / 16, 1, 24, 4095.9375])
def test_what_is_written_is_read(step):
  data = FORMAT.write(7, 65535, step, b"payload")
  header, payload = FORMAT.read(data)
  assert header == (7, 65535, step) == FORMAT.read_header(data)
  assert payload == b"payload" and len(data) == HEADER_BYTES + len(payload)
  assert FORMAT.recognises(data) and not WHOLE.recognises(data)


def test_steps_that_the_header_cannot_hold_are_refused():
  for step in (0, -1, 1 / 32, 4096, 1.03, float("nan"), float("inf"), True):
    with pytest.raises(RangeError, match="^name has no step .*multiples of 1/16 below 4096$"):
      FORMAT.write(1, 1, step, b"")
  with pytest.raises(RangeError, match="^whole has no step 1.5; .*multiples of 1 below 65536$"):
    WHOLE.check_step(1.5)


def test_sizes_that_a_decoder_would_refuse_are_not_written():
  with pytest.raises(ImageError, match="sides up to 65535. Received: 1x65536"):
    FORMAT.check_size(65536, 1)
  with pytest.raises(ImageError, match="no memory for 65535x65535"):
    FORMAT.check_size(65535, 65535)
  FORMAT.check_size(8192, 8192)


def test_every_bit_counts():
  data = FORMAT.write(3, 4, 2, b"pay")
  for end in range(len(data)):
    with pytest.raises(FormatError, match="^[^\n]+$"):
      FORMAT.read(data[:end])
  for bit in range(8 * len(data)):
    wrong = bytearray(data)
    wrong[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FormatError, match="^[^\n]+$"):
      FORMAT.read(bytes(wrong))
  with pytest.raises(FormatError, match="checksum"):
    FORMAT.read(data + b"\0")


def test_memory_is_of_whole_blocks():
  narrow = SteppedFormat("narrow", b"NARR", 1, 1, 2**20, granularity=8)
  narrow.check_size(8 * 256, 1)  # 8 columns of them: 16 GiB
  with pytest.raises(ImageError, match="no memory"):
    narrow.check_size(8 * 256 + 1, 1)
