"""Files that a graph makes are those of the container, and it reads what the container writes."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent.config import RecurrentConfig
from compression.exporting import rnic
from compression.formats import rnic as container
from tests.exporting.examples import MODEL_ID

CONFIG = RecurrentConfig(iterations=5)
DEPTH = CONFIG.bits // 8


@pytest.fixture(scope="module")
def write():
  """A graph: (codes, height, width) -> file."""
  side = tf.TensorSpec([], tf.int32)
  codes = tf.TensorSpec([None, None, None, DEPTH], tf.uint8)
  return tf.function(
    lambda *image: rnic.write(rnic.Image(*image), MODEL_ID), [codes, side, side], autograph=False
  )


@pytest.fixture(scope="module")
def read():
  """A graph: file -> rnic.Image."""
  return tf.function(
    lambda file: rnic.read(file, CONFIG, MODEL_ID), [tf.TensorSpec([], tf.string)], autograph=False
  )


@pytest.fixture
def refused(read):
  """Asserts that a file is refused with these words."""

  def refused(file: bytes, message: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
      read(file)

  return refused


def _example(height: int, width: int, layers: int) -> tuple[np.ndarray, bytes]:
  """Random codes and their file."""
  rng = np.random.default_rng(height + width)
  codes = rng.integers(0, 256, [layers, -(-height // 16), -(-width // 16), DEPTH], np.uint8)
  header = container.Header(height, width, layers, MODEL_ID)
  return codes, container.write(header, [layer.tobytes() for layer in codes])


@pytest.mark.parametrize("height,width,layers", [(1, 1, 1), (33, 47, 5), (300, 17, 2)])
def test_files_are_those_of_the_container(write, read, height, width, layers):
  codes, file = _example(height, width, layers)
  assert write(codes, height, width).numpy() == file
  image = read(file)
  np.testing.assert_array_equal(image.codes, codes)
  assert (image.height, image.width) == (height, width)


def test_the_largest_sides_are_written(write):
  codes = np.zeros([1, 1, 4096, DEPTH], np.uint8)
  assert container.read(write(codes, 1, 65535).numpy()).header.width == 65535
  for height, width in ((1, 65536), (0, 16), (40000, 40000)):
    with pytest.raises(tf.errors.InvalidArgumentError, match="rows and columns|more pixels"):
      write(codes, height, width)


def test_every_beginning_with_a_whole_layer_is_read(read, refused):
  codes, file = _example(40, 20, 4)
  ends = container.layer_ends(file)
  for size in range(len(file) + 1):
    whole = sum(end <= size for end in ends)
    if whole:
      np.testing.assert_array_equal(read(file[:size]).codes, codes[:whole])
    else:
      refused(file[:size], "not an .rnic file|cut short")
  np.testing.assert_array_equal(read(file + b"more").codes, codes)


def test_every_changed_bit_is_refused(refused):
  _, file = _example(20, 10, 2)
  for position in range(len(file)):
    for bit in range(8):
      broken = bytearray(file)
      broken[position] ^= 1 << bit
      refused(bytes(broken), "damaged|not an .rnic file")


def test_layers_in_another_order_are_refused(refused):
  _, file = _example(16, 16, 3)
  first, second, third = (slice(32 + 10 * n, 42 + 10 * n) for n in range(3))
  refused(file[:32] + file[second] + file[first] + file[third], "damaged.*0")
  refused(file[:32] + file[first] + file[third] + file[second], "damaged.*1")


def _forged(file: bytes, offset: int, kind: str, value: int) -> bytes:
  """The file with another header field and a checksum that fits."""
  header = bytearray(file[:28])
  struct.pack_into(kind, header, offset, value)
  return bytes(header) + struct.pack("<I", zlib.crc32(header)) + file[32:]


@pytest.mark.parametrize(
  "offset,kind,value,message",
  [
    (4, "B", 2, r"must be of version 1 .*\[2\]"),
    (5, "B", 1, r"must be made with entropy coder 0 \(none\).*\[1\]"),
    (6, "B", 0, r"iterations must be 1 to 5.*\[0\]"),
    (6, "B", 6, r"iterations must be 1 to 5.*\[6\]"),
    (8, "B", 0, f"must be made with model {MODEL_ID.hex()}"),
    (16, "<I", 0, "1 to 65535 rows and columns"),
    (20, "<I", 65536, "1 to 65535 rows and columns"),
    (20, "<I", 2**32 - 1, "1 to 65535 rows and columns"),
    (16, "<I", 65535, r"no layer is whole"),
    (24, "<H", 8, r"without tiles.*\[8\]"),
  ],
)
def test_what_this_graph_does_not_decode_is_named(refused, offset, kind, value, message):
  refused(_forged(_example(16, 16, 2)[1], offset, kind, value), message)


def test_a_small_file_of_a_huge_image_is_refused_before_memory_is_taken(refused):
  _, file = _example(16, 16, 2)
  refused(_forged(_forged(file, 16, "<I", 20000), 20, "<I", 20000), "too many to run at once")
  refused(_forged(_forged(file, 16, "<I", 65535), 20, "<I", 65535), "more pixels than")
