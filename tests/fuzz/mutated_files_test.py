"""Mutated and forged files: no crash, no hang, and no image that is silently wrong."""

from __future__ import annotations

import random
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compression.codecs.recurrent.codec import RecurrentCodec
from compression.common.errors import CompressionError, FormatError, ModelError
from compression.formats import rnic
from tests import shared
from tests.entropy.bits.examples import make_coder, make_model
from tests.near import assert_near_pixels

FILES = 10_000
DECODED = 60
"""How many of those that can be decoded are: the rest is known by its layers."""


@pytest.fixture(scope="module")
def codec() -> RecurrentCodec:
  return shared.mobile()


@pytest.fixture(scope="module")
def originals(codec: RecurrentCodec, photo: np.ndarray) -> list[bytes]:
  """Small files of both entropy coders."""
  crops = (photo[40:101, 50:133], photo[200:217, 90:91])
  return [
    codec.compress(np.ascontiguousarray(crop), 6, entropy_coder=coder)
    for crop in crops
    for coder in ("learned", "none")
  ]


def mutate(data: bytes, rng: random.Random) -> bytes:
  """One to three of the things that happen to files."""
  changed = bytearray(data)
  for _ in range(rng.randint(1, 3)):
    at = rng.randrange(len(changed) + 1)
    kind = rng.randrange(8)
    if kind == 0 and changed:
      changed[at % len(changed)] ^= 1 << rng.randrange(8)
    elif kind == 1 and changed:
      changed[at % len(changed)] = rng.randrange(256)
    elif kind == 2:
      del changed[at:]
    elif kind == 3:
      del changed[at : at + rng.randint(1, 20)]
    elif kind == 4:
      changed[at:at] = rng.randbytes(rng.randint(1, 20))
    elif kind == 5:
      length = rng.randint(1, 40)
      changed[at : at + length] = bytes(len(changed[at : at + length]))
    elif kind == 6:
      start = rng.randrange(len(changed) + 1)
      changed[at:at] = changed[start : start + rng.randint(1, 60)]
    else:
      changed[at : at + 20] = rng.randbytes(len(changed[at : at + 20]))
  return bytes(changed)


def forge(data: bytes, rng: random.Random) -> bytes:
  """A file with other header fields and payloads, all of whose checksums fit."""
  contents = rnic.read(data)
  header = bytearray(data[: rnic.HEADER_BYTES])
  for _ in range(rng.randint(1, 3)):
    offset, kind = rng.choice([(6, "B"), (7, "B"), (16, "<I"), (20, "<I"), (24, "<H")])
    limit = {"B": 2**8, "<H": 2**16, "<I": rng.choice([200, 2**16, 2**32])}[kind]
    struct.pack_into(kind, header, offset, rng.randrange(limit))
  struct.pack_into("<I", header, 28, zlib.crc32(bytes(header[:28])))
  try:
    forged = rnic.read_header(bytes(header) + data[rnic.HEADER_BYTES :])
    payloads = []
    for number in range(forged.layers):
      payload = contents.payloads[number % len(contents.payloads)]
      keep = rng.random() < 0.5
      payloads.append(payload if keep else rng.randbytes(rng.choice([0, 1, len(payload), 3000])))
    return rnic.write(forged, payloads)
  except CompressionError:
    return bytes(header) + data[rnic.HEADER_BYTES :]


@pytest.mark.slow
def test_no_mutated_file_gives_a_wrong_image(codec: RecurrentCodec, originals: list[bytes]) -> None:
  rng = random.Random(0)
  expected = [list(codec.progressive(original)) for original in originals]
  decoded_files, cut, refused = 0, 0, 0
  for number in range(FILES):
    which = number % len(originals)
    original = originals[which]
    data = mutate(original, rng)
    try:
      contents, _ = codec._open(data, None)
    except (FormatError, ModelError) as error:
      assert str(error) and "\n" not in str(error)
      refused += 1
      continue
    # What is not refused is a beginning of the original, and says so if it is not all of it.
    whole = len(contents.payloads)
    assert contents.header == rnic.read_header(original)
    assert contents.payloads == rnic.read(original).payloads[:whole]
    assert (contents.damage is None) == (data == original)
    cut += contents.damage is not None
    if decoded_files < DECODED and contents.damage is not None:
      decoded_files += 1
      assert codec.damage(data) == contents.damage and len(codec.ends(data)) == whole
      with pytest.warns(UserWarning, match="cut short|damaged|after the last layer"):
        image = codec.decompress(data)
      assert_near_pixels(image, expected[which][whole - 1])
  assert refused > FILES // 3 and cut > FILES // 20 and decoded_files == DECODED


@pytest.mark.slow
def test_forged_files_are_decoded_or_refused_in_one_line(
  codec: RecurrentCodec, originals: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
  # What passes all checks is decoded; images of a gigabyte are not what this test is about.
  monkeypatch.setattr("compression.codecs.recurrent.codec.MAX_MEMORY_BYTES", 64 * 2**20)
  rng = random.Random(1)
  decoded, refused = 0, 0
  for number in range(800):
    data = forge(originals[number % len(originals)], rng)
    try:
      header = rnic.read_header(data)
      with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is lacking
        image = codec.decompress(data)
    except (FormatError, ModelError) as error:
      assert str(error) and "\n" not in str(error)
      refused += 1
      continue
    assert image.shape == (header.height, header.width, 3)
    decoded += 1
  assert decoded > 5 and refused > 100  # how many are decoded depends on the weights


@pytest.fixture(scope="module")
def small_coder(tmp_path_factory: pytest.TempPathFactory):
  return make_coder(make_model(), tmp_path_factory.mktemp("coder"))


@settings(max_examples=80, deadline=None)
@given(
  sides=st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)),
  share=st.floats(0, 1),
  seed=st.integers(0, 2**32 - 1),
)
def test_any_bits_come_back(small_coder, sides, share, seed) -> None:
  bits = np.random.default_rng(seed).random([*sides, 8]) < share
  payloads = small_coder.encode(bits)
  np.testing.assert_array_equal(small_coder.decode(payloads, bits.shape[1:]), bits)


@settings(max_examples=60, deadline=None)
@given(payloads=st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_any_bytes_give_bits(small_coder, payloads) -> None:
  try:
    bits = small_coder.decode(payloads, (3, 4, 8))
  except FormatError:
    return
  assert bits.shape == (len(payloads), 3, 4, 8) and bits.dtype == bool
