"""What the tests of exports share: small codecs with random weights, and files of images."""

from __future__ import annotations

import io
import pathlib

import numpy as np
import tensorflow as tf
from PIL import Image

from compression.codecs import model_folders
from compression.codecs.recurrent import archives, weights
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.codecs.recurrent.runner import Steps
from compression.codecs.recurrent.tiled_runner import pad_to_blocks
from compression.exporting.saved_model import DecoderModule, EncoderModule
from compression.formats import rnic
from tests.codecs.recurrent.examples import assert_bits

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
  return RecurrentCodec.of_network("small", model, MODEL_ID)


def save_small_model(folder: pathlib.Path, **config: object) -> pathlib.Path:
  """That codec as a folder, as training writes it."""
  folder.mkdir()
  codec = small_codec(**config)
  (folder / model_folders.CONFIG_FILE).write_text(codec.config.to_json())
  archives.save_weights(weights.arrays_of(codec.network), folder)
  return folder


def assert_codes(network: RecurrentNetwork, images: np.ndarray, codes: np.ndarray) -> np.ndarray:
  """Fails unless codes are those that the networks give images, as `assert_bits` tells.

  Args:
    images: uint8 [N, H, W, 3].
    codes: uint8 [N, T, ceil(H / 16), ceil(W / 16), bits / 8].

  Returns: what the networks make of the codes, uint8 [N, T, H, W, 3].
  """
  assert codes.dtype == np.uint8
  x = network.to_x(np.stack([pad_to_blocks(image) for image in images]))
  bits = np.unpackbits(np.swapaxes(codes, 0, 1), axis=-1).astype(bool)
  decoded = network.to_pixels(assert_bits(network, x, bits)).numpy()
  _, height, width, _ = images.shape
  return np.swapaxes(decoded, 0, 1)[:, :, :height, :width]


def codes_of(codec: RecurrentCodec, file: bytes) -> np.ndarray:
  """The codes in a file without entropy coding, as `assert_codes` takes them: N is 1."""
  header, payloads, *_ = rnic.read(file)
  shape = (header.blocks_high, header.blocks_wide, codec.config.bits // 8)
  return np.stack([np.frombuffer(layer, np.uint8).reshape(shape) for layer in payloads])[np.newaxis]


def export_networks(codec: RecurrentCodec, folder: pathlib.Path) -> None:
  """SavedModels with `encode` and `decode_all` alone: the networks, without what is around them."""
  steps = Steps(codec.network)
  encoder, decoder = EncoderModule(codec, steps), DecoderModule(codec, steps)
  del encoder.encode_bytes, decoder.decode, decoder.decode_bytes
  tf.saved_model.save(encoder, str(folder / "encoder/1"), {"encode": encoder.signature("encode")})
  tf.saved_model.save(decoder, str(folder / "decoder/1"), {"decode_all": decoder.decode_all})


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
