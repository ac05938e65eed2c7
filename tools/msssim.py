"""Prints the MS-SSIM of two images, the number that the 2017 release's `msssim.py` printed.

    python tools/msssim.py --original_image=A.png --compared_image=B.png

Any image that Pillow reads will do. The numbers agree for 8-bit RGB and grey PNGs. With others the
release left out alpha channels, EXIF orientation and colour profiles; they are applied here, as the
codec does, and a line on the standard error says so. Needs no TensorFlow.

Exit status: 0; 1 if an image cannot be read or the sizes differ; 2 if the flags are wrong.
"""

from __future__ import annotations

import pathlib
import sys

from absl import flags

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression.datasets.images import read_photo
from compression.errors import CompressionError
from compression.metrics.release_ms_ssim import release_ms_ssim

_USAGE = "msssim.py --original_image=A.png --compared_image=B.png"


def main(argv: list[str]) -> int:
  """Runs the program with `argv`, whose first entry is its name; returns the exit status."""
  if "--help" in argv[1:] or "-h" in argv[1:]:
    print(__doc__.strip())
    return 0
  values = flags.FlagValues()  # not absl's global one, which may be filled only once
  flags.DEFINE_string("original_image", None, "The image to compare with.", values)
  flags.DEFINE_string("compared_image", None, "The image to judge.", values)
  try:
    rest = values(argv)[1:]
  except flags.Error as error:
    return _usage_error(str(error))
  if rest:
    return _usage_error(f"{rest[0]!r} is not expected")
  paths = (values.original_image, values.compared_image)
  if not all(paths):
    missing = "original_image" if not paths[0] else "compared_image"
    return _usage_error(f"--{missing} is missing")
  try:
    photos = [read_photo(path) for path in paths]
    for path, photo in zip(paths, photos):
      for note in photo.notes:
        print(f"msssim.py: {path}: {note}", file=sys.stderr)
    print(release_ms_ssim(photos[0].image, photos[1].image))
  except CompressionError as error:
    print(f"msssim.py: {error}", file=sys.stderr)
    return 1
  return 0


def _usage_error(message: str) -> int:
  line = " ".join(message.split())
  print(f"msssim.py: {line}; usage: {_USAGE}", file=sys.stderr)
  return 2


if __name__ == "__main__":
  sys.exit(main(sys.argv))
