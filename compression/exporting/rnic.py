"""`.rnic` files made and read by a graph: what `codes_bytes` holds.

The format is that of `compression/formats/rnic.py`, byte by byte, with entropy coder 0 ("none") and
without tiles; the learned coder's files and those of tiled images are refused. So
`compression.decompress` reads what an exported encoder makes, and an exported decoder what
`compression.compress --entropy_coder=none` makes. As there, every beginning of a file that holds a
whole layer is a file of lower quality, and a changed byte is refused.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent.config import RecurrentConfig
from compression.exporting import checks, packing
from compression.exporting.checksums import header_checksum, layer_checks
from compression.formats import rnic

_CHECKED = rnic.HEADER_BYTES - 4  # the header before its checksum
_LENGTH = rnic.LAYER_OVERHEAD_BYTES // 2  # then the check, as long, and the payload

# Offsets in the header, from the table in `formats/rnic.py`.
_VERSION, _CODER, _LAYERS = 4, 5, 6
_MODEL_ID = slice(8, 16)
_HEIGHT, _WIDTH, _TILE = slice(16, 20), slice(20, 24), slice(24, 26)


class Image(NamedTuple):
  """What a file says: `codes` uint8 [T, h, w, bits / 8]; `height` and `width` int32 [], pixels."""

  codes: tf.Tensor
  height: tf.Tensor
  width: tf.Tensor


def write(image: Image, model_id: bytes) -> tf.Tensor:
  """The file of an image, a string []."""
  check = check_size(image.height, image.width, image.codes.shape[-1])
  layers = tf.shape(image.codes)[0]
  payloads = tf.reshape(checks.after(check, image.codes), [layers, -1])
  lengths = tf.tile(packing.to_bytes(tf.shape(payloads)[1], _LENGTH)[tf.newaxis], [layers, 1])
  template = rnic.write(rnic.Header(1, 1, 1, model_id), [b""])
  header = tf.concat(
    [
      np.frombuffer(template[:_LAYERS], np.uint8),
      packing.to_bytes(layers, 1),
      np.frombuffer(template[_LAYERS + 1 : _HEIGHT.start], np.uint8),
      packing.to_bytes(image.height, 4),
      packing.to_bytes(image.width, 4),
      np.frombuffer(template[_WIDTH.stop : _CHECKED], np.uint8),
    ],
    0,
  )
  check_bytes = layer_checks(header, tf.concat([lengths, payloads], 1))
  rows = tf.concat([lengths, check_bytes, payloads], 1)
  return packing.to_string(tf.concat([header, header_checksum(header), tf.reshape(rows, [-1])], 0))


def read(file: tf.Tensor, config: RecurrentConfig, model_id: bytes) -> Image:
  """What the whole layers of a file say; fails if it is no such file, or damaged.

  Args:
    file: string [].
  """
  data = tf.io.decode_raw(file, tf.uint8)
  size = tf.size(data)
  magic = tf.strings.substr(file, 0, len(rnic.MAGIC))
  check = [
    checks.require(tf.equal(magic, rnic.MAGIC), "codes_bytes is not an .rnic file"),
    checks.require(size >= rnic.HEADER_BYTES, "codes_bytes is cut short in the header", size),
  ]
  header = _header(checks.after(check, data)[: rnic.HEADER_BYTES], config, model_id)
  height, width = (
    tf.cast(packing.from_bytes(header[side]), tf.int32) for side in (_HEIGHT, _WIDTH)
  )
  check = check_size(height, width, config.bits // packing.BYTE)
  check.append(checks.require_memory(1, height, width, config))
  height, width = checks.after(check, height), checks.after(check, width)
  shape = [packing.blocks(height), packing.blocks(width), config.bits // packing.BYTE]
  length = tf.reduce_prod(shape)
  row = rnic.LAYER_OVERHEAD_BYTES + length
  written = tf.cast(header[_LAYERS], tf.int32)
  layers = tf.minimum(written, (size - rnic.HEADER_BYTES) // row)
  check = [checks.require(layers >= 1, "codes_bytes is cut short: no layer is whole", size)]
  start, count = rnic.HEADER_BYTES, checks.after(check, layers) * row
  rows = tf.reshape(data[start : start + count], [-1, row])
  payloads = _payloads(header, rows, length)
  return Image(tf.reshape(payloads, [layers, *shape]), height, width)


def check_size(height: tf.Tensor, width: tf.Tensor, depth: int) -> list[tf.Operation]:
  """What fails if a file cannot hold such an image, of `depth` bytes a block."""
  sides = tf.stack([height, width])
  pixels = tf.reduce_prod(tf.cast(sides, tf.int64))
  payload = tf.reduce_prod(tf.cast(packing.blocks(sides), tf.int64)) * depth
  most = rnic.MAX_SIDE
  in_range = tf.reduce_all(tf.logical_and(sides >= 1, sides <= most))
  fits = tf.logical_and(pixels <= rnic.MAX_PIXELS, payload <= rnic.MAX_PAYLOAD)
  return [
    checks.require(in_range, f"an image of an .rnic file has 1 to {most} rows and columns", sides),
    checks.require(fits, "the image has more pixels than an .rnic file holds", sides),
  ]


def _header(data: tf.Tensor, config: RecurrentConfig, model_id: bytes) -> tf.Tensor:
  """uint8 [32], if it is the header of a file that this graph decodes."""
  intact = tf.reduce_all(tf.equal(header_checksum(data[:_CHECKED]), data[_CHECKED:]))
  version, coder, layers = (tf.cast(data[at], tf.int32) for at in (_VERSION, _CODER, _LAYERS))
  ours = tf.reduce_all(tf.equal(data[_MODEL_ID], np.frombuffer(model_id, np.uint8)))
  tile = packing.from_bytes(tf.ensure_shape(data[_TILE], [2]))
  most = config.iterations
  check = [
    checks.require(intact, "codes_bytes is damaged: the checksum of its header is wrong"),
    checks.require(
      tf.equal(version, rnic.VERSION),
      f"codes_bytes must be of version {rnic.VERSION} of the format",
      version,
    ),
    checks.require(
      tf.equal(coder, 0), "codes_bytes must be made with entropy coder 0 (none)", coder
    ),
    checks.require(ours, f"codes_bytes must be made with model {model_id.hex()}", data[_MODEL_ID]),
    checks.require(tf.equal(tile, 0), "codes_bytes must be made without tiles", tile),
    checks.require(
      tf.logical_and(layers >= 1, layers <= most), f"iterations must be 1 to {most}", layers
    ),
  ]
  return tf.ensure_shape(checks.after(check, data), [rnic.HEADER_BYTES])


def _payloads(header: tf.Tensor, rows: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
  """uint8 [T, n] of layers uint8 [T, 6 + n], if all of them are what was written."""
  overhead = rnic.LAYER_OVERHEAD_BYTES
  lengths, found, payloads = rows[:, :_LENGTH], rows[:, _LENGTH:overhead], rows[:, overhead:]
  expected = layer_checks(header[:_CHECKED], tf.concat([lengths, payloads], 1))
  intact = tf.logical_and(
    tf.reduce_all(tf.equal(lengths, packing.to_bytes(length, _LENGTH)), 1),
    tf.reduce_all(tf.equal(found, expected), 1),
  )
  whole = tf.reduce_sum(tf.math.cumprod(tf.cast(intact, tf.int32)))
  message = "codes_bytes is damaged; layers that are as they were written, from the first on"
  return checks.after([checks.require(tf.reduce_all(intact), message, whole)], payloads)
