"""The 2017 release's files of the codes of one image: NumPy's npz with `shape` and `codes`.

shape    [T, 1, h, w, bits]
codes    numpy.packbits of the bits in C order, 1 for +1
size     [height, width] of the image in pixels; ours have it, the release's do not
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from compression.common import npz
from compression.common.errors import FormatError


class Codes(NamedTuple):
  """bits: bool [T, h, w, bits]; size: (height, width) of the image in pixels, or None."""

  bits: np.ndarray
  size: tuple[int, int] | None


def read_codes(path: str) -> Codes:
  """Reads a file of codes.

  Raises:
    FormatError: if it cannot be read, or its arrays do not fit together.
  """
  try:
    with npz.opened(path) as archive:
      shape = _integers(archive["shape"])
      packed = np.asarray(archive["codes"])
      size = _integers(archive["size"]) if "size" in archive.files else None
  except FileNotFoundError:
    raise FormatError(f"{path}: no such file") from None
  except KeyError as error:
    raise FormatError(f"{path}: is not a file of codes: {error.args[0]}") from error
  except Exception as error:  # see `opened`
    raise FormatError(f"{path}: is not a file of codes") from error
  if len(shape) != 5 or min(shape) < 1 or shape[0] > 16 or shape[1] != 1:
    raise FormatError(f"{path}: codes must have shape [1..16, 1, h, w, bits], received {shape}")
  count = int(np.prod(shape, dtype=object))  # Python's integers do not overflow
  if packed.dtype != np.uint8 or packed.ndim != 1 or packed.size != -(-count // 8):
    raise FormatError(f"{path}: codes must be {-(-count // 8)} bytes for shape {shape}")
  bits = np.unpackbits(packed, count=count).reshape(shape)[:, 0].astype(bool)
  if size is None:
    return Codes(bits, None)
  high, wide = 16 * shape[2], 16 * shape[3]
  if len(size) != 2 or not (high - 16 < size[0] <= high and wide - 16 < size[1] <= wide):
    raise FormatError(f"{path}: size {size} does not fit codes of shape {shape}")
  return Codes(bits, (size[0], size[1]))


def _integers(array: np.ndarray) -> tuple[int, ...]:
  """The members of an archive are whatever its writer wanted; raises ValueError."""
  array = np.asarray(array)
  if array.ndim != 1 or array.dtype.kind not in "iu":
    raise ValueError(f"no row of integers: {array.dtype} {array.shape}")
  return tuple(array.tolist())
