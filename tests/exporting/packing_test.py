"""Bits, blocks and bytes in a graph are those of the Python API."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent.tiled_runner import pad_to_blocks
from compression.exporting import packing


@pytest.mark.parametrize("depth", [8, 32, 256])
def test_bits_are_packed_as_numpy_packs_them_and_come_back(depth):
  bits = np.random.default_rng(1).random([2, 3, 4, depth]) < 0.5
  packed = packing.pack(tf.constant(bits))
  assert packed.dtype == tf.uint8 and packed.shape == [2, 3, 4, depth // 8]
  np.testing.assert_array_equal(packed, np.packbits(bits, axis=-1))
  np.testing.assert_array_equal(packing.unpack(packed), bits)


def test_unpacking_knows_the_depth_of_what_has_open_sides():
  @tf.function(input_signature=[tf.TensorSpec([None, None, 4], tf.uint8)])
  def unpack(packed):
    bits = packing.unpack(packed)
    assert bits.shape.as_list() == [None, None, 32]
    return bits

  assert unpack(np.zeros([0, 5, 4], np.uint8)).shape == [0, 5, 32]


@pytest.mark.parametrize("height,width", [(1, 1), (16, 16), (17, 15), (31, 33), (1, 100)])
def test_padding_is_that_of_the_codec(photo, height, width):
  images = np.stack([photo[:height, :width], photo[-height:, -width:]])
  padded = packing.pad_to_blocks(tf.constant(images))
  np.testing.assert_array_equal(padded, np.stack([pad_to_blocks(image) for image in images]))


def test_numbers_are_little_endian_and_come_back():
  numbers = tf.constant([0, 1, 255, 256, 65535, 2**24 - 1])
  parts = packing.to_bytes(numbers, 3)
  expected = [int(number).to_bytes(3, "little") for number in numbers.numpy()]
  assert [bytes(part) for part in parts.numpy()] == expected
  np.testing.assert_array_equal(packing.from_bytes(parts), numbers)
  assert packing.from_bytes(tf.constant([255] * 4, tf.uint8)) == 2**32 - 1


def test_a_string_holds_every_byte():
  data = bytes(range(256)) + bytes(3) + bytes(reversed(range(256)))
  assert packing.to_string(tf.io.decode_raw(data, tf.uint8)).numpy() == data
  assert packing.to_string(tf.zeros([0], tf.uint8)).numpy() == b""
