"""The weights of a codec as NumPy archives, by the names that other implementations use too.

    encoder.npz   encoder/conv, encoder/rnn{1,2,3}/{input,gates,...}, encoder/binarizer
    decoder.npz   decoder/conv_in, decoder/rnn{1,2,3,4}/..., decoder/conv_out, gain_estimator/...

Kernels are [height, width, in, out], float16 or float32; biases are `<layer>/bias`. An archive may
come in numbered parts, `decoder_1.npz`, `decoder_2.npz`. No pickles, so weights from strangers
cannot run code. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Mapping

import numpy as np

from compression.codecs.recurrent.config import RecurrentConfig
from compression.common.errors import ModelError
from compression.common.files import atomic_write
from compression.common.npz import read_arrays

MODEL_ID_BYTES = 8

_DECODING_KEYS = ("unit", "framework", "width", "bits", "pixel_range", "use_bias")
"""The configuration that decoding depends on; how long training was does not matter to a file."""

_LATER_KEYS = {"priming": 0}
"""More of it, which older models have not: with these values it is left out of their ids."""


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
    arrays.update(read_arrays(file))
  return arrays


def read_weights(folder: pathlib.Path) -> dict[str, np.ndarray]:
  """All arrays of a model's folder, by name."""
  return {**read_archives(folder, "encoder"), **read_archives(folder, "decoder")}


def save_weights(
  arrays: Mapping[str, np.ndarray], folder: pathlib.Path, dtype: str = "float16"
) -> None:
  """Writes encoder.npz and decoder.npz, each all or nothing.

  Raises:
    ModelError: if a value is not finite in `dtype` (float16 ends at 65504).
  """
  parts: dict[str, dict[str, np.ndarray]] = {"encoder": {}, "decoder": {}}
  for name, array in arrays.items():
    with np.errstate(over="ignore"):  # what overflows is refused
      array = np.asarray(array).astype(dtype)
    if not np.isfinite(array).all():
      raise ModelError(f"{name}: has values that are not finite as {dtype}")
    parts["encoder" if name.startswith("encoder/") else "decoder"][name] = array
  for part, members in parts.items():
    with atomic_write(folder / f"{part}.npz") as file:
      np.savez_compressed(file, **members)


def model_id(config: RecurrentConfig, arrays: Mapping[str, np.ndarray]) -> bytes:
  """What a file says it was made with: a digest of all that decoding depends on.

  The first 8 bytes of SHA-256 over the decoding configuration and the decoder's weights (as
  float16, so that float32 copies of released weights are the same model), in the order of their
  names. The encoder does not count: a better one for the same decoder writes the same format.
  """
  digest = hashlib.sha256()
  values = config.to_dict()
  for key in _DECODING_KEYS:
    digest.update(f"{key}={values[key]!r}\n".encode())
  for key, before in _LATER_KEYS.items():
    if values[key] != before:
      digest.update(f"{key}={values[key]!r}\n".encode())
  for name in sorted(arrays):
    if not name.startswith("encoder/"):
      array = np.ascontiguousarray(arrays[name].astype("<f2"))
      digest.update(f"{name}{array.shape}\n".encode())
      digest.update(array.tobytes())
  return digest.digest()[:MODEL_ID_BYTES]
