"""Prints the MS-SSIM of two images, the number that the 2017 release's `msssim.py` printed.

  python tools/msssim.py --original_image=A.png --compared_image=B.png

Any image that Pillow reads will do. The numbers agree for 8-bit RGB and grey PNGs. With others the
release left out alpha channels, EXIF orientation and colour profiles; they are applied here, as the
codec does, and a warning says so. Needs no TensorFlow.
"""

from __future__ import annotations

import pathlib
import sys

from absl import flags

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression.common import program
from compression.images.photos import read_photo
from compression.metrics.release_ms_ssim import release_ms_ssim

_ORIGINAL_IMAGE = flags.DEFINE_string("original_image", None, "the image to compare with")
_COMPARED_IMAGE = flags.DEFINE_string("compared_image", None, "the image to judge")


def main(argv: list[str]) -> None:
  images = []
  for path in program.require(argv, _ORIGINAL_IMAGE, _COMPARED_IMAGE):
    photo = read_photo(path)
    for note in photo.notes:
      program.warn(f"{path}: {note}")
    images.append(photo.image)
  print(release_ms_ssim(*images))


if __name__ == "__main__":
  program.run(main)
