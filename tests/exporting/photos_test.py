"""Photos that a graph reads have the pixels of those that the programs read."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from compression.codecs.recurrent.config import RecurrentConfig
from compression.exporting import photos
from compression.images.photos import read_photo
from tests.exporting.examples import encoded


@pytest.fixture(scope="module")
def read():
  """A graph: file -> pixels."""
  specs = [tf.TensorSpec([], tf.string)]
  return tf.function(lambda file: photos.read(file, RecurrentConfig()), specs, autograph=False)


@pytest.fixture(scope="module")
def small(photo) -> Image.Image:
  return Image.fromarray(photo[60:113, 180:247])


@pytest.fixture
def same(read):
  """Asserts that both read the same pixels."""

  def same(file: bytes, atol: int = 0) -> None:
    found, expected = read(file), read_photo(io.BytesIO(file)).image
    assert found.dtype == tf.uint8
    np.testing.assert_allclose(found.numpy().astype(int), expected, rtol=0, atol=atol)

  return same


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [30, 90])
def test_jpeg(same, small, quality, subsampling):
  for progressive in (False, True):
    options = {"quality": quality, "subsampling": subsampling, "progressive": progressive}
    same(encoded(small, "JPEG", **options))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpeg_of_other_colours(same, small, mode):
  same(encoded(small.convert(mode), "JPEG"))


@pytest.mark.parametrize("mode", ["RGB", "L", "1"])
def test_png(same, small, mode):
  same(encoded(small.convert(mode)))


@pytest.mark.parametrize("colours", [2, 4, 16, 256])
def test_png_with_a_palette(same, small, colours):
  same(encoded(small.quantize(colours)))


def test_transparency_is_composited_on_white(same, small, photo):
  image = small.convert("RGBA")
  image.putalpha(Image.fromarray(photo[60:113, 80:147, 0]))
  same(encoded(image))
  same(encoded(image.convert("LA")))
  same(encoded(small, transparency=small.getpixel((3, 3))))
  same(encoded(small.convert("L"), transparency=100))
  same(encoded(small.quantize(4), transparency=bytes([0, 100, 255, 255])))
  same(encoded(Image.new("RGBA", (9, 9), (1, 2, 3, 0))))


def test_16_bits_are_rounded_by_one_at_most(same):
  values = np.random.default_rng(1).integers(0, 2**16, [20, 30]).astype(np.uint16)
  same(encoded(values), atol=1)


def _png_header(width: int, height: int) -> bytes:
  chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
  return b"\x89PNG\r\n\x1a\n\0\0\0\r" + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize(
  "file,message",
  [
    (b"", "neither a PNG nor a JPEG"),
    (b"GIF89a" + bytes(100), "neither a PNG nor a JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG file that is cut short"),
    (_png_header(30, 20), "Invalid PNG"),
    (_png_header(0, 20), "1 to 65535 rows and columns"),
    (_png_header(70000, 1), "1 to 65535 rows and columns"),
    (_png_header(60000, 60000), "more pixels"),
    (_png_header(30000, 30000), "too many to run at once"),
    (b"\xff\xd8\xff\xe0" + bytes(100), "Invalid JPEG data"),
  ],
)
def test_what_is_no_photo_is_refused(read, file, message):
  with pytest.raises(tf.errors.InvalidArgumentError, match=message):
    read(file)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_photo_that_is_cut_short_is_refused(read, small, kind):
  file = encoded(small, kind)
  for size in (len(file) // 4, len(file) // 2, len(file) - 100):
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"Invalid {kind}"):
      read(file[:size])
