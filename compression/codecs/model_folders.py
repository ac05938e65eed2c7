"""Where models are: a name or a path -> a folder with `config.json` and weights.

Released models are the folders of `models/`; the folder that `python -m compression.train` writes
is one, too. `models/earlier/` holds those that were released before: files that were made with them
decode, and nothing else uses them. `"codec"` in config.json says whose weights they are: those of
the recurrent networks do not say so. Nothing here needs TensorFlow, nor knows what a codec is.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterable
from typing import NamedTuple

from compression.common.errors import ConfigError, ModelError

DEFAULT_MODEL = "mobile"
CONFIG_FILE = "config.json"
CODEC_KEY = "codec"
RECURRENT = "recurrent"

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]
# An installed package holds the models inside, a checkout beside the package.
_FOLDERS = (_PACKAGE / "models", _PACKAGE.parent / "models")
_EARLIER = "earlier"


class Model(NamedTuple):
  """Where a model is: `name` for messages, `folder` with its files."""

  name: str
  folder: pathlib.Path


def models() -> list[Model]:
  """The released models, by name."""
  return _models_in("")


def earlier() -> list[Model]:
  """Models that were released before: only for the files that they made."""
  return _models_in(_EARLIER)


def of_codec(kind: str, among: Iterable[Model]) -> list[Model]:
  """Those of some models that are of one kind of codec; raises as `codec_of`."""
  return [model for model in among if codec_of(model) == kind]


def names() -> list[str]:
  """The names of the released models."""
  return [model.name for model in models()]


def find(name_or_dir: str | os.PathLike[str] = DEFAULT_MODEL) -> Model:
  """The released model of that name, or the model in that folder.

  Raises:
    ModelError: if there is neither; names those that exist.
  """
  text = os.fspath(name_or_dir)
  for model in models():
    if model.name == text:
      return model
  folder = pathlib.Path(text)
  if (folder / CONFIG_FILE).is_file():
    return Model(folder.resolve().name, folder)
  if folder.is_dir():
    raise ModelError(f"{text}: is a folder without {CONFIG_FILE}, so not a model")
  raise ModelError(
    f"{text}: no such model or folder; released models: {', '.join(names()) or 'none'}"
  )


def read_text(model: Model) -> str:
  """The config.json of a model; raises ModelError if it cannot be read."""
  file = model.folder / CONFIG_FILE
  try:
    return file.read_text("utf-8")
  except (OSError, UnicodeDecodeError) as error:
    raise ModelError(f"{file}: cannot be read: {error}") from error


def codec_of(model: Model) -> str:
  """The kind of codec that a model's weights are for.

  Raises:
    ModelError: if its configuration cannot be read.
    ConfigError: if it is no JSON object.
  """
  try:
    values = json.loads(read_text(model))
  except ValueError as error:
    raise ConfigError(f"{model.folder / CONFIG_FILE}: is not JSON: {error}") from error
  kind = values.get(CODEC_KEY, RECURRENT) if isinstance(values, dict) else RECURRENT
  return str(kind)


def _models_in(part: str) -> list[Model]:
  for root in _FOLDERS:
    found = sorted((root / part).glob("*/" + CONFIG_FILE))
    if found:
      return [Model(file.parent.name, file.parent) for file in found]
  return []
