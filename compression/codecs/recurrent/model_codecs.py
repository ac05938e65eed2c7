"""A model as a codec of the evaluation: each of its iterations is a setting."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from compression.codecs import model_folders
from compression.codecs.base import Codec, Trial, timed
from compression.codecs.recurrent import folders
from compression.formats import rnic

if TYPE_CHECKING:
  from compression.codecs.recurrent.codec import RecurrentCodec

_DIGITS = 16  # of a SHA-256: enough to tell the folders of a run from one another


class ModelCodec(Codec):
  """A released model or the folder of one; the networks are loaded when they are first needed.

  Args:
    name_or_dir: as `compression.load` takes it.
    precision: of the networks.

  Raises:
    ModelError, ConfigError: if there is no such model or its configuration is not understood.
  """

  def __init__(self, name_or_dir: str, precision: str = "float32"):
    model = model_folders.find(name_or_dir)
    self._name_or_dir = name_or_dir
    self._precision = precision
    self._loaded: RecurrentCodec | None = None
    self._warm: set[tuple[int, ...]] = set()
    self.name = model.name
    self._iterations = folders.read_config(model).iterations
    self.settings = range(1, self._iterations + 1)
    self.identity = f"files {_fingerprint(model.folder)}, {precision}"

  def encode(self, image: np.ndarray, setting: float) -> bytes:
    """The `.rnic` file of an image, uint8 [H, W, 3]."""
    return self.loaded().compress(image, int(setting))

  def decode(self, data: bytes) -> np.ndarray:
    """The image of an `.rnic` file, uint8 [H, W, 3]."""
    return self.loaded().decompress(data)

  def trials(self, image: np.ndarray) -> Iterator[Trial]:
    """The image, uint8 [H, W, 3], at each number of iterations.

    They all come from one file, of which a beginning is the file of fewer iterations. How long it
    takes to make and to read such a file is measured for 1, 2, 4, 8 ... and all iterations; the
    times between lie on the line, as every iteration does the same work.
    """
    codec = self.loaded()
    self._warm_up(image)
    encode_seconds, decode_seconds = [], []
    last = self._iterations
    measured = [n for n in range(1, last + 1) if n & (n - 1) == 0 or n == last]
    for count in measured:
      data, seconds = timed(lambda: self.encode(image, count))  # noqa: B023
      encode_seconds.append(seconds)
      _, seconds = timed(lambda: self.decode(data))  # noqa: B023
      decode_seconds.append(seconds)
    header = rnic.read_header(data)
    layer_bits = header.blocks_high * header.blocks_wide * codec.config.bits
    for size, decoded in zip(rnic.layer_ends(data), codec.progressive(data)):
      count = decoded.iterations
      yield Trial(
        count,
        size,
        decoded.image,
        float(np.interp(count, measured, encode_seconds)),
        float(np.interp(count, measured, decode_seconds)),
        count * layer_bits / (header.height * header.width),
      )

  def loaded(self) -> RecurrentCodec:
    """The model, loaded when it is first needed."""
    if self._loaded is None:
      from compression.codecs.recurrent.codec import load

      self._loaded = load(self._name_or_dir, self._precision)
    return self._loaded

  def _warm_up(self, image: np.ndarray) -> None:
    """Runs each step once for images of this size: TensorFlow prepares for it, which takes time."""
    if image.shape not in self._warm:
      self.decode(self.encode(image, min(2, self._iterations)))
      self._warm.add(image.shape)


def _fingerprint(folder: pathlib.Path) -> str:
  """Of all that coding depends on: configuration, weights, entropy coder."""
  digest = hashlib.sha256()
  parts = (folder, folder / folders.ENTROPY_CODER_FOLDER)
  for file in sorted(
    file for part in parts for kind in ("json", "npz") for file in part.glob(f"*.{kind}")
  ):
    digest.update(f"{file.relative_to(folder).as_posix()}\n".encode())
    digest.update(hashlib.sha256(file.read_bytes()).digest())
  return digest.hexdigest()[:_DIGITS]
