"""Files that are cut, damaged or forged: no damage goes unnoticed, and whole layers are read."""

from __future__ import annotations

import binascii
import random
import struct
import time
import tracemalloc
import zlib

import pytest

from compression.common.errors import FormatError
from compression.formats import rnic
from compression.formats.rnic import Contents, Header
from tests.formats.containers import (
  MODEL_ID,
  crc16_by_bits,
  frames,
  raw_header,
  read_or_none,
  sample,
)

# Cuts.


def test_cut_at_every_offset_gives_exactly_the_whole_layers():
  data, payloads = sample()
  ends = rnic.layer_ends(data)
  assert len(ends) == len(payloads)
  for size in range(len(data)):
    whole = sum(end <= size for end in ends)
    if not whole:
      with pytest.raises(FormatError, match="cut short|not an .rnic file"):
        rnic.read(data[:size])
    else:
      _, found, damage, corrupt = rnic.read(data[:size])
      assert not corrupt
      assert found == payloads[:whole]
      assert damage == f"cut short: {whole} of 6 layers {'is' if whole == 1 else 'are'} whole"
    if size >= rnic.HEADER_BYTES:
      assert rnic.layer_ends(data[:size]) == ends[:whole]


def test_max_layers_reads_so_many_and_does_not_look_further():
  data, payloads = sample()
  ends = rnic.layer_ends(data)
  for layers in range(1, 7):
    for after in (b"", b"\xff", bytes(40), data[ends[layers - 1] :]):
      contents = rnic.read(data[: ends[layers - 1]] + after, max_layers=layers)
      assert contents == Contents(rnic.read_header(data), payloads[:layers], None)
  assert rnic.read(data, max_layers=100).payloads == payloads
  assert rnic.read(data[: ends[2]], max_layers=5).damage == ("cut short: 3 of 6 layers are whole")
  with pytest.raises(FormatError, match="max_layers must be at least 1, received 0"):
    rnic.read(data, max_layers=0)


def test_prefix_of_too_few_layers_is_refused():
  data, payloads = sample()
  with pytest.raises(FormatError, match="7 layers are asked for, but the file has 6"):
    rnic.prefix(data, 7)
  cut = data[:-1]
  with pytest.raises(FormatError, match="6 layers .* cut short: 5 of 6 layers are whole"):
    rnic.prefix(cut, 6)
  repaired = rnic.read(rnic.prefix(cut, 5))
  assert (repaired.header.layers, repaired.payloads, repaired.damage) == (5, payloads[:5], None)
  with pytest.raises(FormatError):
    rnic.prefix(data, 0)


# Damage.


def test_every_flipped_bit_is_detected():
  data, payloads = sample()
  starts = (rnic.HEADER_BYTES,) + rnic.layer_ends(data)
  for bit in range(8 * len(data)):
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    contents = read_or_none(flipped)
    before = sum(start <= bit // 8 for start in starts) - 1  # Whole layers before the bit.
    if before < 1:
      assert contents is None
    else:
      assert contents.payloads == payloads[:before] and contents.damage


def test_every_flipped_bit_of_a_length_is_detected_even_where_both_crcs_agree():
  # Another length puts other bytes under the CRCs. Payloads are chosen here such that both CRCs
  # come out the same over the shorter payload: only the parity tells, and it must.
  header = Header(64, 64, 1, MODEL_ID, entropy_coder=1)
  seed32 = zlib.crc32(rnic.write(header, [b""])[:28])
  last_two_bytes = {crc16_by_bits(struct.pack(">H", word), 0): word for word in range(2**16)}
  rng = random.Random(2)
  for bit in range(2, 6):
    length, shorter = 64 + (1 << bit), 64
    for _ in range(20000):
      payload = rng.getrandbits(8 * (length - 2)).to_bytes(length - 2, "little")
      short_bytes = shorter.to_bytes(3, "little") + payload[:shorter]
      long_bytes = length.to_bytes(3, "little") + payload
      target = binascii.crc_hqx(short_bytes, seed32 & 0xFFFF)
      state = binascii.crc_hqx(long_bytes, seed32 & 0xFFFF)
      word = struct.pack(">H", last_two_bytes[target] ^ state)
      assert binascii.crc_hqx(long_bytes + word, seed32 & 0xFFFF) == target
      low7 = [zlib.crc32(part, seed32) & 0x7F for part in (short_bytes, long_bytes + word)]
      if low7[0] == low7[1]:
        break
    else:
      pytest.fail("no payload was found")
    data = bytearray(rnic.write(header, [payload + word]))
    data[32] ^= 1 << bit
    assert (
      rnic._Chain.start(seed32).add(short_bytes[:3], short_bytes[3:]).check(length) == (data[35:38])
    )
    with pytest.raises(FormatError, match="layer 1 of 1 is damaged"):
      rnic.read(data)


def test_every_burst_of_16_bits_within_a_payload_is_detected():
  # 32767 is the period of the polynomial of the CRC-16: bits so far apart are missed, bursts never.
  data, payloads = sample((4, 5000))
  start = rnic.layer_ends(data)[0] + rnic.LAYER_OVERHEAD_BYTES
  rng = random.Random(3)
  for _ in range(3000):
    burst = (1 | rng.getrandbits(16)) << rng.randrange(8 * 5000 - 15)
    payload = int.from_bytes(payloads[1], "little") ^ burst
    damaged = data[:start] + payload.to_bytes(5000, "little")
    assert rnic.read(damaged)[1:] == (
      payloads[:1],
      "layer 2 of 2 is damaged: the layer before it is used",
      True,
    )


def test_swapped_and_repeated_and_missing_layers_are_detected():
  data, payloads = sample((8,) * 5)
  head, *layers = frames(data)
  for i in range(5):
    for j in range(5):
      if i != j:
        changed = list(layers)
        changed[i] = layers[j]  # Repeated.
        swapped = list(changed)
        swapped[j] = layers[i]
        missing = layers[:i] + layers[i + 1 :]
        for order, first in ((changed, i), (swapped, min(i, j)), (missing, i)):
          contents = read_or_none(head + b"".join(order))
          if first == 0:
            assert contents is None
          else:
            assert contents.payloads == payloads[:first] and contents.damage


def test_equal_layers_have_different_checks_and_cannot_be_repeated():
  header = Header(32, 32, 4, MODEL_ID)
  head, *layers = frames(rnic.write(header, [bytes(16)] * 4))
  assert len(set(layers)) == 4
  contents = rnic.read(head + layers[0] + layers[1] + layers[1] + layers[3])
  assert len(contents.payloads) == 2 and contents.damage.startswith("layer 3 of 4 is damaged")


def test_layers_of_another_image_of_equal_sides_are_detected():
  data, payloads = sample((8,) * 5, seed=1)
  foreign, foreign_payloads = sample((8,) * 5, seed=2)
  head, *layers = frames(data)
  foreign_head, *foreign_layers = frames(foreign)
  assert head == foreign_head
  for i in range(1, 5):
    for spliced in (
      layers[:i] + foreign_layers[i:],
      layers[:i] + foreign_layers[i : i + 1] + layers[i + 1 :],
    ):
      contents = rnic.read(head + b"".join(spliced))
      assert contents.payloads == payloads[:i]
      assert contents.damage.startswith(f"layer {i + 1} of 5 is damaged")
  # A first layer is a legal beginning of its own image, and only of that.
  contents = rnic.read(head + foreign_layers[0] + b"".join(layers[1:]))
  assert contents.payloads == foreign_payloads[:1]
  assert contents.damage == "layer 2 of 5 is damaged: the layer before it is used"


def test_layers_under_another_header_are_detected():
  data, payloads = sample()
  for change in ({"height": 101}, {"width": 199}, {"model_id": bytes(8)}, {"layers": 7}):
    header = rnic.read_header(data)._replace(**change)
    other = rnic.write(header, (payloads + (b"",))[: header.layers])
    with pytest.raises(FormatError, match=r"layer 1 of \d is damaged"):
      rnic.read(other[:32] + data[32:])


def test_messages_on_damage():
  data, _ = sample((20,) * 8)
  ends = rnic.layer_ends(data)

  def flip(at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :]

  assert rnic.read(flip(ends[5] - 1)).damage == (
    "layer 6 of 8 is damaged: the 5 layers before it are used"
  )
  assert rnic.read(data[: ends[5] - 1]).damage == "cut short: 5 of 8 layers are whole"
  assert rnic.read(data + b"\0").damage == "1 byte after the last layer"
  assert rnic.read(data + bytes(12)).damage == "12 bytes after the last layer"
  assert rnic.read(data + data).damage == f"{len(data)} bytes after the last layer"
  with pytest.raises(FormatError, match=r"^layer 1 of 8 is damaged: no layer is whole$"):
    rnic.read(flip(ends[0] - 1))
  with pytest.raises(FormatError, match=r"^cut short: no layer is whole \(of 8\)$"):
    rnic.read(data[: ends[0] - 1])


def test_random_mutations_are_always_noticed():
  data, payloads = sample((5, 40, 3, 17, 0, 29, 11, 8))
  foreign, foreign_payloads = sample((5, 40, 3, 17, 0, 29, 11, 8), seed=9)
  foreign_beginning = b"".join(frames(foreign)[:2])
  header = rnic.read_header(data)
  assert rnic.read_header(foreign) == header
  rng = random.Random(4)

  def mutate(old: bytearray) -> bytearray:
    at, to = rng.randrange(len(old) + 1), rng.randrange(len(old) + 1)
    some = rng.choice([1, 2, 3, 6, 20])
    kind = rng.randrange(9)
    if kind == 0:
      old[at : at + 1] = bytes([rng.randrange(256)])
    elif kind == 1:
      for _ in range(some):
        old[rng.randrange(len(old))] ^= 1 << rng.randrange(8)
    elif kind == 2:
      old[at : at + some] = rng.getrandbits(8 * some).to_bytes(some, "little")
    elif kind == 3:
      del old[at : at + some]
    elif kind == 4:
      old[at:at] = bytes(some)
    elif kind == 5:
      old[at:at] = old[to : to + some]
    elif kind == 6:
      old[at : at + some] = rng.choice([b"\0", b"\xff"]) * some
    elif kind == 7:
      old[to : to + some] = foreign[to : to + some]
    else:
      del old[at:]
    return old or bytearray(b"R")

  started = time.monotonic()
  noticed = 0
  for _ in range(10000):
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
      changed = mutate(changed)
    contents = read_or_none(changed)
    if contents is None:
      noticed += 1
      continue
    assert contents.header == header
    assert (contents.damage is None) == (changed == data)
    # With the whole first layer of the other image, it is a legal beginning of that image.
    is_foreign = changed.startswith(foreign_beginning)
    expected = foreign_payloads if is_foreign else payloads
    assert contents.payloads == expected[: len(contents.payloads)]
    noticed += contents.damage is not None
  assert noticed > 9000  # The others change nothing, like zeros over zeros.
  assert time.monotonic() - started < 10


# Hostile headers.


@pytest.mark.parametrize(
  "changes, message",
  [
    ({"magic": b"\x89PNG"}, "not an .rnic file"),
    ({"version": 2}, r"^version 2 is newer than this program reads \(1\)$"),
    ({"version": 255}, r"^version 255 is newer"),
    ({"version": 0}, "version 0 does not exist"),
    ({"coder": 2}, r"entropy coder 2 is unknown; known are 0 \(none\), 1 \(learned\)"),
    ({"coder": 255}, "entropy coder 255"),
    ({"layers": 0}, r"layers must be 1\.\.16, received 0"),
    ({"layers": 17}, r"layers must be 1\.\.16, received 17"),
    ({"layers": 255}, "layers must be"),
    ({"height": 0}, r"height must be 1\.\.65535, received 0"),
    ({"width": 0}, "width must be"),
    ({"height": 65536, "width": 1}, "height must be .* received 65536"),
    ({"width": 2**32 - 1}, "width must be .* received 4294967295"),
    ({"height": 65535, "width": 65535}, "65535 x 65535 exceeds 1073741824 pixels"),
    ({"height": 32769, "width": 32768}, "32769 x 32768 exceeds"),
    ({"tile": 4097}, r"tile must be 0\.\.4096, received 4097"),
    ({"halo": 1}, "halo of 1 blocks needs a larger tile, received a tile of 0"),
    ({"tile": 4, "halo": 4}, "halo of 4 .* tile of 4"),
    ({"tile": 4, "halo": 255}, "halo of 255"),
    ({"coder": 0, "tables_id": 7}, "entropy tables id must be 0 .* received 7"),
  ],
)
def test_hostile_headers_are_refused_by_name(changes, message):
  data = raw_header(**changes)
  for read in (rnic.read_header, rnic.read, rnic.layer_ends):
    with pytest.raises(FormatError, match=message):
      read(data + bytes(100))


@pytest.mark.parametrize(
  "changes",
  [
    {},
    {"coder": 0},
    {"layers": 1},
    {"layers": 16},
    {"height": 1, "width": 65535},
    {"height": 32768, "width": 32768},
    {"tile": 4096, "halo": 255},
    {"tile": 1},
    {"tile": 2, "halo": 1},
    {"tables_id": 65535},
    {"model_id": bytes(8)},
  ],
)
def test_headers_at_the_limits_are_read(changes):
  header = rnic.read_header(raw_header(**changes))
  names = {"coder": "entropy_coder"}
  for name, value in changes.items():
    assert getattr(header, names.get(name, name)) == value


def test_what_is_not_a_file_is_refused_before_anything_else():
  good = raw_header()
  for data in (b"", b"R", b"RNI", b"RNIX" + good[4:], b"\xff\xd8\xff\xe0" + bytes(100)):
    with pytest.raises(FormatError, match="^not an .rnic file: it starts with"):
      rnic.read_header(data)
  with pytest.raises(FormatError, match="^cut short in the header: 31 of 32 bytes$"):
    rnic.read_header(good[:31])
  with pytest.raises(FormatError, match="^the header is damaged: its checksum is wrong$"):
    rnic.read_header(good[:8] + b"?" + good[9:])


def test_lengths_past_the_end_and_huge_sides_allocate_nothing():
  data = raw_header(height=32768, width=32768, layers=16) + b"\xff\xff\xff" + bytes(50)
  odd = raw_header(height=32768, width=32768, layers=16) + b"\xfe\xff\xff\0\0\x80" + bytes(50)
  tracemalloc.start()
  try:
    assert read_or_none(data) is None and read_or_none(odd) is None
    assert tracemalloc.get_traced_memory()[1] < 100_000
  finally:
    tracemalloc.stop()
