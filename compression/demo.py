"""Compresses a photo with the released model and shows what each quality looks like.

  python -m compression.demo [--image=photo.jpg] [--output_dir=demo]

Writes the .rnic file, the image after each iteration, and a contact sheet: the original, and for
iterations 1, 2, 4, 8 and 16 the reconstruction, its residual, and JPEG (4:2:0, progressive,
optimised) of at most the same number of bytes.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from compression.codecs import model_folders, registry
from compression.codecs.base import ProgressiveCodec
from compression.common import program
from compression.common.errors import CompressionError, ImageError
from compression.common.files import atomic_write, make_folder
from compression.reporting.contact_sheet import Row, Version, draw
from compression.reporting.opponents import Opponent

if TYPE_CHECKING:
  from compression.images.photos import Photo

_IMAGE = flags.DEFINE_string("image", None, "the photo (default: one that scikit-image ships)")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "demo", "where the files go; made if need be")
_MODEL = flags.DEFINE_string("model", model_folders.DEFAULT_MODEL, "a released model or a folder")

_SHOWN = (1, 2, 4, 8, 16)


def main(argv: list[str]) -> int:
  program.require(argv)
  photo, name = _photo()
  codec = registry.find(_MODEL.value)
  if not isinstance(codec, ProgressiveCodec):
    raise CompressionError(f"{codec.name}: the demo needs a progressive codec")
  folder = make_folder(_OUTPUT_DIR.value)

  from compression.images.photos import write_png

  data = codec.compress(photo.image, codec.settings[-1])
  ends = codec.ends(data)
  file = folder / f"{name}{codec.suffix}"
  with atomic_write(file) as output:
    output.write(data)
  rows, opponent = [], Opponent(photo.image)
  for count, image in enumerate(codec.progressive(data), 1):
    write_png(folder / f"{name}_{count:02d}.png", image, overwrite=True)
    if count in _SHOWN:
      size = ends[count - 1]
      ours = _version(photo.image, image, size)
      rows.append(Row(count, ours, _jpeg(photo.image, opponent, size)))
  sheet = folder / f"{name}_sheet.png"
  write_png(sheet, draw(photo.image, rows), overwrite=True)
  _print_table(name, photo, rows)
  print(f"\n{file}\n{folder / name}_01.png ... {name}_{len(ends):02d}.png\n{sheet}")
  return 0


def _photo() -> tuple[Photo, str]:
  from compression.images.photos import Photo, read_photo

  if _IMAGE.value is not None:
    return read_photo(_IMAGE.value), pathlib.Path(_IMAGE.value).stem
  try:
    import skimage.data
  except ImportError:
    raise ImageError("the demo's photo is in scikit-image; install it or give --image") from None
  return Photo(skimage.data.chelsea(), ()), "chelsea"


def _version(original: np.ndarray, image: np.ndarray, size: int) -> Version:
  from compression import metrics

  try:
    ms_ssim = float(metrics.ms_ssim(original, image))
  except ImageError:  # too small for it
    ms_ssim = float("nan")
  return Version(image, size, float(metrics.psnr(original, image)), ms_ssim)


def _jpeg(original: np.ndarray, opponent: Opponent, limit: int) -> Version:
  """The best JPEG of at most `limit` bytes, or the smallest if none is so small."""
  data = opponent.at_most(limit).data
  return _version(original, opponent.codec.decompress(data), len(data))


def _print_table(name: str, photo: Photo, rows: list[Row]) -> None:
  height, width, _ = photo.image.shape
  notes = f" ({'; '.join(photo.notes)})" if photo.notes else ""
  print(f"{name}: {width}x{height} pixels{notes}")
  print("iteration   bytes    bpp   PSNR dB  MS-SSIM     JPEG bytes  PSNR dB  MS-SSIM")
  for row in rows:
    ours, jpeg = row.ours, row.jpeg
    print(
      f"{row.iteration:9}{ours.size:8}{8 * ours.size / (height * width):7.3f}{ours.psnr:10.2f}"
      f"{ours.ms_ssim:9.4f}{jpeg.size:15}{jpeg.psnr:9.2f}{jpeg.ms_ssim:9.4f}"
    )


if __name__ == "__main__":
  program.run(main)
