"""A graph turns photos as `read_photo` does, and survives EXIF data that make no sense."""

from __future__ import annotations

import io
import struct

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
  graph = tf.function(lambda file: photos.read(file, RecurrentConfig()), specs, autograph=False)
  return lambda file: graph(file).numpy()


@pytest.fixture(scope="module")
def small(photo) -> Image.Image:
  return Image.fromarray(photo[60:93, 180:227])


def exif(value: int, order: str = "<", kind: int = 3, before: int = 2) -> bytes:
  """With some other tags before it."""
  entries = b"".join(struct.pack(f"{order}HHIHH", 256 + k, 3, 1, 6, 0) for k in range(before))
  entries += struct.pack(f"{order}HHIHH", 0x0112, kind, 1, value, 0)
  mark = b"II*\0" if order == "<" else b"MM\0*"
  count = struct.pack(f"{order}IH", 8, before + 1)
  return b"Exif\0\0" + mark + count + entries + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(10))
def test_photos_are_turned_as_programs_turn_them(read, small, value, order):
  for kind in ("JPEG", "PNG"):
    file = encoded(small, kind, exif=exif(value, order))
    np.testing.assert_array_equal(read(file), read_photo(io.BytesIO(file)).image)


def test_other_segments_may_come_before_it(read, small):
  plain = encoded(small, "JPEG", comment=b"x" * 3000, icc_profile=bytes(70000), exif=exif(6))
  assert read(plain).shape == (47, 33, 3)
  foreign = encoded(small, "JPEG")
  segment = b"\xff\xe1" + struct.pack(">H", 2 + 30) + b"http://ns.adobe.com/xap/1.0/\0\0"
  turned = b"\xff\xe1" + struct.pack(">H", 2 + len(exif(8))) + exif(8)
  assert read(foreign[:2] + segment + turned + foreign[2:]).shape == (47, 33, 3)


@pytest.mark.parametrize(
  "content",
  [
    b"Exif\0\0",
    b"Exif\0\0II*\0",
    b"Exif\0\0MM\0*" + b"\xff" * 40,
    b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(40),
    b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(20),
    exif(6, kind=4)[:-8],
    exif(6)[:-14],
  ],
)
def test_what_makes_no_sense_leaves_a_photo_as_it_is(read, small, content):
  for kind in ("JPEG", "PNG"):
    assert read(encoded(small, kind, exif=content)).shape == (33, 47, 3)


def test_segments_that_claim_more_than_there_is_end(read, small):
  file = encoded(small, "JPEG", exif=exif(6))
  assert file[2:4] == b"\xff\xe0"
  with pytest.raises(tf.errors.InvalidArgumentError, match="Invalid JPEG"):
    read(file[:4] + b"\xff\xff" + file[6:])
  assert read(encoded(small) + b"\xff" * 30).shape == (33, 47, 3)  # behind IEND
