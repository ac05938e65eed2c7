"""Writes a model for TensorFlow Serving and other programs that do not have this package.

  python -m compression.export --export_dir=export
  python -m compression.export --model=run/model --export_dir=export --overwrite

The folder appears when all of it is there. `compression/exporting/saved_model.py` describes the
signatures of the two SavedModels, `export/encoder/1` and `export/decoder/1`.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from absl import flags

from compression import files, program, registry
from compression.errors import ConfigError
from compression.exporting import EXPORTED

if TYPE_CHECKING:
  from compression.codec import Codec


def _saved_model(codec: Codec, folder: pathlib.Path) -> None:
  from compression.exporting.saved_model import export

  export(codec, folder)


_FORMATS = {"saved_model": _saved_model}
"""Format -> what writes it into the folder."""

_CHOICES = [*_FORMATS, *(["all"] if len(_FORMATS) > 1 else [])]

_MODEL = flags.DEFINE_string("model", registry.DEFAULT_MODEL, "a released model or a folder")
_EXPORT_DIR = flags.DEFINE_string("export_dir", None, "the folder to write; made if need be")
_FORMAT = flags.DEFINE_string("format", _CHOICES[0], f"what to write: {', '.join(_CHOICES)}")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace an export that exists")


def main(argv: list[str]) -> None:
  (target,) = program.require(argv, _EXPORT_DIR)
  if _FORMAT.value not in _CHOICES:
    known = ", ".join(_CHOICES)
    raise ConfigError(f"format {_FORMAT.value!r} is not supported; there are: {known}")
  registry.find(_MODEL.value)
  program.end_cleanly_when_terminated()
  with files.atomic_folder(target, _OVERWRITE.value, EXPORTED) as folder:
    from compression.codec import load

    codec = load(_MODEL.value)
    for name, write in _FORMATS.items():
      if _FORMAT.value in (name, "all"):
        write(codec, folder)
    lines = [_describe(part, pathlib.Path(target) / part.name) for part in sorted(folder.iterdir())]
  print("\n".join(lines))


def _describe(folder: pathlib.Path, name: pathlib.Path) -> str:
  size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
  return f"{name}: {size} bytes"


if __name__ == "__main__":
  program.run(main)
