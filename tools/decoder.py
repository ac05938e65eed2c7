"""Decodes codes in NumPy's npz format to images, as the 2017 release's `decoder.py` did.

  python tools/decoder.py --input_codes=C.npz --output_directory=D [--iteration=-1] [--model=M]

Writes image_00.png, image_01.png, ... up to `iteration`, or up to the last one in the file for -1.
Reads the files of encoder.py: the release's, whose images have sides that are multiples of 32, and
ours, which remember the size of the image. Existing images are replaced, as the release did.
"""

from __future__ import annotations

import pathlib
import sys
from typing import NamedTuple

import numpy as np
from absl import flags

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression import program, registry
from compression.errors import FormatError
from compression.files import make_folder

_INPUT_CODES = flags.DEFINE_string("input_codes", None, "the file of codes")
_OUTPUT_DIRECTORY = flags.DEFINE_string("output_directory", None, "the folder; made if need be")
_ITERATION = flags.DEFINE_integer("iteration", -1, "the last to write, 0 to 15; -1 for all", -1, 15)
_MODEL = flags.DEFINE_string("model", registry.DEFAULT_MODEL, "a released model or a folder")


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
    with np.load(path, allow_pickle=False) as archive:
      shape = tuple(int(side) for side in archive["shape"])
      packed = archive["codes"]
      size = archive["size"].tolist() if "size" in archive.files else None
  except FileNotFoundError:
    raise FormatError(f"{path}: no such file") from None
  except KeyError as error:
    raise FormatError(f"{path}: is not a file of codes: {error.args[0]}") from error
  except Exception as error:  # zipfile, zlib and NumPy raise nearly anything on damaged files
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


def main(argv: list[str]) -> None:
  source, target = program.require(argv, _INPUT_CODES, _OUTPUT_DIRECTORY)
  codes = read_codes(source)
  count = len(codes.bits) if _ITERATION.value == -1 else _ITERATION.value + 1
  if count > len(codes.bits):
    raise FormatError(
      f"{source}: has iterations 0 to {len(codes.bits) - 1}, not {_ITERATION.value}"
    )
  config = registry.read_config(registry.find(_MODEL.value))
  if codes.bits.shape[-1] != config.bits:
    raise FormatError(f"{source}: has {codes.bits.shape[-1]} bits a block, the model {config.bits}")
  folder = make_folder(target)

  from compression.codec import load
  from compression.datasets.images import write_png

  codec = load(_MODEL.value)
  height, width = codes.size or (None, None)
  for index, image in enumerate(codec.decode(codes.bits[:count])):
    write_png(folder / f"image_{index:02d}.png", image[:height, :width], overwrite=True)


if __name__ == "__main__":
  program.run(main)
