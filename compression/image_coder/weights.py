"""The weights of a codec as NumPy archives, by the names that other implementations use too.

    encoder.npz   encoder/conv, encoder/rnn{1,2,3}/{input,gates,...}, encoder/binarizer
    decoder.npz   decoder/conv_in, decoder/rnn{1..4}/..., decoder/conv_out, gain_estimator/conv{1..5}

Kernels are [height, width, in, out], float16 or float32; biases are `<layer>/bias`. An archive may
come in numbered parts, `decoder_1.npz`, `decoder_2.npz`. No pickles, so weights from strangers
cannot run code.
"""

from __future__ import annotations

import hashlib
import pathlib
import zipfile
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from compression.errors import ModelError
from compression.files import atomic_write
from compression.image_coder.codec import ImageCoder
from compression.image_coder.config import CodecConfig

MODEL_ID_BYTES = 8

_DECODING_KEYS = ("unit", "framework", "width", "bits", "pixel_range", "use_bias")
"""The configuration that decoding depends on; how long training was does not matter to a file."""


def named_variables(model: ImageCoder) -> dict[str, tf.Variable]:
  """Every variable of the model by its name in the archives. Builds the model if need be."""
  if not model.built:
    model.build()
  named = {}
  encoder, decoder = model.encoder, model.decoder
  layers = [
    ("encoder", [encoder.conv_in, *encoder.cells, encoder.binarizer]),
    ("decoder", [decoder.conv_in, *decoder.cells, decoder.conv_out]),
  ]
  if model.gain_estimator is not None:
    layers.append(("gain_estimator", model.gain_estimator.convolutions))
  for part, members in layers:
    for layer in members:
      for variable in layer.weights:
        own_name = variable.name.split("/")[-1].split(":")[0]
        suffix = "" if own_name == "kernel" else f"/{own_name}"
        named[f"{part}/{layer.name}{suffix}"] = variable
  return named


def read_archives(folder: pathlib.Path, part: str) -> dict[str, np.ndarray]:
  """The arrays of `part` ("encoder" or "decoder"): `part`.npz, or its numbered parts.

  Raises:
    ModelError: if there is no such file or it is not a NumPy archive.
  """
  files = sorted(folder.glob(f"{part}.npz")) or sorted(folder.glob(f"{part}_[0-9]*.npz"))
  if not files:
    raise ModelError(f"{folder}: has no {part}.npz")
  arrays: dict[str, np.ndarray] = {}
  for file in files:
    try:
      with np.load(file, allow_pickle=False) as archive:
        arrays.update({name: archive[name] for name in archive.files})
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
      raise ModelError(f"{file}: is not an archive of weights: {error}") from error
  return arrays


def read_weights(folder: pathlib.Path) -> dict[str, np.ndarray]:
  """All arrays of a model's folder, by name."""
  return {**read_archives(folder, "encoder"), **read_archives(folder, "decoder")}


def assign_weights(model: ImageCoder, arrays: Mapping[str, np.ndarray], source: str) -> None:
  """Sets every variable of the model; names and shapes must match exactly.

  Raises:
    ModelError: names the first array that is missing, unknown or of another shape.
  """
  variables = named_variables(model)
  missing = sorted(set(variables) - set(arrays))
  unknown = sorted(set(arrays) - set(variables))
  if missing or unknown:
    what = f"lacks {missing[0]}" if missing else f"has {unknown[0]}, which the model does not"
    raise ModelError(f"{source}: {what}")
  for name, variable in variables.items():
    array = arrays[name]
    if array.shape != tuple(variable.shape):
      shape = tuple(variable.shape)
      raise ModelError(f"{source}: {name} must have shape {shape}. Received: {array.shape}")
    variable.assign(array.astype(np.float32))


def save_weights(
  arrays: Mapping[str, np.ndarray], folder: pathlib.Path, dtype: str = "float16"
) -> None:
  """Writes encoder.npz and decoder.npz, each all or nothing.

  Raises:
    ModelError: if a value is not finite in `dtype` (float16 ends at 65504).
  """
  parts: dict[str, dict[str, np.ndarray]] = {"encoder": {}, "decoder": {}}
  for name, array in arrays.items():
    array = np.asarray(array).astype(dtype)
    if not np.isfinite(array).all():
      raise ModelError(f"{name}: has values that are not finite as {dtype}")
    parts["encoder" if name.startswith("encoder/") else "decoder"][name] = array
  for part, members in parts.items():
    with atomic_write(folder / f"{part}.npz") as file:
      np.savez(file, **members)  # type: ignore[arg-type]


def model_id(config: CodecConfig, arrays: Mapping[str, np.ndarray]) -> bytes:
  """What a file says it was made with: a digest of all that decoding depends on.

  The first 8 bytes of SHA-256 over the decoding configuration and the decoder's weights (as
  float16, so that float32 copies of released weights are the same model), in the order of their
  names. The encoder does not count: a better one for the same decoder writes the same format.
  """
  digest = hashlib.sha256()
  values = config.to_dict()
  for key in _DECODING_KEYS:
    digest.update(f"{key}={values[key]!r}\n".encode())
  for name in sorted(arrays):
    if not name.startswith("encoder/"):
      array = np.ascontiguousarray(arrays[name].astype("<f2"))
      digest.update(f"{name}{array.shape}\n".encode())
      digest.update(array.tobytes())
  return digest.digest()[:MODEL_ID_BYTES]
