"""Codes of images, what the entropy coder learns from: files of them, and batches.

The files are those of the 2017 release of Toderici et al.: TFRecords, each record a
tf.train.Example with the features

    code_shape  3 integers  (h, w, T * D): blocks down and across, T layers of D bits a block
    code        floats      the h * w * T * D values, -1 or +1, in C order

so that layer k is the channels k * D .. (k + 1) * D - 1. Such a file takes 32 bits for every bit;
compressed by GZIP it takes about two.
"""

from __future__ import annotations

import contextlib
import glob
import gzip
import math
import os
import pathlib
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from compression.common.errors import ConfigError, FormatError, OutputError
from compression.common.files import atomic_write

_SHAPE, _VALUES = "code_shape", "code"

_FRAME_BYTES = 16  # a TFRecord has a length of 8 bytes and two checksums of 4 around its content
_GZIP = "GZIP"  # as TensorFlow calls it
_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, section 2.3.1
_CHUNK_BYTES = 2**20

_MAX_VALUES = 2**29 - 2**10
"""A protocol buffer has less than 2 GiB; a float is 4 bytes, and 4 KiB are left for the rest."""

# What random numbers are for: each purpose has a stream of its own.
_ORDER, _PLACE = 0, 1


class PackedCode(NamedTuple):
  """A code as it is kept in memory, a bit for a bit.

  Attributes:
    bits: uint8 [h, w, ceil(C / 8)], numpy.packbits of the bits of each block; 1 is +1.
    depth: C, the bits of a block in all layers together.
  """

  bits: np.ndarray
  depth: int

  @property
  def shape(self) -> tuple[int, int, int]:
    """(h, w, C)."""
    high, wide, _ = self.bits.shape
    return high, wide, self.depth

  def unpack(self, rows: slice = slice(None), columns: slice = slice(None)) -> np.ndarray:
    """The values of these blocks, or of all: int8 [rows, columns, C] in {-1, +1}."""
    bits = np.unpackbits(self.bits[rows, columns], axis=-1, count=self.depth)
    return 2 * bits.view(np.int8) - 1


def pack(code: np.ndarray) -> PackedCode:
  """Packs numbers [h, w, C] in {-1, +1}."""
  return PackedCode(np.packbits(code > 0, axis=-1), code.shape[-1])


def from_layers(bits: np.ndarray) -> np.ndarray:
  """From bool [T, h, w, D], as `RecurrentCodec.encode` gives them, to int8 [h, w, T * D]."""
  _, high, wide, _ = bits.shape
  layers_last = bits.transpose(1, 2, 0, 3).reshape(high, wide, -1)
  return np.where(layers_last, np.int8(1), np.int8(-1))


def write_codes(
  path: str | os.PathLike[str], codes: Iterable[np.ndarray], overwrite: bool = True
) -> int:
  """Writes codes one after the other to a file that appears when it is whole, or not at all.

  Args:
    path: the file; GZIP-compressed if its name ends in `.gz`. Until it is whole, its folder needs
      room for it twice.
    codes: int8 or float [h, w, C] in {-1, +1}, of any sizes of at least 1. Taken one at a time.
    overwrite: whether an existing file is replaced.

  Returns: how many there were.

  Raises:
    FormatError: if one is not such an array; names its number, from 1 on.
    OutputError: if the file exists and `overwrite` is false, or it cannot be written.
  """
  path = pathlib.Path(path)
  count = 0
  with (
    atomic_write(path, overwrite) as file,
    tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder,
  ):
    records = os.path.join(folder, "records")  # TensorFlow writes to names, not to open files
    with _writing(path):
      writer = tf.io.TFRecordWriter(records, _GZIP if path.name.endswith(".gz") else "")
    for count, code in enumerate(codes, 1):
      record = _serialize(code, f"{path}: code {count}")
      with _writing(path):
        writer.write(record)
    with _writing(path):
      writer.close()
    with open(records, "rb") as whole:
      shutil.copyfileobj(whole, file)
  return count


def read_codes(pattern: str) -> list[PackedCode]:
  """All codes of one file, or of the files that a pattern matches, in the order of their names.

  Args:
    pattern: the name, or a pattern (`**` goes into folders). The files may be compressed by GZIP,
      whatever they are called.

  Raises:
    ConfigError: if there is no such file.
    FormatError: if one holds no code, or anything that is none, or is cut short or damaged; names
      the file and the record, from 1 on.
  """
  paths = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern, recursive=True))
  if not paths:
    what = "matches no file" if glob.has_magic(pattern) else "no such file"
    raise ConfigError(f"{pattern}: {what}")
  return [code for path in paths for code in _read(path)]


@contextlib.contextmanager
def _writing(path: pathlib.Path) -> Iterator[None]:
  try:
    yield
  except tf.errors.OpError as error:
    raise OutputError(f"{path}: cannot be written: {error.message}") from error


def _serialize(code: Any, name: str) -> bytes:
  code = np.asarray(code)
  if code.ndim != 3 or not code.size or code.dtype.kind not in "if":
    raise FormatError(
      f"{name} is no array of numbers [height, width, depth] with sides of at least 1. "
      f"Received: shape {code.shape}, dtype {code.dtype}"
    )
  if code.size > _MAX_VALUES:
    raise FormatError(f"{name} has {code.size} values; a record holds {_MAX_VALUES} at most")
  _check_values(code, name)
  # A memoryview hands out one Python float after the other; a list would hold them all.
  values = memoryview(code.astype(np.float32).ravel())
  features = {
    _SHAPE: tf.train.Feature(int64_list=tf.train.Int64List(value=code.shape)),
    _VALUES: tf.train.Feature(float_list=tf.train.FloatList(value=values)),
  }
  return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _read(path: str) -> Iterator[PackedCode]:
  compression = _GZIP if _is_gzip(path) else ""
  records = tf.data.TFRecordDataset(path, compression_type=compression).as_numpy_iterator()
  number, end = 0, 0
  try:
    for number, record in enumerate(records, 1):
      yield _parse(record, f"{path}: record {number}")
      end += len(record) + _FRAME_BYTES
    whole = end == _length(path, compression)  # TensorFlow overlooks some ends that are none
  except (tf.errors.OpError, EOFError, OSError, zlib.error):
    whole = False
  if not whole:
    raise FormatError(
      f"{path}: record {number + 1} is cut short or damaged, or this is no TFRecord file"
    )
  if not number:
    raise FormatError(f"{path}: holds no code")


def _parse(record: bytes, name: str) -> PackedCode:
  try:
    features = tf.train.Example.FromString(record).features.feature
  except DecodeError as error:
    raise FormatError(f"{name} is no tf.train.Example") from error
  shape = list(features[_SHAPE].int64_list.value) if _SHAPE in features else []
  if len(shape) != 3 or min(shape) < 1:
    received = shape or "none"
    raise FormatError(f"{name} needs a {_SHAPE} of 3 integers of at least 1. Received: {received}")
  stored = features[_VALUES].float_list.value if _VALUES in features else []
  if len(stored) != math.prod(shape):
    raise FormatError(
      f"{name} needs a {_VALUES} of {' x '.join(map(str, shape))} floats. Received: {len(stored)}"
    )
  values = np.fromiter(stored, np.float32, len(stored))
  _check_values(values, name)
  return pack(values.reshape(shape))


def _check_values(values: np.ndarray, name: str) -> None:
  others = values[np.abs(values) != 1]  # what is not a number as well
  if others.size:
    raise FormatError(f"{name} has values other than -1 and +1. Received: {others.flat[0]:g}")


def _is_gzip(path: str) -> bool:
  try:
    with open(path, "rb") as file:
      return file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
  except IsADirectoryError as error:
    raise FormatError(f"{path}: is a directory") from error
  except OSError as error:
    raise FormatError(f"{path}: cannot be read: {error.strerror}") from error


def _length(path: str, compression: str) -> int:
  """The bytes of a file, once it is decompressed; raises what `gzip` does if it is not whole."""
  if not compression:
    return os.path.getsize(path)
  with gzip.open(path) as file:
    return sum(map(len, iter(lambda: file.read(_CHUNK_BYTES), b"")))


class CodeSource:
  """Batches of codes, or of windows of them: number s is a function of the seed and s alone.

  So a training run that was cut off sees the batches that it would have seen. The codes come in a
  random order, each once, then in another one, and so on; batches take them from this sequence, so
  that one of them may hold the end of an epoch and the beginning of the next.

  Args:
    codes: all of the same depth.
    batch_size: codes in a batch.
    crop: blocks along a side of the windows, which lie anywhere in a code; smaller codes are left
      out. None for whole codes, which must all have the same size.
    seed: 0 to 2^64 - 1.

  Attributes:
    codes: those that are used.
    shape, dtype: of what a batch holds, (h, w, C) and int8.
    steps_per_epoch: batches until each code has come at least once.
    note: one line about the codes that are left out; empty if there are none.

  Raises:
    ConfigError: if the codes do not go together, or none can be used.
  """

  def __init__(
    self, codes: Sequence[PackedCode], batch_size: int, crop: int | None = None, seed: int = 0
  ):
    if batch_size < 1 or (crop is not None and crop < 1):
      raise ConfigError(f"batch_size and crop must be at least 1: {batch_size}, {crop}")
    if not codes:
      raise ConfigError("there are no codes")
    first = codes[0].shape
    for code in codes:
      if code.depth != first[-1]:
        raise ConfigError(f"the codes differ in depth: {first} and {code.shape}")
      if crop is None and code.shape != first:
        raise ConfigError(f"the codes differ in size, so crop must be set: {first}, {code.shape}")
    self.codes = [code for code in codes if crop is None or min(code.shape[:2]) >= crop]
    self.shape = first if crop is None else (crop, crop, first[-1])
    self.dtype = np.int8
    self.batch_size = batch_size
    self.seed = seed
    self.steps_per_epoch = math.ceil(len(self.codes) / batch_size)
    skipped = len(codes) - len(self.codes)
    note = f"{skipped} of {len(codes)} codes have less than {crop} blocks on a side"
    self.note = note if skipped else ""
    if not self.codes:
      raise ConfigError(f"no code can be used: {note}")

  def batch(self, step: int, begin: int = 0, end: int | None = None) -> np.ndarray:
    """Codes begin .. end - 1 of batch number `step`: int8 [end - begin, h, w, C] in {-1, +1}."""
    places = self._generator(_PLACE, step).random((self.batch_size, 2))
    orders: dict[int, np.ndarray] = {}
    windows = []
    for row in range(*slice(begin, end).indices(self.batch_size)):
      epoch, number = divmod(step * self.batch_size + row, len(self.codes))
      if epoch not in orders:
        orders[epoch] = self._generator(_ORDER, epoch).permutation(len(self.codes))
      windows.append(self._window(self.codes[orders[epoch][number]], *places[row]))
    return np.stack(windows)

  def _generator(self, purpose: int, number: int) -> np.random.Generator:
    key = np.array([self.seed, number], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, purpose]))

  def _window(self, code: PackedCode, down: float, right: float) -> np.ndarray:
    """A window of a code, as far down and right as these shares of what is free."""
    high, wide, _ = self.shape
    top = int(down * (code.shape[0] - high + 1))
    left = int(right * (code.shape[1] - wide + 1))
    return code.unpack(slice(top, top + high), slice(left, left + wide))
