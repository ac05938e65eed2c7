"""Images to bytes and back: the networks, the entropy coder and the rnic, together."""

from __future__ import annotations

import os
import pathlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from compression.codecs import model_folders
from compression.codecs.recurrent import folders, weights
from compression.codecs.recurrent import tiling as tiling_lib
from compression.codecs.recurrent.config import BLOCK, DEFAULT_ITERATIONS, RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.codecs.recurrent.tiled_runner import TiledRunner
from compression.codecs.recurrent.tiling import Tiling
from compression.common.errors import FormatError, ModelError, RangeError
from compression.entropy.bits import EntropyCoder, PackedBits, learned
from compression.formats import rnic
from compression.images.photos import check_image

MAX_MEMORY_BYTES = 16 * 2**30
"""A file whose untiled size would need more than this to decode is refused before it is tried."""

Metric = Callable[[np.ndarray, np.ndarray], Any]
"""(original, reconstruction), uint8 [H, W, 3] -> what `float` takes; more is better."""


class Compressed(NamedTuple):
  """A file and what is in it.

  Attributes:
    data: the bytes of the `.rnic` file.
    iterations: layers in it.
    note: what the caller should know, e.g. that a target was not reached; or None.
  """

  data: bytes
  iterations: int
  note: str | None = None


class Decoded(NamedTuple):
  """An image of a file and what was wrong with the file.

  Attributes:
    image: uint8 [H, W, 3].
    iterations: how many layers it was made from.
    damage: one line if the file was cut short or followed by other bytes, else None.
  """

  image: np.ndarray
  iterations: int
  damage: str | None


class RecurrentCodec:
  """A model that is ready to use; made by `compression.load`.

  Args:
    name: for messages.
    model: the networks with their weights.
    model_id: what its files carry.
    coder_folder: of the learned entropy coder that was trained for the model, read when it is
      first needed; or None.
  """

  def __init__(
    self,
    name: str,
    model: RecurrentNetwork,
    model_id: bytes,
    coder_folder: pathlib.Path | None = None,
  ):
    self.name = name
    self.model = model
    self.model_id = model_id
    self.config: RecurrentConfig = model.config
    self._runner = TiledRunner(model)
    self.coder_folder = coder_folder
    self._learned: learned.LearnedCoder | None = None

  def __repr__(self) -> str:
    return f"<RecurrentCodec {self.name} {self.model_id.hex()}>"

  # Bytes.

  def compress(
    self,
    image: np.ndarray,
    iterations: int = DEFAULT_ITERATIONS,
    *,
    entropy_coder: str | None = None,
  ) -> bytes:
    """The `.rnic` file of an image.

    Args:
      image: uint8 [H, W, 3], any size from 1x1 up.
      iterations: quality, 1 to the model's 16; each costs 0.125 bits per pixel before entropy
        coding.
      entropy_coder: "learned"; "none" for the bits as they are, which is faster; None for the
        learned one if the model has one.

    Raises:
      ImageError: if `image` is not uint8 [H, W, 3].
      RangeError: if `iterations` is out of range.
      ModelError: if the model has no such entropy coder.
    """
    image = check_image(image)
    self._check_iterations(iterations)
    coder = self.entropy_coder(entropy_coder)
    tiling = self._tiling(image)
    return self._pack(image, self._runner.encode(image, iterations, tiling), tiling, coder)

  def compress_to_size(
    self, image: np.ndarray, max_bytes: float, *, entropy_coder: str | None = None
  ) -> Compressed:
    """The best quality whose file has at most `max_bytes`; one iteration if none is so small."""
    image = check_image(image)
    coder = self.entropy_coder(entropy_coder)
    tiling = self._tiling(image)
    iterations = self.config.iterations
    if isinstance(coder, PackedBits):  # its size is known before the bits are
      header = self._header(image, iterations, tiling, coder)
      layer = rnic.packed_length(header, self.config.bits) + rnic.LAYER_OVERHEAD_BYTES
      fit = int((max_bytes - rnic.HEADER_BYTES) // layer)
      iterations = min(max(fit, 1), iterations)
    data = self._pack(image, self._runner.encode(image, iterations, tiling), tiling, coder)
    fitting = [n for n, end in enumerate(rnic.layer_ends(data), 1) if end <= max_bytes]
    if not fitting:
      data = rnic.prefix(data, 1)
      return Compressed(data, 1, f"one iteration takes {len(data)} bytes, more than the target")
    if fitting[-1] < iterations:
      data = rnic.prefix(data, fitting[-1])
    return Compressed(data, fitting[-1])

  def compress_to_quality(
    self,
    image: np.ndarray,
    metric: Metric,
    target: float,
    *,
    entropy_coder: str | None = None,
  ) -> Compressed:
    """The fewest iterations whose image reaches `target`; all of them if none does.

    Args:
      metric: what is to reach the target, e.g. `compression.metrics.psnr`.
    """
    image = check_image(image)
    coder = self.entropy_coder(entropy_coder)
    tiling = self._tiling(image)
    layers, quality = [], float("nan")
    steps = self._runner.encode_and_decode(image, self.config.iterations, tiling)
    for bits, reconstruction in steps:
      layers.append(bits)
      quality = float(metric(image, reconstruction))
      if quality >= target:
        break
    note = None
    if not quality >= target:
      note = f"the target of {target:g} was not reached: {quality:.4g} at {len(layers)} iterations"
    return Compressed(self._pack(image, np.stack(layers), tiling, coder), len(layers), note)

  def decompress(self, data: bytes, iterations: int | None = None) -> np.ndarray:
    """The image of a file.

    Args:
      data: the bytes of an `.rnic` file, or the beginning of one.
      iterations: from how many layers to make it; None for all that are there.

    Returns: uint8 [H, W, 3].

    Raises:
      FormatError: if the bytes are no such file, no layer of it is whole, it has fewer layers than
        asked for, or a layer is damaged (ask for the ones before it by `iterations`).
      ModelError: if it was made with another model.

    Warns if the file is cut short: the image then has the quality of the layers that are whole.
    """
    decoded = self.decode_file(data, iterations)
    if decoded.damage is not None:
      warnings.warn(decoded.damage, stacklevel=2)
    return decoded.image

  def decode_file(self, data: bytes, iterations: int | None = None) -> Decoded:
    """As `decompress`, with what was missing instead of a warning."""
    contents, tiling = self._open(data, iterations)
    image = self._runner.decode_last(self._bits(contents), tiling)
    return Decoded(_cropped(image, contents), len(contents.payloads), contents.damage)

  def progressive(self, data: bytes) -> Iterator[Decoded]:
    """The image after each layer of a file, worst first."""
    contents, tiling = self._open(data, None)
    for number, image in enumerate(self._runner.decode(self._bits(contents), tiling), 1):
      yield Decoded(_cropped(image, contents), number, contents.damage)

  # Codes: what the release's tools and entropy coders exchange.

  def encode(self, image: np.ndarray, iterations: int | None = None) -> np.ndarray:
    """The bits of an image, bool [T, ceil(H/16), ceil(W/16), bits]; True is +1."""
    image = check_image(image)
    iterations = self.config.iterations if iterations is None else iterations
    self._check_iterations(iterations)
    return self._runner.encode(image, iterations, self._tiling(image))

  def decode(self, bits: np.ndarray) -> Iterator[np.ndarray]:
    """The image after each iteration, uint8 [16 h, 16 w, 3] with the padding still on.

    Args:
      bits: bool [T, h, w, bits].
    """
    _, high, wide, _ = bits.shape
    return self._runner.decode(bits, self._runner.tiling(high * BLOCK, wide * BLOCK))

  def entropy_coder(self, name: str | None = None) -> EntropyCoder:
    """The coder of that name; None for what `compress` uses if it is not told.

    Raises:
      ModelError: if the model has none.
    """
    if name is None:
      name = "none" if self.coder_folder is None else "learned"
    if name == "none":
      return PackedBits()
    if name not in rnic.ENTROPY_CODERS.values():
      known = ", ".join(rnic.ENTROPY_CODERS.values())
      raise ModelError(f"entropy coder {name!r} is unknown; known: {known}")
    if self.coder_folder is None:
      raise ModelError(f"model {self.name} has no entropy coder; use 'none'")
    if self._learned is None:
      self._learned = learned.load(self.coder_folder)
    return self._learned

  # Inside.

  def _check_iterations(self, iterations: int) -> None:
    if isinstance(iterations, bool) or not isinstance(iterations, (int, np.integer)):
      raise RangeError(f"iterations must be a whole number. Received: {iterations!r}")
    if not 1 <= iterations <= self.config.iterations:
      most = self.config.iterations
      raise RangeError(f"iterations must be 1 to {most}. Received: {iterations}")

  def _tiling(self, image: np.ndarray) -> Tiling:
    height, width, _ = image.shape
    return self._runner.tiling(height, width)

  def _header(
    self, image: np.ndarray, layers: int, tiling: Tiling, coder: EntropyCoder
  ) -> rnic.Header:
    return rnic.Header(
      image.shape[0],
      image.shape[1],
      layers,
      self.model_id,
      coder.coder_id,
      tiling.tile,
      tiling.halo,
      coder.tables_id,
    )

  def _pack(
    self, image: np.ndarray, bits: np.ndarray, tiling: Tiling, coder: EntropyCoder
  ) -> bytes:
    return rnic.write(self._header(image, len(bits), tiling, coder), coder.encode(bits))

  def _open(self, data: bytes, iterations: int | None) -> tuple[rnic.Contents, Tiling]:
    """Reads a file and refuses it before anything is allocated by what its header says."""
    header = rnic.read_header(data)
    if header.model_id != self.model_id:
      try:
        made_with = f"model {folders.find_by_id(header.model_id).name}"
      except ModelError:
        made_with = f"a model that is not installed ({header.model_id.hex()})"
      raise ModelError(f"made with {made_with}; this is {self.name} ({self.model_id.hex()})")
    if header.layers > self.config.iterations:
      raise FormatError(f"has {header.layers} layers; {self.name} makes {self.config.iterations}")
    tiling = Tiling(header.tile, header.halo)
    pixels = tiling_lib.run_pixels(header.height, header.width, tiling)
    coder = self._coder_of(header)
    shape = (header.blocks_high, header.blocks_wide, self.config.bits)
    need = max(
      tiling_lib.memory_bytes(pixels, self.config.width),
      coder.memory_bytes(header.layers, shape),
    )
    if need > MAX_MEMORY_BYTES:
      raise FormatError(f"needs about {need / 2**30:.0f} GiB to decode: not made by this program")
    if iterations is not None and not 1 <= iterations <= header.layers:
      raise FormatError(f"has {header.layers} iterations; {iterations} were asked for")
    length = rnic.packed_length(header, self.config.bits)
    contents = rnic.read(data, max_layers=iterations, expected_length=length)
    if iterations is not None and len(contents.payloads) < iterations:
      raise FormatError(f"{iterations} iterations were asked for; {contents.damage}")
    if contents.corrupt:
      whole = len(contents.payloads)
      raise FormatError(f"{contents.damage} only with --iterations={whole} or less")
    return contents, tiling

  def _coder_of(self, header: rnic.Header) -> EntropyCoder:
    """The entropy coder that a file was made with; raises ModelError if it is not here."""
    coder = self.entropy_coder(rnic.ENTROPY_CODERS[header.entropy_coder])
    if coder.tables_id != header.tables_id:
      raise ModelError(
        f"made with version {header.tables_id:04x} of the entropy coder of {self.name};"
        f" this is version {coder.tables_id:04x}"
      )
    return coder

  def _bits(self, contents: rnic.Contents) -> np.ndarray:
    """The codes of a file, bool [T, h, w, bits]."""
    header = contents.header
    shape = (header.blocks_high, header.blocks_wide, self.config.bits)
    return self._coder_of(header).decode(contents.payloads, shape)


def _cropped(image: np.ndarray, contents: rnic.Contents) -> np.ndarray:
  """Without what was padded to whole blocks."""
  return image[: contents.header.height, : contents.header.width]


def load(
  name_or_dir: str | os.PathLike[str] = model_folders.DEFAULT_MODEL, precision: str = "float32"
) -> RecurrentCodec:
  """A codec from the name of a released model or a folder that training wrote.

  Args:
    name_or_dir: the model.
    precision: float32, or mixed_bfloat16, which is faster where the processor has bfloat16
      instructions and loses a little quality. Files do not depend on it: each decodes with both.

  Raises:
    ModelError: if there is no such model or it is damaged.
    ConfigError: if its configuration is not understood.
  """
  found = model_folders.find(name_or_dir)
  config = folders.read_config(found)
  arrays = weights.read_weights(found.folder)
  model = RecurrentNetwork(config, dtype=precision)
  weights.assign_weights(model, arrays, str(found.folder))
  coder_folder = folders.entropy_coder_folder(found)
  return RecurrentCodec(found.name, model, weights.model_id(config, arrays), coder_folder)
