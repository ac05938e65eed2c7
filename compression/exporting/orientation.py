"""Photos turned upright by a graph, as their EXIF data say: of JPEG files and of PNG files.

EXIF 2.3, tag 0x0112, in the segment APP1 of a JPEG file or the chunk eXIf of a PNG file. What
cannot be read there leaves a photo as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

_JPEG_BEGIN, _PNG_BEGIN = 2, 8  # bytes of the signatures
_MARKER, _APP1, _START_OF_SCAN, _END_OF_IMAGE = 0xFF, 0xE1, 0xDA, 0xD9
_EXIF, _EXIF_CHUNK = b"Exif\0\0", b"eXIf"
_ORIENTATION, _SHORT = 0x0112, 3
_ENTRY = 12  # bytes of a tag; its number, its type, how many values, and the value at 8
_PADDING = 16  # zeros behind the file, so that what is read near its end is there

# Which orientations swap rows and columns, and then are mirrored, left to right and upside down.
_TRANSPOSED, _MIRRORED, _FLIPPED = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)


def find(file: tf.Tensor, is_png: tf.Tensor) -> tf.Tensor:
  """The orientation that a file says, int32 [] from 1, upright, to 8; 1 where it says nothing."""
  size = tf.strings.length(file)
  file = tf.strings.join([file, tf.constant(bytes(_PADDING))])
  start = tf.cond(is_png, lambda: _in_png(file, size), lambda: _in_jpeg(file, size))
  found = tf.cond(start > 0, lambda: _in_exif(file, start, size), lambda: tf.constant(1))
  return tf.where(tf.logical_and(found >= 1, found <= 8), found, 1)


def turn(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
  """uint8 [H, W, 3] -> [H, W, 3] or [W, H, 3], upright."""

  def when(cases: tuple[int, ...], change: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    return tf.cond(
      tf.reduce_any(tf.equal(orientation, cases)), lambda: change(image), lambda: image
    )

  image = when(_TRANSPOSED, lambda image: tf.transpose(image, [1, 0, 2]))
  image = when(_MIRRORED, lambda image: tf.reverse(image, [1]))
  return when(_FLIPPED, lambda image: tf.reverse(image, [0]))


def _in_jpeg(file: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
  """Where the EXIF data begin, int32 []; 0 without any."""

  def is_going_on(place: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
    kind = _number(file, place + 1, 1)
    ends = tf.logical_or(tf.equal(kind, _START_OF_SCAN), tf.equal(kind, _END_OF_IMAGE))
    is_marker = tf.logical_and(place + 4 <= size, tf.equal(_number(file, place, 1), _MARKER))
    return tf.logical_and(tf.logical_and(is_marker, tf.equal(found, 0)), tf.logical_not(ends))

  def step(place: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    is_exif = tf.logical_and(
      tf.equal(_number(file, place + 1, 1), _APP1),
      tf.equal(_bytes(file, place + 4, len(_EXIF)), _EXIF),
    )
    return (
      place + 2 + _number(file, place + 2, 2),
      tf.where(is_exif, place + 4 + len(_EXIF), found),
    )

  return tf.while_loop(is_going_on, step, (tf.constant(_JPEG_BEGIN), tf.constant(0)))[1]


def _in_png(file: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
  """As `_in_jpeg`."""

  def is_going_on(place: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
    return tf.logical_and(place + 12 <= size, tf.equal(found, 0))

  def step(place: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    length = tf.minimum(_number(file, place, 4), tf.cast(size, tf.int64))
    is_exif = tf.equal(_bytes(file, place + 4, 4), _EXIF_CHUNK)
    return place + 12 + tf.cast(length, tf.int32), tf.where(is_exif, place + 8, found)

  return tf.while_loop(is_going_on, step, (tf.constant(_PNG_BEGIN), tf.constant(0)))[1]


def _in_exif(file: tf.Tensor, start: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
  """The orientation among the tags of the first image, int32 []; 0 without it."""
  is_little = tf.equal(_bytes(file, start, 2), b"II")

  def number(place: tf.Tensor, count: int) -> tf.Tensor:
    return tf.where(is_little, _number(file, place, count, True), _number(file, place, count))

  offset = tf.cast(tf.minimum(number(start + 4, 4), tf.cast(size, tf.int64)), tf.int32)
  tags = start + offset
  count = tf.minimum(number(tags, 2), tf.maximum((size - tags - 2) // _ENTRY, 0))
  entries = tf.io.decode_raw(_bytes(file, tags + 2, count * _ENTRY), tf.uint8)
  entries = tf.cast(tf.reshape(entries, [-1, _ENTRY]), tf.int32)

  def column(place: int) -> tf.Tensor:
    first, second = entries[:, place], entries[:, place + 1]
    return tf.where(is_little, second * 256 + first, first * 256 + second)

  is_it = tf.logical_and(tf.equal(column(0), _ORIENTATION), tf.equal(column(2), _SHORT))
  return tf.reduce_max(tf.concat([tf.where(is_it, column(8), 0), [0]], 0))


def _bytes(file: tf.Tensor, place: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
  """A string []: fewer bytes where the file ends."""
  return tf.strings.substr(file, tf.minimum(place, tf.strings.length(file)), count)


def _number(file: tf.Tensor, place: tf.Tensor, count: int, is_little: bool = False) -> tf.Tensor:
  """The number that bytes make, the highest first or last; of 4 int64, else int32; 0 at the end."""
  last = tf.strings.length(file) - count  # the padding, all zeros
  data = tf.strings.substr(file, tf.clip_by_value(place, 0, last), count)
  kind = tf.int64 if count == 4 else tf.int32
  digits = tf.cast(tf.ensure_shape(tf.io.decode_raw(data, tf.uint8), [count]), kind)
  weights = [256**k for k in range(count)]
  weights = weights if is_little else weights[::-1]
  return tf.reduce_sum(digits * tf.constant(weights, kind))
