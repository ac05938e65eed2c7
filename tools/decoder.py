"""Decodes codes in NumPy's npz format to images, as the 2017 release's `decoder.py` did.

  python tools/decoder.py --input_codes=C.npz --output_directory=D [--iteration=-1] [--model=M]

Writes image_00.png, image_01.png, ... up to `iteration`, or up to the last one in the file for -1.
Reads the files of encoder.py: the release's, whose images have sides that are multiples of 32, and
ours, which remember the size of the image. Existing images are replaced, as the release did.
"""

from __future__ import annotations

import pathlib
import sys

from absl import flags

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression.codecs import model_folders
from compression.codecs.recurrent import folders
from compression.common import program
from compression.common.errors import FormatError
from compression.common.files import make_folder
from compression.datasets.code_archives import read_codes

_INPUT_CODES = flags.DEFINE_string("input_codes", None, "the file of codes")
_OUTPUT_DIRECTORY = flags.DEFINE_string("output_directory", None, "the folder; made if need be")
_ITERATION = flags.DEFINE_integer("iteration", -1, "the last to write, 0 to 15; -1 for all", -1, 15)
_MODEL = flags.DEFINE_string("model", model_folders.DEFAULT_MODEL, "a released model or a folder")


def main(argv: list[str]) -> None:
  source, target = program.require(argv, _INPUT_CODES, _OUTPUT_DIRECTORY)
  codes = read_codes(source)
  count = len(codes.bits) if _ITERATION.value == -1 else _ITERATION.value + 1
  if count > len(codes.bits):
    raise FormatError(
      f"{source}: has iterations 0 to {len(codes.bits) - 1}, not {_ITERATION.value}"
    )
  config = folders.read_config(model_folders.find(_MODEL.value))
  if codes.bits.shape[-1] != config.bits:
    raise FormatError(f"{source}: has {codes.bits.shape[-1]} bits a block, the model {config.bits}")
  folder = make_folder(target)

  from compression.codecs.recurrent.codec import load
  from compression.images.photos import write_png

  codec = load(_MODEL.value)
  height, width = codes.size or (None, None)
  for index, image in enumerate(codec.decode(codes.bits[:count])):
    write_png(folder / f"image_{index:02d}.png", image[:height, :width], overwrite=True)


if __name__ == "__main__":
  program.run(main)
