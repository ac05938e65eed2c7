"""The container: exact bytes, exact round trips, and what the writer refuses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compression.common.errors import FormatError
from compression.formats import rnic
from compression.formats.rnic import Contents, Header
from tests.formats.containers import (
  GOLDEN,
  GOLDEN_HEADER,
  GOLDEN_PAYLOADS,
  MODEL_ID,
  crc16_by_bits,
  sample,
)

# The format.


def test_bytes_are_golden():
  assert rnic.write(GOLDEN_HEADER, GOLDEN_PAYLOADS) == GOLDEN
  assert rnic.read(GOLDEN) == Contents(GOLDEN_HEADER, GOLDEN_PAYLOADS, None)


def crc32_by_bits(data: bytes) -> int:
  crc = 0xFFFFFFFF
  for byte in data:
    crc ^= byte
    for _ in range(8):
      crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
  return crc ^ 0xFFFFFFFF


def test_another_decoder_can_be_written_from_the_docstring():
  data, payloads = sample()
  assert crc32_by_bits(data[:28]) == int.from_bytes(data[28:32], "little")
  chain16 = crc32_by_bits(data[:28]) & 0xFFFF
  covered = data[:28]
  at = 32
  for payload in payloads:
    length_bytes = data[at : at + 3]
    check = int.from_bytes(data[at + 3 : at + 6], "little")
    length = int.from_bytes(length_bytes, "little")
    assert data[at + 6 : at + 6 + length] == payload
    chain16 = crc16_by_bits(length_bytes + payload, chain16)
    covered += length_bytes + payload
    assert check & 0xFFFF == chain16
    assert check >> 16 & 0x7F == crc32_by_bits(covered) & 0x7F
    assert check >> 23 == f"{length:b}".count("1") % 2
    at += 6 + length
  assert at == len(data)


@pytest.mark.parametrize("lengths", [(0,), (5,), (0, 0, 0), (1,) * 16, (70000, 3)])
def test_overhead_is_32_bytes_and_6_per_layer(lengths):
  data, _ = sample(lengths)
  assert len(data) == 32 + 6 * len(lengths) + sum(lengths)
  assert (rnic.HEADER_BYTES, rnic.LAYER_OVERHEAD_BYTES) == (32, 6)


@st.composite
def files(draw):
  height = draw(st.integers(1, rnic.MAX_SIDE))
  width = draw(st.integers(1, min(rnic.MAX_SIDE, rnic.MAX_PIXELS // height)))
  tile = draw(st.integers(0, rnic.MAX_TILE))
  coder = draw(st.sampled_from(sorted(rnic.ENTROPY_CODERS)))
  payloads = tuple(draw(st.lists(st.binary(max_size=300), min_size=1, max_size=16)))
  header = Header(
    height,
    width,
    len(payloads),
    draw(st.binary(min_size=8, max_size=8)),
    coder,
    tile,
    draw(st.integers(0, max(0, min(255, tile - 1)))),
    draw(st.integers(0, 65535)) if coder else 0,
  )
  return header, payloads


@settings(deadline=None)
@given(files())
def test_round_trip_is_exact(file):
  header, payloads = file
  data = rnic.write(header, payloads)
  assert rnic.read(data) == Contents(header, payloads, None)
  assert rnic.read_header(data[:32]) == header
  assert rnic.layer_ends(data)[-1] == len(data)
  for layers in range(1, header.layers + 1):
    shorter = rnic.write(header._replace(layers=layers), payloads[:layers])
    assert rnic.prefix(data, layers) == shorter


def test_bytearray_and_memoryview_are_read_and_written_as_bytes():
  data, payloads = sample()
  for kind in (bytearray, memoryview):
    assert rnic.read(kind(data)) == rnic.read(data)
    header = rnic.read_header(kind(data))
    assert rnic.write(header, [kind(payload) for payload in payloads]) == data
    assert rnic.prefix(kind(data), 2) == rnic.prefix(data, 2)


def test_longest_payload_round_trips_and_one_byte_more_is_refused():
  header = Header(16, 16, 1, MODEL_ID, entropy_coder=1)
  longest = bytes(2**24 - 1)
  assert rnic.read(rnic.write(header, [longest])).payloads == (longest,)
  with pytest.raises(FormatError, match="layer 1 has 16777216 bytes"):
    rnic.write(header, [bytes(2**24)])


@pytest.mark.parametrize(
  "height, width, blocks", [(1, 1, (1, 1)), (16, 17, (1, 2)), (768, 512, (48, 32))]
)
def test_blocks_cover_the_image(height, width, blocks):
  header = Header(height, width, 1, MODEL_ID)
  assert (header.blocks_high, header.blocks_wide) == blocks
  assert rnic.packed_length(header, 32) == blocks[0] * blocks[1] * 4
  assert rnic.packed_length(header, 1) == -(-blocks[0] * blocks[1] // 8)


# What the writer refuses, it being the same as what the reader refuses.


@pytest.mark.parametrize(
  "changes, message",
  [
    ({"height": 0}, "height must be"),
    ({"width": 65536}, "width must be"),
    ({"height": 40000, "width": 40000}, "exceeds 1073741824 pixels"),
    ({"height": 3.0}, r"height must be an integer, received 3\.0"),
    ({"width": "7"}, "width must be an integer"),
    ({"layers": 17}, "layers must be"),
    ({"layers": 3}, "payloads: 2 received for 3 layers"),
    ({"model_id": b"short"}, "model id must be 8 bytes, received b'short'"),
    ({"model_id": "12345678"}, "model id must be 8 bytes"),
    ({"entropy_coder": 9}, "entropy coder 9 is unknown"),
    ({"tile": -1}, "tile must be"),
    ({"tile": 0}, "halo of 1 blocks needs a larger tile"),
    ({"halo": 4}, "halo of 4 blocks needs a larger tile"),
    ({"tables_id": 65536}, "entropy tables id must be"),
    ({"entropy_coder": 0}, "entropy tables id must be 0"),
  ],
)
def test_writer_refuses_wrong_values(changes, message):
  with pytest.raises(FormatError, match=message):
    rnic.write(GOLDEN_HEADER._replace(**changes), GOLDEN_PAYLOADS)


def test_writer_refuses_payloads_that_are_not_bytes():
  for wrong in (5, "text", None, [1, 2]):
    with pytest.raises(FormatError, match="payload of layer 2 must be bytes"):
      rnic.write(GOLDEN_HEADER, [b"", wrong])


def test_numpy_integers_are_written_like_others():
  numpy = pytest.importorskip("numpy")
  header = Header(numpy.uint16(40000), numpy.int32(20000), numpy.int64(1), MODEL_ID)
  assert (header.blocks_high, header.blocks_wide) == (2500, 1250)
  data = rnic.write(header, [b""])
  assert rnic.read_header(data) == (40000, 20000, 1, MODEL_ID, 0, 0, 0, 0)


# The length of packed bits is fixed by the model.


def test_without_entropy_coder_every_layer_has_the_expected_length():
  header = Header(17, 40, 3, MODEL_ID)
  length = rnic.packed_length(header, 32)
  assert length == 2 * 3 * 32 // 8
  payloads = (bytes(length),) * 3
  data = rnic.write(header, payloads, expected_length=length)
  assert rnic.read(data, expected_length=length) == Contents(header, payloads, None)
  with pytest.raises(FormatError, match="layer 1 has 24 bytes, expected 12"):
    rnic.write(header, payloads, expected_length=12)
  with pytest.raises(FormatError, match="layer 1 of 3 is damaged"):
    rnic.read(data, expected_length=12)
  wrong_second = rnic.write(header, [bytes(24), bytes(23), bytes(24)])
  assert rnic.read(wrong_second, expected_length=24)[1:] == (
    payloads[:1],
    "layer 2 of 3 is damaged: the layer before it is used",
    True,
  )


def test_with_an_entropy_coder_lengths_vary():
  assert rnic.read(GOLDEN, expected_length=24).damage is None
  assert rnic.write(GOLDEN_HEADER, GOLDEN_PAYLOADS, expected_length=24) == GOLDEN
