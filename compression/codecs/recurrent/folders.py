"""The folder of a recurrent network: its configuration, its id, its entropy coder.

    config.json      a RecurrentConfig
    encoder.npz, decoder.npz
    entropy_coder/   if one has been trained for these weights

Nothing here needs TensorFlow.
"""

from __future__ import annotations

import functools
import pathlib

from compression.codecs import model_folders
from compression.codecs.model_folders import CONFIG_FILE, Model
from compression.codecs.recurrent import archives
from compression.codecs.recurrent.config import RecurrentConfig
from compression.common.errors import ConfigError, ModelError

ENTROPY_CODER_FOLDER = "entropy_coder"


def read_config(model: Model) -> RecurrentConfig:
  """The configuration of a model.

  Raises:
    ModelError: if the file cannot be read.
    ConfigError: if it holds an unknown key or a wrong value; names the file.
  """
  try:
    return RecurrentConfig.from_json(model_folders.read_text(model))
  except ConfigError as error:
    raise ConfigError(f"{model.folder / CONFIG_FILE}: {error}") from error


def entropy_coder_folder(model: Model) -> pathlib.Path | None:
  """Where the learned entropy coder of a model is; None if it has none."""
  folder = model.folder / ENTROPY_CODER_FOLDER
  return folder if (folder / CONFIG_FILE).is_file() else None


@functools.cache
def model_id(model: Model) -> bytes:
  """What files made with this model carry; read from its files without building networks."""
  return archives.model_id(read_config(model), archives.read_archives(model.folder, "decoder"))


def released() -> list[Model]:
  """The released models of this codec."""
  return model_folders.of_codec(model_folders.RECURRENT, model_folders.models())


def find_by_id(wanted: bytes) -> Model:
  """The released model, or the earlier one, that a file was made with.

  Raises:
    ModelError: if none has this id.
  """
  installed = [*model_folders.models(), *model_folders.earlier()]
  known = model_folders.of_codec(model_folders.RECURRENT, installed)
  for model in known:
    if model_id(model) == wanted:
      return model
  text = ", ".join(f"{model.name} ({model_id(model).hex()})" for model in known)
  raise ModelError(f"made with model {wanted.hex()}, which is not among: {text or 'none'}")
