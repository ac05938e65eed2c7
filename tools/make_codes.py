"""Makes a data set of codes from photos, for the training of an entropy coder.

  python tools/make_codes.py --images='photos/*.jpg' --output=codes.tfrecord.gz
      [--model=residual_gru] [--iterations=16] [--variants=3]

Each photo becomes a record: the bits of all its iterations, in the format of the 2017 release. More
variants of it, mirrored or cut by some pixels so that its blocks lie elsewhere, have other bits:
they keep an entropy coder from learning a few photos by heart. With
`.gz` at its end the file is compressed, to about two bits a bit; without, it takes 32. Files that
are no images are left out, with a warning.
"""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from absl import flags

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression.codecs import model_folders
from compression.codecs.recurrent.config import BLOCK, MAX_ITERATIONS
from compression.common import jobs, program
from compression.common.errors import ImageError
from compression.common.files import check_output

if TYPE_CHECKING:
  import numpy as np

_IMAGES = flags.DEFINE_string("images", None, "a pattern of photos")
_OUTPUT = flags.DEFINE_string("output", None, "the file to write, compressed if it ends in .gz")
_ITERATIONS = flags.DEFINE_integer(
  "iterations",
  None,
  "how many of each photo (default: all of the model)",
  lower_bound=1,
  upper_bound=MAX_ITERATIONS,
)
_VARIANTS = flags.DEFINE_integer(
  "variants", 1, "codes of each photo: as it is, then mirrored and cut in turns", lower_bound=1
)
_MODEL = flags.DEFINE_string("model", model_folders.DEFAULT_MODEL, "a released model or a folder")
_PRECISION = jobs.define_precision_flag()
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace the file if it exists")

_PHOTOS_A_LINE = 100
"""From one line about the progress to the next; some minutes."""


def main(argv: list[str]) -> None:
  pattern, target = program.require(argv, _IMAGES, _OUTPUT)
  names = program.expand([pattern])
  check_output(target, _OVERWRITE.value)
  model_folders.find(_MODEL.value)

  from compression.datasets.codes import write_codes

  shapes: list[tuple[int, ...]] = []
  count = write_codes(target, _codes(names, shapes), _OVERWRITE.value)
  blocks = sum(high * wide for high, wide, _ in shapes)
  print(
    f"{target}: {count} codes, {blocks} blocks of {shapes[0][-1]} bits, "
    f"{os.path.getsize(target)} bytes"
  )


def _codes(names: list[str], shapes: list[tuple[int, ...]]) -> Iterator[np.ndarray]:
  """The codes of the photos among these files, one at a time; notes their shapes."""
  from compression.codecs.recurrent.codec import load
  from compression.datasets.codes import from_layers
  from compression.images.photos import read_photo

  codec = load(_MODEL.value, _PRECISION.value)
  for number, name in enumerate(names, 1):
    try:
      photo = read_photo(name)
    except ImageError as error:
      program.warn(f"{error}; left out")
    else:
      for variant in range(_VARIANTS.value):
        image = _variant(photo.image, variant, number)
        code = from_layers(codec.encode(image, _ITERATIONS.value))
        shapes.append(code.shape)
        yield code
    if number % _PHOTOS_A_LINE == 0:
      print(f"{number} of {len(names)} files", flush=True)
  if not shapes:
    raise ImageError(f"{_IMAGES.value}: none of {len(names)} files is an image that can be read")


def _variant(image: np.ndarray, variant: int, number: int) -> np.ndarray:
  """Variant 0 is the photo; odd ones are mirrored, and all others cut at the top and the left.

  Cut so that whole blocks remain: what would be padded is cut off, too. Photos too small for that
  are cut less.
  """
  import numpy as np

  if variant == 0:
    return image
  if variant % 2:
    image = image[:, ::-1]
  cuts = np.random.default_rng([variant, number]).integers(1, BLOCK, 2)
  top, left = (int(cut) if side >= 2 * BLOCK else 0 for cut, side in zip(cuts, image.shape))
  image = image[top:, left:]
  height, width = (side // BLOCK * BLOCK or side for side in image.shape[:2])
  return np.ascontiguousarray(image[:height, :width])


if __name__ == "__main__":
  program.run(main)
