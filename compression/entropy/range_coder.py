"""Range coding of bits: the ops of tensorflow-compression behind four functions.

The only module that touches tensorflow-compression, which is in maintenance: replace it here. What
a coder sees is integers alone. Of the package only the module with the ops is imported: the rest
takes longer to import than an image takes to decode.
"""

from __future__ import annotations

import functools
import importlib.util
import pathlib
import sys
from typing import Any

import numpy as np
import tensorflow as tf

from compression.common.errors import CompressionError
from compression.entropy.range_decoder import PRECISION, TOTAL, checked_probabilities

_OPS = "tensorflow_compression.python.ops.gen_ops"


def make_lookup(zeros: np.ndarray) -> tf.Tensor:
  """The table that the other functions take.

  Args:
    zeros: integers [n], P(bit = 0) * TOTAL of each of n distributions, from 1 to TOTAL - 1.

  Returns: int32 [n, 4], in the format of the ops.

  Raises:
    ValueError: as `checked_probabilities`.
  """
  zeros = checked_probabilities(zeros)
  rows = np.zeros([len(zeros), 4], np.int32)
  rows[:, 0], rows[:, 2], rows[:, 3] = PRECISION, zeros, TOTAL
  return tf.constant(rows)


def encode(lookup: tf.Tensor, indexes: Any, bits: Any) -> bytes:
  """The bits of one stream.

  Args:
    lookup: what `make_lookup` makes.
    indexes: int32 [m], which distribution each bit has.
    bits: int32 [m] in {0, 1}.

  Returns: about as many bytes as the probabilities say, the shortest that decode.
  """
  ops = _ops()
  handle = ops.create_range_encoder([], lookup)
  handle = ops.entropy_encode_index(handle, indexes, bits)
  return bytes(ops.entropy_encode_finalize(handle).numpy())


def start_decoding(lookup: tf.Tensor, payload: bytes) -> tf.Tensor:
  """A handle on the beginning of what `encode` made; bytes after it count as zeros."""
  return _ops().create_range_decoder(payload, lookup)


def decode(handle: tf.Tensor, indexes: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
  """The handle on what comes next, and the next bits.

  Args:
    handle: not to be used again.
    indexes: int32 [m], the distributions that they were encoded with.

  Returns: the handle, and int32 [m] in {0, 1}. Bytes that `encode` did not make give some bits.
  """
  return _ops().entropy_decode_index(handle, indexes, _shape(len(indexes)), tf.int32)


@functools.lru_cache(maxsize=256)
def _shape(count: int) -> tf.Tensor:
  """[count]; making it anew would take as long as decoding so many bits."""
  return tf.constant([count])


@functools.cache
def _ops() -> Any:
  """The ops; imported under their own name, so that the whole package can still be imported."""
  if _OPS in sys.modules:
    return sys.modules[_OPS]
  found = importlib.util.find_spec(_OPS.partition(".")[0])
  if found is None or found.origin is None:
    raise CompressionError(
      "the package tensorflow-compression, which codes the bits of files, is not installed"
    )
  file = pathlib.Path(found.origin).parent.joinpath(*_OPS.split(".")[1:]).with_suffix(".py")
  spec = importlib.util.spec_from_file_location(_OPS, file)
  assert spec is not None and spec.loader is not None
  module = importlib.util.module_from_spec(spec)
  try:
    spec.loader.exec_module(module)
  except (OSError, tf.errors.NotFoundError) as error:
    reason = str(error).partition("\n")[0]
    raise CompressionError(f"tensorflow-compression does not fit TensorFlow: {reason}") from error
  sys.modules[_OPS] = module
  return module
