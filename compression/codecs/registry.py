"""Names of codecs -> codecs."""

from __future__ import annotations

from collections.abc import Sequence

from compression.codecs import model_folders
from compression.codecs import pillow as pillow_codecs
from compression.codecs.base import Codec, MissingCodecError
from compression.codecs.recurrent.model_codecs import ModelCodec
from compression.common.errors import CompressionError, ModelError


def names() -> list[str]:
  """All that `find` knows, installed or not: the released models first."""
  return [*(model.name for model in model_folders.models()), *pillow_codecs.NAMES]


def find(name: str, precision: str = "float32", threads: int = 0) -> Codec:
  """The codec of that name.

  Args:
    name: one of `names()`, or the folder of a model.
    precision: of networks.
    threads: of libraries that have a choice; 0 for all. Networks take those of their process.

  Raises:
    MissingCodecError: if it is known, but not installed.
    ModelError, ConfigError: if there is no such codec, or the model is damaged.
  """
  if name in pillow_codecs.NAMES:
    return pillow_codecs.PillowCodec(name, threads)
  try:
    return ModelCodec(name, precision)
  except ModelError as error:
    raise ModelError(f"{error}; codecs: {', '.join(pillow_codecs.NAMES)}") from error


def find_all(
  wanted: Sequence[str], precision: str = "float32"
) -> tuple[dict[str, Codec], list[str]]:
  """The codecs of a list, those that are not installed left out.

  Returns:
    What to call each in `find` -> the codec, and a line for each that is missing.

  Raises:
    CompressionError: if none is left, two would have the same rows, or as `find`.
  """
  found: dict[str, Codec] = {}
  missing = []
  for name in dict.fromkeys(wanted):
    try:
      codec = find(name, precision)
    except MissingCodecError as error:
      missing.append(str(error))
      continue
    if codec.name in {other.name for other in found.values()}:
      raise CompressionError(f"{name}: another of the codecs is called {codec.name}, too")
    found[name] = codec
  if not found:
    raise CompressionError(f"no codec is left: {'; '.join(missing)}")
  return found, missing
