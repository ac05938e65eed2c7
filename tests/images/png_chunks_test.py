"""What is no pixel in a PNG file neither spoils a photo nor swells in memory."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from compression.images import png_chunks
from compression.images.photos import read_photo
from tests.images.examples import (
  PHOTO,
  nothing_printed,  # noqa: F401  a fixture that all tests here use
  refusal,
  saved,
)

FILE = saved(PHOTO).getvalue()
HEAD = 8 + 25  # the signature and IHDR
CUT = "X: the image is cut short or damaged"
NO_END = "its end is missing, behind all pixels"


def chunk(name: bytes, content: bytes, wrong: bool = False) -> bytes:
  check = zlib.crc32(name + content) ^ wrong
  return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def with_chunk(name: bytes, content: bytes, wrong: bool = False) -> io.BytesIO:
  return io.BytesIO(FILE[:HEAD] + chunk(name, content, wrong) + FILE[HEAD:])


BOMB = zlib.compress(bytes(2**26), 9)


@pytest.mark.parametrize(
  "name, content",
  [
    (b"tEXt", b"Comment\0" + b"x" * 2**21),
    (b"zTXt", b"Comment\0\0" + BOMB),
    (b"zTXt", b"Raw profile type exif\0\0" + BOMB),
    (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB),
    (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0no zlib"),
    (b"tEXt", b"no zero"),
    (b"vpAg", b"private"),
    (b"tIME", b"wrong length"),
    (b"pHYs", b""),
  ],
)
def test_what_is_no_pixel_is_passed_over(name, content):
  file = with_chunk(name, content)
  read_photo(saved(PHOTO))  # what is loaded once
  tracemalloc.start()
  try:
    photo = read_photo(file)
    assert tracemalloc.get_traced_memory()[1] < 2**24  # what inflates has 64 MiB
  finally:
    tracemalloc.stop()
  np.testing.assert_array_equal(photo.image, PHOTO)
  assert photo.notes == ()


@pytest.mark.parametrize("name", [b"tEXt", b"pHYs", b"tIME", b"acTL", b"zzZz"])
def test_a_wrong_checksum_of_what_is_no_pixel_does_not_matter(name):
  photo = read_photo(with_chunk(name, b"abc\0defgh", wrong=True))
  np.testing.assert_array_equal(photo.image, PHOTO)
  assert photo.notes == ()


@pytest.mark.parametrize(
  "name, content", [(b"iCCP", b"a\0\0" + BOMB), (b"iCCP", b"a\0\0x"), (b"iCCP", b"")]
)
def test_a_profile_that_is_damaged_or_too_long_is_noted(name, content):
  photo = read_photo(with_chunk(name, content))
  np.testing.assert_array_equal(photo.image, PHOTO)
  assert photo.notes == ("its iCCP chunk is damaged and ignored",)


@pytest.mark.parametrize("name", [b"iCCP", b"gAMA", b"cHRM", b"cICP", b"sRGB", b"eXIf"])
def test_a_wrong_checksum_of_what_says_how_to_show_pixels_is_noted(name):
  photo = read_photo(with_chunk(name, bytes(4), wrong=True))
  np.testing.assert_array_equal(photo.image, PHOTO)
  assert photo.notes == (f"its {name.decode()} chunk is damaged and ignored",)


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"tRNS", b"IDAT"])
def test_a_wrong_checksum_of_pixels_is_damage(name):
  image = Image.fromarray(PHOTO).quantize(16)
  content = bytearray(saved(image, transparency=3).getvalue())
  place = content.index(name)
  (length,) = struct.unpack(">I", content[place - 4 : place])
  content[place + 4 + length] ^= 1
  assert refusal(io.BytesIO(content), name="X") == CUT


def test_an_unknown_chunk_that_readers_must_know_is_refused():
  assert refusal(with_chunk(b"CgBI", bytes(4)), name="X") == CUT


def test_a_file_without_its_end_has_all_pixels_or_is_cut_short():
  start = FILE.index(b"IEND") - 4
  tail = chunk(b"tEXt", b"Comment\0" + bytes(99))
  for content in (FILE[:start], FILE[:-1], FILE[: start + 6], FILE[:start] + tail[:50]):
    photo = read_photo(io.BytesIO(content))
    np.testing.assert_array_equal(photo.image, PHOTO)
    assert photo.notes == (NO_END,)
  for content in (FILE[: start - 1], FILE[: start - 5], FILE[:HEAD], FILE[: HEAD + 8]):
    assert refusal(io.BytesIO(content), name="X") == CUT
  np.testing.assert_array_equal(read_photo(io.BytesIO(FILE + b"behind")).image, PHOTO)


def test_pixels_in_many_chunks_are_joined():
  place = FILE.index(b"IDAT") - 4
  (length,) = struct.unpack(">I", FILE[place : place + 4])
  data = FILE[place + 8 : place + 8 + length]
  pieces = [chunk(b"IDAT", data[k : k + 97]) for k in range(0, len(data), 97)]
  whole = FILE[:place] + b"".join(pieces) + FILE[place + 12 + length :]
  np.testing.assert_array_equal(read_photo(io.BytesIO(whole)).image, PHOTO)
  lacking = FILE[:place] + b"".join(pieces[:-1]) + FILE[place + 12 + length :]
  assert refusal(io.BytesIO(lacking), name="X") == CUT


@pytest.mark.parametrize("compressed", [False, True])
def test_orientations_that_texts_tell_are_kept(compressed):
  info = PngImagePlugin.PngInfo()
  info.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="3"/>', zip=compressed)
  photo = read_photo(saved(PHOTO, pnginfo=info))
  np.testing.assert_array_equal(photo.image, PHOTO[::-1, ::-1])


def test_the_file_is_read_by_place():
  file = png_chunks.sift(with_chunk(b"tEXt", b"a\0b")).file
  whole = file.read()
  assert b"tEXt" not in whole and whole.startswith(png_chunks.SIGNATURE)
  for place, whence in ((5, 0), (-7, 2), (len(whole), 0), (HEAD - 3, 0)):
    place = file.seek(place, whence)
    assert file.read(11) == whole[place : place + 11]
