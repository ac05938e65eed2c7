"""What the tests of photos share: a photo, files made of it, and silence."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image
from skimage import data

from compression.common.errors import ImageError
from compression.images.photos import read_photo

PHOTO = data.chelsea()[60:184, 100:260]  # 124 x 160, with a cat's face in it


@pytest.fixture(autouse=True)
def nothing_printed(capfd):
  """No file may make Pillow, or the C libraries under it, write to the terminal."""
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    yield
  out, err = capfd.readouterr()
  assert (out, err) == ("", "")


def saved(image: Image.Image | np.ndarray, format: str = "PNG", **options) -> io.BytesIO:
  buffer = io.BytesIO()
  if isinstance(image, np.ndarray):
    image = Image.fromarray(image)
  image.save(buffer, format, **options)
  buffer.seek(0)
  return buffer


def refusal(source, **options) -> str:
  with pytest.raises(ImageError) as caught:
    read_photo(source, **options)
  message = str(caught.value)
  assert "\n" not in message
  return message


def png(width: int, height: int, bits: int, color: int, rows: bytes, *extra: bytes) -> io.BytesIO:
  """A PNG made by hand, for what Pillow cannot write; `rows` with their filter bytes."""

  def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

  header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
  parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header)]
  parts += [chunk(each[:4], each[4:]) for each in extra]
  parts += [chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
  return io.BytesIO(b"".join(parts))
