"""Files for the tests of the container: a known one, random layers, headers of any values."""

from __future__ import annotations

import random
import struct
import zlib

from compression.common.errors import FormatError
from compression.formats import rnic
from compression.formats.rnic import Contents, Header

MODEL_ID = bytes.fromhex("0123456789abcdef")

# 17 x 40 pixels are 2 x 3 blocks; the layers have 2 and 3 bytes.
GOLDEN_HEADER = Header(
  height=17, width=40, layers=2, model_id=MODEL_ID, entropy_coder=1, tile=4, halo=1, tables_id=259
)
GOLDEN_PAYLOADS = (b"\xca\xfe", b"\x00\x01\x02")
GOLDEN = bytes.fromhex(
  "524e4943"  # RNIC
  "01"
  "01"
  "02"
  "01"  # version, entropy coder, layers, halo
  "0123456789abcdef"  # model id
  "11000000"
  "28000000"  # height, width
  "0400"
  "0301"  # tile, entropy tables id
  "da2b8b9c"  # CRC-32 of the above
  "020000"
  "2e9792"
  "cafe"  # length, check, payload of layer 1
  "030000"
  "6a1c21"
  "000102"  # of layer 2
)


def sample(
  lengths: tuple[int, ...] = (3, 9, 1, 14, 0, 7), seed: int = 1
) -> tuple[bytes, tuple[bytes, ...]]:
  """A file of layers of random bytes, and these layers."""
  rng = random.Random(seed)
  payloads = tuple(bytes(rng.randrange(256) for _ in range(n)) for n in lengths)
  header = Header(100, 200, len(payloads), MODEL_ID, entropy_coder=1)
  return rnic.write(header, payloads), payloads


def frames(data: bytes) -> list[bytes]:
  """The header, and each layer with its length and check."""
  ends = (0, rnic.HEADER_BYTES) + rnic.layer_ends(data)
  return [data[ends[i] : ends[i + 1]] for i in range(len(ends) - 1)]


def read_or_none(data: bytes) -> Contents | None:
  """None for a FormatError with a message of one line; any other exception fails the test."""
  try:
    return rnic.read(data)
  except FormatError as error:
    assert str(error) and "\n" not in str(error)
    return None


def raw_header(**changes: int | bytes) -> bytes:
  """A header with any values and the right CRC, without the writer."""
  fields = {
    "magic": b"RNIC",
    "version": 1,
    "coder": 1,
    "layers": 8,
    "halo": 0,
    "model_id": MODEL_ID,
    "height": 32,
    "width": 48,
    "tile": 0,
    "tables_id": 0,
  }
  assert set(changes) <= set(fields)
  fields.update(changes)
  data = struct.pack("<4sBBBB8sIIHH", *fields.values())
  return data + struct.pack("<I", zlib.crc32(data))


def crc16_by_bits(data: bytes, crc: int) -> int:
  for byte in data:
    crc ^= byte << 8
    for _ in range(8):
      crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
  return crc
