"""PNG and JPEG files read by a graph.

The pixels are those of `images.photos.read_photo` for 8-bit PNG files, with transparency composited
on white, and for JPEG files, decoded by the exact integer transform; upright, as the EXIF data say.
Of 16 bits a channel the high ones are taken. Graphs know nothing of colours: profiles, and what
else says that a photo is not sRGB, are ignored. `images.photos.plain_file` makes files for clients
that care, and `tools/rest_client.py` and `grpc_client.py` do.
"""

from __future__ import annotations

import tensorflow as tf

from compression.codecs.recurrent.config import RecurrentConfig
from compression.codecs.recurrent.halves import IMAGE_DEPTH
from compression.exporting import checks, orientation, packing, rnic

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE_OFFSET = 16  # width and height follow the signature and the start of the first chunk
_PNG_SIZE_BYTES = 8

_PNG_DEPTH_OFFSET = 24  # bits a channel: 1, 2, 4, 8 or 16

_OPAQUE = 255


def read(file: tf.Tensor, config: RecurrentConfig) -> tf.Tensor:
  """The upright pixels of a file: a string [] -> uint8 [H, W, 3]. Fails if it is no PNG or JPEG."""
  is_png = tf.equal(tf.strings.substr(file, 0, len(_PNG)), _PNG)
  known = tf.logical_or(is_png, tf.io.is_jpeg(file))
  check = [checks.require(known, "image_bytes is neither a PNG nor a JPEG file")]
  file = checks.after(check, file)
  # A small file may say that it is huge: its size is known before memory is taken for it.
  sides = tf.cond(is_png, lambda: _png_size(file), lambda: tf.image.extract_jpeg_shape(file)[:2])
  check = rnic.check_size(sides[0], sides[1], config.bits // packing.BYTE)
  with tf.control_dependencies(check):
    check = [checks.require_memory(1, sides[0], sides[1], config)]
  file = checks.after(check, file)
  image = tf.cond(is_png, lambda: _png(file), lambda: _jpeg(file))
  return orientation.turn(image, orientation.find(file, is_png))


def _png_size(file: tf.Tensor) -> tf.Tensor:
  """int32 [2], height and width."""
  whole = tf.strings.length(file) > _PNG_DEPTH_OFFSET
  file = checks.after([checks.require(whole, "image_bytes is a PNG file that is cut short")], file)
  sides = tf.strings.substr(file, _PNG_SIZE_OFFSET, _PNG_SIZE_BYTES)
  return tf.io.decode_raw(sides, tf.int32, little_endian=False)[::-1]


def _png(file: tf.Tensor) -> tf.Tensor:
  """Composited on white, with rounding as in Pillow."""
  image = tf.cast(tf.io.decode_png(file, channels=IMAGE_DEPTH + 1), tf.int32)
  alpha = image[..., IMAGE_DEPTH:]
  # Of images without transparency and fewer than 8 bits, TensorFlow forgets to scale "opaque".
  depth = tf.io.decode_raw(tf.strings.substr(file, _PNG_DEPTH_OFFSET, 1), tf.uint8)[0]
  unscaled = tf.bitwise.left_shift(1, tf.cast(depth, tf.int32)) - 1
  is_opaque = tf.logical_and(depth < packing.BYTE, tf.reduce_all(tf.equal(alpha, unscaled)))
  alpha = tf.where(is_opaque, _OPAQUE, alpha)
  scaled = image[..., :IMAGE_DEPTH] * alpha + _OPAQUE * (_OPAQUE - alpha) + 128
  halves = scaled + tf.bitwise.right_shift(scaled, 8)
  return tf.cast(tf.bitwise.right_shift(halves, 8), tf.uint8)  # divided by 255, to the nearest


def _jpeg(file: tf.Tensor) -> tf.Tensor:
  return tf.io.decode_jpeg(file, channels=IMAGE_DEPTH, dct_method="INTEGER_ACCURATE")
