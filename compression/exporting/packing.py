"""Codes in an exported graph: eight bits to a byte, and images in whole blocks.

`codes` are uint8 [N, T, h, w, bits / 8]: the bits of a place in order of depth, the first one in
the highest bit of the first byte. The bytes of one image and iteration are those of
`entropy.bits.packed.PackedBits`, and so the payload of a layer of an `.rnic` file.
"""

from __future__ import annotations

import tensorflow as tf

from compression.codecs.recurrent.config import BLOCK

BYTE = 8
"""Bits in a byte."""

_PLACES = [1 << place for place in reversed(range(BYTE))]  # 128, 64, ..., 1


def pack(bits: tf.Tensor) -> tf.Tensor:
  """bool [..., bits] -> uint8 [..., bits / 8], as `np.packbits`. `bits` is a multiple of 8."""
  groups = _reshape_last(bits, [bits.shape[-1] // BYTE, BYTE])
  return tf.cast(tf.reduce_sum(tf.cast(groups, tf.int32) * _PLACES, -1), tf.uint8)


def unpack(packed: tf.Tensor) -> tf.Tensor:
  """uint8 [..., bytes] -> bool [..., 8 * bytes]."""
  bits = tf.bitwise.bitwise_and(packed[..., tf.newaxis], tf.constant(_PLACES, tf.uint8)) > 0
  shape = tf.concat([tf.shape(packed)[:-1], [BYTE * tf.shape(packed)[-1]]], 0)
  flat = tf.reshape(bits, shape)
  depth = packed.shape[-1]
  flat.set_shape([*packed.shape[:-1], None if depth is None else BYTE * depth])
  return flat


def blocks(pixels: tf.Tensor) -> tf.Tensor:
  """How many blocks a side of so many pixels takes."""
  return -(-pixels // BLOCK)


def pad_to_blocks(images: tf.Tensor) -> tf.Tensor:
  """Repeats the last row and column of [N, H, W, 3], as `codecs.recurrent.tiled_runner` does."""
  for axis in (1, 2):
    side = tf.shape(images)[axis]
    images = tf.gather(images, tf.minimum(tf.range(BLOCK * blocks(side)), side - 1), axis=axis)
  return images


def to_bytes(numbers: tf.Tensor, count: int) -> tf.Tensor:
  """int32 [...] -> uint8 [..., count], the lowest byte first."""
  shifts = tf.constant([BYTE * place for place in range(count)], tf.int32)
  return tf.cast(tf.bitwise.right_shift(numbers[..., tf.newaxis], shifts) & 255, tf.uint8)


def from_bytes(parts: tf.Tensor) -> tf.Tensor:
  """uint8 [..., 2 to 4], the lowest byte first -> int64 [...]."""
  weights = [256**place for place in range(parts.shape[-1])]
  return tf.reduce_sum(tf.cast(parts, tf.int64) * tf.constant(weights, tf.int64), -1)


def to_string(data: tf.Tensor) -> tf.Tensor:
  """uint8 [L] -> a string [] of these bytes, as the opposite of `tf.io.decode_raw`.

  There is no operation for it; this takes 3 ms for 100 kB.
  """
  letters = tf.constant([bytes([value]) for value in range(256)])
  return tf.strings.reduce_join(tf.gather(letters, tf.cast(data, tf.int32)))


def _reshape_last(tensor: tf.Tensor, last: list[int]) -> tf.Tensor:
  return tf.reshape(tensor, tf.concat([tf.shape(tensor)[:-1], last], 0))
