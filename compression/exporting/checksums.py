"""The checksums of `.rnic` files, computed in a graph, which has no operation for CRCs.

A CRC without its inversions is linear over the bits of the message: the register after a message
is a sum modulo 2 of what each of its bits contributes, and zeros after it multiply the register
by a matrix. So with both chains of `formats/rnic.py` in one register `r`, a row of 48 bits,

    r(m) = m M                                   64 bytes of message, from a register of zeros
    r(a b) = r(a) Z_n + r(b)                     b has n bytes; Z_n is n bytes of zeros
    Z_2n = Z_n Z_n

and a message is folded in halves: as many matrix products as its length has bits, of all pieces
at once. Sums of zeros and ones are exact in float32.
"""

from __future__ import annotations

import binascii
import functools
import zlib

import numpy as np
import tensorflow as tf

from compression.exporting import packing
from compression.formats import rnic

CRC32_BITS = 32
CRC16_BITS = 16
_REGISTER = CRC32_BITS + CRC16_BITS  # bits, the lowest first: CRC-32, then CRC-16

_ALL_ONES = 2**CRC32_BITS - 1  # zlib inverts its register before and after

_PIECE = 64
"""Bytes of message that one matrix takes; more would save little time and take a larger matrix."""

_CHECKED_HEADER = rnic.HEADER_BYTES - CRC32_BITS // packing.BYTE
"""Bytes of the header before its own checksum."""

_CRC32_BITS_IN_CHECK = 7  # of a layer, see `formats/rnic.py`


def header_checksum(header: tf.Tensor) -> tf.Tensor:
  """Bytes 28..31 of a file, uint8 [4], from bytes 0..27."""
  return _bytes(1 - _after_header(header)[:CRC32_BITS])


def layer_checks(header: tf.Tensor, layers: tf.Tensor) -> tf.Tensor:
  """The check of each layer of a file, uint8 [T, 3].

  Args:
    header: uint8 [28], the header up to its checksum.
    layers: uint8 [T, 3 + n], of each layer its length and its payload.
  """
  crc32 = _after_header(header)[:CRC32_BITS]
  start = tf.concat([crc32, 1 - crc32[:CRC16_BITS]], 0)  # CRC-16: the header's checksum, shortened
  skip = _skip(tf.shape(layers)[1])
  registers = tf.scan(
    lambda before, message: _modulo_2(_times(before[tf.newaxis], skip)[0] + message),
    _message(layers),
    start,
  )
  lengths = tf.cast(packing.unpack(layers[:, : rnic.LAYER_OVERHEAD_BYTES // 2]), tf.float32)
  checks = tf.concat(
    [
      registers[:, CRC32_BITS:],
      1 - registers[:, :_CRC32_BITS_IN_CHECK],
      _modulo_2(tf.reduce_sum(lengths, 1, keepdims=True)),
    ],
    1,
  )
  return _bytes(checks)


def _after_header(header: tf.Tensor) -> tf.Tensor:
  """The register after bytes 0..27: only its CRC-32 means anything."""
  zeros = _row(_feed(bytes(_CHECKED_HEADER), _ALL_ONES))
  return _modulo_2(_message(header[tf.newaxis])[0] + zeros)


def _message(data: tf.Tensor) -> tf.Tensor:
  """uint8 [R, L] -> float32 [R, 48], the register after each row, from zeros."""
  # Zeros in front change nothing: they leave a register of zeros as it is.
  data = tf.pad(data, [[0, 0], [-tf.shape(data)[1] % _PIECE, 0]])
  pieces = tf.reshape(data, [tf.shape(data)[0], -1, _PIECE])
  registers = _modulo_2(_times(tf.cast(packing.unpack(pieces), tf.float32), _message_matrix()))

  def fold(registers: tf.Tensor, zeros: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    registers = tf.pad(registers, [[0, 0], [tf.shape(registers)[1] % 2, 0], [0, 0]])
    pairs = tf.reshape(registers, [tf.shape(registers)[0], -1, 2, _REGISTER])
    return _modulo_2(_times(pairs[:, :, 0], zeros) + pairs[:, :, 1]), _double(zeros)

  registers, _ = tf.while_loop(
    lambda registers, _: tf.shape(registers)[1] > 1,
    fold,
    (registers, tf.constant(_zeros_matrix(_PIECE))),
    shape_invariants=(
      tf.TensorShape([None, None, _REGISTER]),
      tf.TensorShape([_REGISTER, _REGISTER]),
    ),
  )
  return registers[:, 0]


def _skip(count: tf.Tensor) -> tf.Tensor:
  """Z_n for int32 n: the product of those of its powers of 2."""

  def step(left: tf.Tensor, product: tf.Tensor, zeros: tf.Tensor) -> tuple:
    product = tf.cond(left % 2 == 1, lambda: _modulo_2(_times(product, zeros)), lambda: product)
    return left // 2, product, _double(zeros)

  start = (count, tf.eye(_REGISTER), tf.constant(_zeros_matrix(1)))
  return tf.while_loop(lambda left, *_: left > 0, step, start)[1]


def _double(zeros: tf.Tensor) -> tf.Tensor:
  return _modulo_2(_times(zeros, zeros))


def _times(rows: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
  return tf.matmul(rows, matrix)


def _modulo_2(sums: tf.Tensor) -> tf.Tensor:
  return tf.math.floormod(sums, 2.0)


def _bytes(bits: tf.Tensor) -> tf.Tensor:
  """float32 [..., 8 n], the lowest bit first -> uint8 [..., n], the lowest byte first."""
  count = bits.shape[-1] // packing.BYTE
  groups = tf.reshape(bits, tf.concat([tf.shape(bits)[:-1], [count, packing.BYTE]], 0))
  return packing.pack(groups[..., ::-1] > 0)[..., 0]


# The matrices, from the very functions that `formats/rnic.py` calls.


def _feed(data: bytes, register: int) -> int:
  """Both registers in one number after `data`, inverted neither before nor after."""
  crc32 = zlib.crc32(data, (register & _ALL_ONES) ^ _ALL_ONES) ^ _ALL_ONES
  return crc32 | binascii.crc_hqx(data, register >> CRC32_BITS) << CRC32_BITS


def _row(register: int) -> np.ndarray:
  return np.array([register >> bit & 1 for bit in range(_REGISTER)], np.float32)


@functools.cache
def _message_matrix() -> np.ndarray:
  """float32 [8 * 64, 48]: what each bit of a piece, in the order of `unpack`, contributes."""
  bits = packing.BYTE * _PIECE
  messages = [(1 << bit).to_bytes(_PIECE, "big") for bit in reversed(range(bits))]
  return np.stack([_row(_feed(message, 0)) for message in messages])


@functools.cache
def _zeros_matrix(count: int) -> np.ndarray:
  """float32 [48, 48]: what `count` bytes of zeros make of each bit of a register."""
  return np.stack([_row(_feed(bytes(count), 1 << bit)) for bit in range(_REGISTER)])
