"""What the tests of exports share: small codecs with random weights, and files of images."""

from __future__ import annotations

import io
import pathlib

import numpy as np
from PIL import Image

from compression.codecs import model_folders
from compression.codecs.recurrent import archives, weights
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork

WIDTH = 1 / 32
"""The smallest width that is allowed."""

MODEL_ID = b"examples"

_GAIN = 3.0  # keeps the signals of random networks about as large as those of trained ones
_BIAS = 0.2


def small_codec(**config: object) -> RecurrentCodec:
  """A codec of the smallest width with random weights."""
  model = RecurrentNetwork(RecurrentConfig(**{"width": WIDTH, "iterations": 4, **config}))
  rng = np.random.default_rng(1)
  for name, variable in sorted(weights.named_variables(model).items()):
    scale = _BIAS
    if variable.shape.rank > 1:
      gain = 1 if name.startswith("gain_estimator/") else _GAIN
      scale = gain / np.sqrt(np.prod(variable.shape[:-1]))
    variable.assign(rng.normal(0, scale, variable.shape))
  return RecurrentCodec("small", model, MODEL_ID)


def save_small_model(folder: pathlib.Path, **config: object) -> pathlib.Path:
  """That codec as a folder, as training writes it."""
  folder.mkdir()
  codec = small_codec(**config)
  (folder / model_folders.CONFIG_FILE).write_text(codec.config.to_json())
  archives.save_weights(weights.arrays_of(codec.model), folder)
  return folder


def encoded(image: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
  """The bytes of an image file."""
  buffer = io.BytesIO()
  opened = Image.fromarray(image) if isinstance(image, np.ndarray) else image
  opened.save(buffer, kind, **options)
  return buffer.getvalue()


def pixels(file: bytes) -> np.ndarray:
  """The pixels of a PNG file that a graph made: uint8 [H, W, 3]."""
  with Image.open(io.BytesIO(file)) as image:
    assert (image.format, image.mode) == ("PNG", "RGB")
    return np.asarray(image)
