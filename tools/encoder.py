"""Encodes an image to codes in NumPy's npz format, as the 2017 release's `encoder.py` did.

  python tools/encoder.py --input_image=X.png --output_codes=C.npz [--iteration=15] [--model=M]

C.npz holds `shape`, the int64 shape [T, 1, h, w, bits] of the codes, and `codes`, numpy.packbits of
their bits in C order (1 is +1). Unlike the release: images of any size and format (the size goes
into the array `size`, [height, width]), only the iterations asked for are run, and --model is a
name or a folder of ours, by default the released model.
"""

from __future__ import annotations

import pathlib
import sys

import numpy as np
from absl import flags

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression.codecs import model_folders
from compression.common import program
from compression.common.files import atomic_write, check_output

_INPUT_IMAGE = flags.DEFINE_string("input_image", None, "the image")
_OUTPUT_CODES = flags.DEFINE_string(
  "output_codes", None, "the file to write, replaced if it exists"
)
_ITERATION = flags.DEFINE_integer(
  "iteration", 15, "quality, 0 to 15: 0.125 * (iteration + 1) bits per pixel", 0, 15
)
_MODEL = flags.DEFINE_string("model", model_folders.DEFAULT_MODEL, "a released model or a folder")


def main(argv: list[str]) -> None:
  source, target = program.require(argv, _INPUT_IMAGE, _OUTPUT_CODES)
  check_output(target, overwrite=True)
  model_folders.find(_MODEL.value)

  from compression.images.photos import read_photo

  photo = read_photo(source)
  for note in photo.notes:
    program.warn(f"{source}: {note}")

  from compression.codecs.recurrent.codec import load

  bits = load(_MODEL.value).encode(photo.image, _ITERATION.value + 1)[:, np.newaxis]
  with atomic_write(target) as file:
    np.savez_compressed(
      file,
      shape=np.array(bits.shape),
      codes=np.packbits(bits),
      size=np.array(photo.image.shape[:2]),
    )


if __name__ == "__main__":
  program.run(main)
