"""The one registry of models: a name or a folder -> configuration and weights.

A model is a folder with `config.json`, `encoder.npz` and `decoder.npz`, and with the folder
`entropy_coder` if a learned one has been trained for it. Released models are the
folders of `models/`; the folder that `python -m compression.train` writes is one, too. Programs,
exports and tests ask here and nowhere else. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import functools
import os
import pathlib
from typing import NamedTuple

from compression.codecs.recurrent import archives
from compression.codecs.recurrent.config import RecurrentConfig
from compression.common.errors import ConfigError, ModelError

DEFAULT_MODEL = "residual_gru"
CONFIG_FILE = "config.json"
ENTROPY_CODER_FOLDER = "entropy_coder"

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]
# An installed package holds the models inside, a checkout beside the package.
_FOLDERS = (_PACKAGE / "models", _PACKAGE.parent / "models")


class Model(NamedTuple):
  """Where a model is: `name` for messages, `folder` with its files."""

  name: str
  folder: pathlib.Path


def models() -> list[Model]:
  """The released models, by name."""
  for root in _FOLDERS:
    found = [Model(file.parent.name, file.parent) for file in sorted(root.glob("*/" + CONFIG_FILE))]
    if found:
      return found
  return []


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
  known = ", ".join(model.name for model in models()) or "none"
  raise ModelError(f"{text}: no such model or folder; released models: {known}")


def read_config(model: Model) -> RecurrentConfig:
  """The RecurrentConfig of a model.

  Raises:
    ModelError: if the file cannot be read.
    ConfigError: if it holds an unknown key or a wrong value; names the file.
  """
  file = model.folder / CONFIG_FILE
  try:
    return RecurrentConfig.from_json(file.read_text("utf-8"))
  except (OSError, UnicodeDecodeError) as error:
    raise ModelError(f"{file}: cannot be read: {error}") from error
  except ConfigError as error:
    raise ConfigError(f"{file}: {error}") from error


def entropy_coder_folder(model: Model) -> pathlib.Path | None:
  """Where the learned entropy coder of a model is; None if it has none."""
  folder = model.folder / ENTROPY_CODER_FOLDER
  return folder if (folder / CONFIG_FILE).is_file() else None


@functools.cache
def model_id(model: Model) -> bytes:
  """What files made with this model carry; read from its files without building networks."""
  return archives.model_id(read_config(model), archives.read_archives(model.folder, "decoder"))


def find_by_id(wanted: bytes) -> Model:
  """The released model that a file was made with.

  Raises:
    ModelError: if none has this id.
  """
  for model in models():
    if model_id(model) == wanted:
      return model
  known = ", ".join(f"{model.name} ({model_id(model).hex()})" for model in models())
  raise ModelError(f"made with model {wanted.hex()}, which is not among: {known or 'none'}")
