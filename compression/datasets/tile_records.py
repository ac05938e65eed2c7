"""Files of tiles that were cut out of photos: TFRecords, each record a tf.train.Example of

    tile        bytes       the h * w * 3 values, sRGB, in C order
    tile_shape  3 integers  (h, w, 3)
    file        bytes       the name of the photo
    place       2 integers  (top, left): the tile's first row and column in the photo
    score       float       how hard the tile is to compress, see `hard_tiles.py`

The files are not compressed, so that a record can be read without those before it: `read_index`
tells where each lies.
"""

from __future__ import annotations

import array
import mmap
import os
import struct
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from compression.common.errors import FormatError

_TILE, _SHAPE, _FILE, _PLACE, _SCORE = "tile", "tile_shape", "file", "place", "score"
_DEPTH = 3

# The frame of a record: its length, a checksum of that; behind the content, a checksum of it.
_LENGTH = struct.Struct("<Q")
_HEAD_BYTES = _LENGTH.size + 4
_FRAME_BYTES = _HEAD_BYTES + 4


class TileRecord(NamedTuple):
  """A tile and where it is from.

  Attributes:
    pixels: uint8 [h, w, 3], sRGB.
    file: the name of the photo; names need not be text.
    top, left: the tile's first row and column in the photo.
    score: how hard it is to compress.
  """

  pixels: np.ndarray
  file: bytes
  top: int
  left: int
  score: float


def serialize(record: TileRecord) -> bytes:
  """The content of a record."""
  features = {
    _TILE: _bytes(record.pixels.tobytes()),
    _SHAPE: _integers(*record.pixels.shape),
    _FILE: _bytes(record.file),
    _PLACE: _integers(record.top, record.left),
    _SCORE: tf.train.Feature(float_list=tf.train.FloatList(value=[record.score])),
  }
  example = tf.train.Example(features=tf.train.Features(feature=features))
  return example.SerializeToString(deterministic=True)


def parse(content: bytes, name: str) -> TileRecord:
  """The record of such a content; its pixels are read-only.

  Args:
    content: what `serialize` made.
    name: what messages call it.

  Raises:
    FormatError: if it is none.
  """
  try:
    features = tf.train.Example.FromString(content).features.feature
  except DecodeError as error:
    raise FormatError(f"{name} is no tf.train.Example") from error
  shape = tuple(features[_SHAPE].int64_list.value)
  if len(shape) != 3 or min(shape) < 1 or shape[2] != _DEPTH:
    received = shape or "none"
    raise FormatError(f"{name} needs a {_SHAPE} of height, width and 3. Received: {received}")
  pixels = b"".join(features[_TILE].bytes_list.value)
  if len(pixels) != shape[0] * shape[1] * shape[2]:
    raise FormatError(
      f"{name} needs a {_TILE} of {' x '.join(map(str, shape))} bytes. Received: {len(pixels)}"
    )
  file = b"".join(features[_FILE].bytes_list.value)
  place, score = features[_PLACE].int64_list.value, features[_SCORE].float_list.value
  if len(place) != 2 or len(score) != 1:
    raise FormatError(f"{name} needs a {_PLACE} of 2 integers and a {_SCORE}")
  tile = np.frombuffer(pixels, np.uint8).reshape(shape)
  return TileRecord(tile, file, place[0], place[1], score[0])


def framed(contents: Iterable[bytes], scratch: str) -> bytes:
  """The part of a file that holds records of these contents.

  Files of records may be put together from such parts. TensorFlow writes to names, and not to open
  files: `scratch` is a name that it may use.
  """
  with tf.io.TFRecordWriter(scratch) as writer:
    for content in contents:
      writer.write(content)
  with open(scratch, "rb") as file:
    return file.read()


def read_index(path: str) -> np.ndarray:
  """Where the records of a file begin, and where the last one ends: int64 [records + 1].

  Only lengths are looked at, not the checksums.

  Raises:
    FormatError: if the file cannot be read, or is cut short, or is no TFRecord file.
  """
  starts = array.array("q", [0])  # eight bytes each; a list of integers takes five times as many
  try:
    size = os.path.getsize(path)
    if not size:  # cannot be mapped
      return np.array(starts)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
      size, start = len(content), 0
      while start < size:
        end = start + _FRAME_BYTES
        if end <= size:
          end += _LENGTH.unpack_from(content, start)[0]
        if end > size:
          raise FormatError(
            f"{path}: record {len(starts)} is cut short, or this is no TFRecord file"
          )
        starts.append(end)
        start = end
  except OSError as error:
    raise FormatError(f"{path}: cannot be read: {error.strerror}") from error
  return np.array(starts)


def read_record(path: str, start: int, end: int) -> bytes:
  """The content of the record that lies there, as `read_index` says.

  Raises:
    FormatError: if the file cannot be read.
  """
  try:
    with open(path, "rb", buffering=0) as file:
      file.seek(start + _HEAD_BYTES)
      return file.read(end - start - _FRAME_BYTES)
  except OSError as error:
    raise FormatError(f"{path}: cannot be read: {error.strerror}") from error


def _bytes(value: bytes) -> tf.train.Feature:
  return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _integers(*values: int) -> tf.train.Feature:
  return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
