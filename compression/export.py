"""Writes a model for TensorFlow Serving, phones and other programs that do not have this package.

  python -m compression.export --export_dir=export
  python -m compression.export --model=run/model --export_dir=export --overwrite
  python -m compression.export --export_dir=export --format=all --photos='photos/*.jpg'
  python -m compression.export --export_dir=export --format=web
  python -m compression.export --model=run/model --format=int8 --photos='photos/*.jpg'

The folder appears when all of it is there. `compression/exporting/saved_model.py` describes the
signatures of the two SavedModels, `export/encoder/1` and `export/decoder/1`; `tflite.py` beside it
the files in `export/tflite`, and `web.py` the page in `export/web`, for any server of static files.
`--format=int8` goes into the folder of the model: it is what `decompress --precision=int8` decodes
with, and belongs to the weights that the model has now.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from absl import flags

from compression.codecs import model_folders
from compression.codecs.recurrent import litert
from compression.common import files, program
from compression.common.errors import ConfigError
from compression.exporting import (
  DYNAMIC,
  EXPORTED,
  INT8,
  TFLITE_FOLDER,
  VARIANTS,
  WEB_VARIANTS,
  web_files,
)

if TYPE_CHECKING:
  import numpy as np

_MAX_PHOTOS, _CROP = 8, 256
"""How many photos the int8 variant looks at, and how much of each, in pixels along a side: its
ranges hardly change with more, and the time it takes does."""


_WEB = "web"
_ALL = ("saved_model", "tflite")
_CHOICES = (*_ALL, "all", _WEB, litert.PRECISION)  # the page needs more than Python to be made

_MODEL = flags.DEFINE_string("model", model_folders.DEFAULT_MODEL, "a released model or a folder")
_EXPORT_DIR = flags.DEFINE_string(
  "export_dir", None, "the folder to write; made if need be (int8: always that of the model)"
)
_FORMAT = flags.DEFINE_string(
  "format", _CHOICES[0], f"what to write: {', '.join(_CHOICES)}; all is the first two"
)
_PHOTOS = flags.DEFINE_string(
  "photos",
  None,
  "a pattern of photos, or a folder: int8 and dynamic are fitted to some of them",
)
_VARIANTS = flags.DEFINE_list(
  "variants",
  None,
  "of TFLite files, some of float32,float16,dynamic,int8; int8 needs --photos. Of web, one"
  " of float16,dynamic,float32: float16, or dynamic where the model has a decoder in int8",
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace an export that exists")


def main(argv: list[str]) -> None:
  if _FORMAT.value == litert.PRECISION:
    _export_int8(argv)
    return
  (target,) = program.require(argv, _EXPORT_DIR)
  if _FORMAT.value not in _CHOICES:
    known = ", ".join(_CHOICES)
    raise ConfigError(f"format {_FORMAT.value!r} is not supported; there are: {known}")
  formats = _ALL if _FORMAT.value == "all" else (_FORMAT.value,)
  photos = _chosen_photos()
  variants = [_chosen_web_variant()] if _WEB in formats else _chosen_variants(photos)
  if _WEB in formats:
    web_files.runtime()  # says what is missing before any work is done
  model_folders.find(_MODEL.value)
  program.end_cleanly_when_terminated()
  with files.atomic_folder(target, _OVERWRITE.value, EXPORTED) as folder:
    from compression.codecs.recurrent.codec import load

    codec = load(_MODEL.value)
    if "saved_model" in formats:
      from compression.exporting import saved_model

      saved_model.export(codec, folder)
    if "tflite" in formats:
      from compression.exporting import tflite

      tflite.export(codec, folder, variants, _crops(photos))
    if _WEB in formats:
      from compression.exporting import web

      web.export(codec, folder, variants[0])
    lines = list(_describe(folder, pathlib.Path(target)))
  print("\n".join(lines))


def _export_int8(argv: list[str]) -> None:
  """Puts the decoder of --precision=int8 beside the weights that it is made of."""
  program.require(argv, _PHOTOS)
  if _EXPORT_DIR.value is not None or _VARIANTS.value is not None:
    raise program.UsageError("--format=int8 goes into the folder of --model, with no variants")
  photos = _chosen_photos()
  target = model_folders.find(_MODEL.value).folder / litert.FOLDER
  program.end_cleanly_when_terminated()
  names = (litert.NETWORKS, litert.DESCRIPTION)
  with files.atomic_folder(target, _OVERWRITE.value, names) as folder:
    from compression.codecs.recurrent.codec import load
    from compression.exporting import tflite

    tflite.export_int8(load(_MODEL.value), folder, _crops(photos))
    size = sum(file.stat().st_size for file in folder.iterdir())
  print(f"{target}: {size} bytes")


def _chosen_photos() -> list[str]:
  """Evenly spaced among those that --photos names."""
  if _PHOTOS.value is None:
    return []
  folder = pathlib.Path(_PHOTOS.value)
  names = program.expand([str(folder / "*") if folder.is_dir() else _PHOTOS.value])
  return names[:: -(-len(names) // _MAX_PHOTOS)]


def _chosen_variants(photos: list[str]) -> list[str]:
  if _VARIANTS.value is None:
    return [name for name in VARIANTS if name != INT8 or photos]
  for name in _VARIANTS.value:
    if name not in VARIANTS:
      known = ", ".join(VARIANTS)
      raise ConfigError(f"variant {name!r} is not supported; there are: {known}")
  if INT8 in _VARIANTS.value and not photos:
    raise program.UsageError(f"the variant {INT8} needs --photos, to fit its ranges to them")
  return list(dict.fromkeys(_VARIANTS.value))


def _chosen_web_variant() -> str:
  if _VARIANTS.value is None:
    has_own = litert.stands_in(model_folders.find(_MODEL.value).folder)
    return DYNAMIC if has_own else WEB_VARIANTS[0]
  names = list(_VARIANTS.value)
  if len(names) != 1 or names[0] not in WEB_VARIANTS:
    known = ", ".join(WEB_VARIANTS)
    raise program.UsageError(f"--format={_WEB} takes one of the --variants {known}")
  return names[0]


def _crops(names: list[str]) -> list[np.ndarray]:
  """The middle of each photo, all of one size, as the converter takes no others."""
  import numpy as np

  from compression.images.photos import read_photos

  crops = []
  for _, (image, _) in read_photos(names, program.warn):
    top, left = (max(0, (side - _CROP) // 2) for side in image.shape[:2])
    crop = image[top : top + _CROP, left : left + _CROP]
    missing = [(0, _CROP - side) for side in crop.shape[:2]]
    crops.append(np.pad(crop, [*missing, (0, 0)], "symmetric"))
  return crops


def _describe(folder: pathlib.Path, target: pathlib.Path) -> Iterator[str]:
  """A line for each SavedModel, file and other folder of the export, with its bytes."""
  for part in sorted(folder.iterdir()):
    for piece in sorted(part.iterdir()) if part.name == TFLITE_FOLDER else [part]:
      files = [piece] if piece.is_file() else [file for file in piece.rglob("*") if file.is_file()]
      size = sum(file.stat().st_size for file in files)
      yield f"{target / piece.relative_to(folder)}: {size} bytes"


if __name__ == "__main__":
  program.run(main)
