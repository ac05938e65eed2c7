"""The codec of the paper: the recurrent networks, the entropy coder and the file, together."""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from compression.codecs import model_folders
from compression.codecs.base import Description, ModelCodec, Options, ProgressiveCodec, Step
from compression.codecs.model_folders import Model
from compression.codecs.recurrent import folders, litert
from compression.codecs.recurrent import tiling as tiling_lib
from compression.codecs.recurrent.config import BLOCK, DEFAULT_ITERATIONS, RecurrentConfig
from compression.codecs.recurrent.tiling import Tiling
from compression.codecs.registry import register_models
from compression.common.errors import FormatError, ModelError, RangeError
from compression.entropy import range_decoder
from compression.entropy.bits import EntropyCoder, PackedBits, learned
from compression.formats import rnic
from compression.images.photos import check_image

if TYPE_CHECKING:
  from compression.codecs.recurrent.network import RecurrentNetwork
  from compression.codecs.recurrent.tiled_runner import TiledRunner

MAX_MEMORY_BYTES = 16 * 2**30
"""A file whose untiled size would need more than this to decode is refused before it is tried."""

_IDENTITY_DIGITS = 16  # of a SHA-256: enough to tell the folders of a run from one another


@register_models(model_folders.RECURRENT)
class RecurrentCodec(ModelCodec, ProgressiveCodec):
  """A model that is ready to use; made by `compression.load`. Its settings are iterations.

  Nothing of TensorFlow is imported before an image is compressed or decompressed.

  Args:
    model: the folder of the networks' weights.

  Attributes:
    config: the architecture.
    coder_folder: of the learned entropy coder that was trained for the model; or None.

  Raises:
    ModelError, ConfigError: if the configuration cannot be read or is not understood.
  """

  setting_name = "iterations"
  suffix = ".rnic"

  def __init__(self, model: Model):
    super().__init__(model)
    self.config: RecurrentConfig = folders.read_config(model)
    self.settings = range(1, self.config.iterations + 1)
    self.default_setting = min(DEFAULT_ITERATIONS, self.config.iterations)
    self.coder_folder = folders.entropy_coder_folder(model)
    self._options = Options()
    self._prepared: set[tuple[int, ...]] = set()

  @classmethod
  def of_network(
    cls,
    name: str,
    network: RecurrentNetwork,
    model_id: bytes,
    coder_folder: pathlib.Path | None = None,
  ) -> RecurrentCodec:
    """A codec of networks that are in memory.

    Args:
      name: for messages.
      network: with its weights.
      model_id: what its files carry.
      coder_folder: of the entropy coder that was trained for it; or None.
    """
    codec = cls.__new__(cls)
    codec.name, codec.folder = name, pathlib.Path()
    codec.config = network.config
    codec.settings = range(1, network.config.iterations + 1)
    codec.default_setting = min(DEFAULT_ITERATIONS, network.config.iterations)
    codec.coder_folder = coder_folder
    codec._options = Options()
    codec._prepared = set()
    codec.network, codec.model_id = network, model_id
    return codec

  def __repr__(self) -> str:
    return f"<RecurrentCodec {self.name} {self.model_id.hex()}>"

  def configure(self, options: Options) -> None:
    """Takes the precision of the networks, and the entropy coder of `compress`.

    In int8 only images are decoded: the networks that make bits stay as they are, in float32.

    Raises:
      ModelError: if the model has no decoder in int8, or can have none.
      MissingCodecError: if what runs it is not installed.
    """
    if options.precision == litert.PRECISION:
      litert.check_architecture(self.name, self.config)
      litert.check(self.folder)
    self._options = options

  @property
  def identity(self) -> str:  # type: ignore[override]  # reading the weights takes time
    """A digest of the folder's files, and the precision."""
    parts = [self.folder, self.folder / folders.ENTROPY_CODER_FOLDER]
    if self._in_int8:
      parts.append(self.folder / litert.FOLDER)
    return f"files {_fingerprint(self.folder, parts)}, {self._options.precision}"

  @functools.cached_property
  def model_id(self) -> bytes:
    """What files of this model carry."""
    return folders.model_id(Model(self.name, self.folder))

  @functools.cached_property
  def network(self) -> RecurrentNetwork:
    """The networks with their weights, loaded when they are first needed.

    Raises:
      ModelError: if the weights cannot be read or do not fit the configuration.
    """
    from compression.codecs.recurrent import weights
    from compression.codecs.recurrent.network import RecurrentNetwork

    arrays = weights.read_weights(self.folder)
    dtype = "float32" if self._in_int8 else self._options.precision
    network = RecurrentNetwork(self.config, dtype=dtype)
    weights.assign_weights(network, arrays, str(self.folder))
    return network

  @functools.cached_property
  def _runner(self) -> TiledRunner:
    from compression.codecs.recurrent.tiled_runner import TiledRunner

    return TiledRunner(self.network)

  @property
  def _in_int8(self) -> bool:
    return self._options.precision == litert.PRECISION

  @functools.cached_property
  def _decoder(self) -> TiledRunner | litert.LiteDecoder:
    """What makes images of bits."""
    return litert.LiteDecoder(self.folder, self.model_id) if self._in_int8 else self._runner

  def load(self) -> None:
    """Reads the weights and builds the networks: those that decode."""
    self._decoder  # noqa: B018  # made when it is first asked for

  @functools.cached_property
  def _learned(self) -> learned.LearnedCoder:
    assert self.coder_folder is not None
    return learned.load(self.coder_folder)

  @functools.cached_property
  def _learned_decoder(self) -> learned.LearnedCoder:
    """The same without TensorFlow: it decodes the same bits, in no more time."""
    assert self.coder_folder is not None
    return learned.load(self.coder_folder, range_decoder)

  # Bytes.

  def compress(
    self,
    image: np.ndarray,
    iterations: float = DEFAULT_ITERATIONS,
    *,
    entropy_coder: str | None = None,
  ) -> bytes:
    """The `.rnic` file of an image.

    Args:
      image: uint8 [H, W, 3], any size from 1x1 up.
      iterations: quality, 1 to the model's 16; each costs 0.125 bits per pixel before entropy
        coding.
      entropy_coder: "learned"; "none" for the bits as they are, which is faster; None for that
        of `configure`, else the learned one if the model has one.

    Raises:
      ImageError: if `image` is not uint8 [H, W, 3].
      RangeError: if `iterations` is out of range.
      ModelError: if the model has no such entropy coder.
    """
    image = check_image(image)
    count = self._count(iterations)
    coder = self.entropy_coder(entropy_coder)
    tiling = self._tiling(image)
    return self._pack(image, self._runner.encode(image, count, tiling), tiling, coder)

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
    contents, tiling = self._open(data, iterations)
    if contents.damage is not None:
      warnings.warn(contents.damage, stacklevel=2)
    image = self._decoder.decode_last(self._bits(contents), tiling)
    return _cropped(image, contents)

  def progressive(self, data: bytes) -> Iterator[np.ndarray]:
    """The image after each layer, uint8 [H, W, 3], worst first; raises as `decompress`."""
    contents, tiling = self._open(data, None)
    for image in self._decoder.decode(self._bits(contents), tiling):
      yield _cropped(image, contents)

  def steps(self, image: np.ndarray) -> Iterator[Step]:
    """Compresses no further than the caller asks for: an image in tiles to its end."""
    image = check_image(image)
    coder = self.entropy_coder(None)
    tiling = self._tiling(image)
    layers: list[np.ndarray] = []
    for bits, reconstruction in self._runner.encode_and_decode(
      image, self.config.iterations, tiling
    ):
      layers.append(bits)
      done = np.stack(layers)
      yield Step(
        len(layers), reconstruction, functools.partial(self._pack, image, done, tiling, coder)
      )

  # What a file says, without the weights.

  @classmethod
  def recognises(cls, data: bytes) -> bool:
    """Whether it begins as `.rnic` files do."""
    return data.startswith(rnic.MAGIC)

  @classmethod
  def model_of(cls, data: bytes) -> Model:
    """The released model, or an earlier one, whose id a file carries."""
    return folders.find_by_id(rnic.read_header(data).model_id)

  @classmethod
  def written(cls, data: bytes) -> range:
    """The iterations that a file was made with."""
    return range(1, rnic.read_header(data).layers + 1)

  @classmethod
  def ends(cls, data: bytes) -> list[int]:
    """Bytes up to the end of each iteration that is whole."""
    return list(rnic.layer_ends(data))

  @classmethod
  def prefix(cls, data: bytes, iterations: float, /) -> bytes:
    """The file of the first iterations; what comes after them may be damaged."""
    return rnic.prefix(data, int(iterations))

  @classmethod
  def damage(cls, data: bytes) -> str | None:
    """What a file lacks, in one line; raises FormatError if no iteration is whole."""
    return rnic.read(data).damage

  @classmethod
  def describe(cls, data: bytes) -> Description:
    """What the header says."""
    header = rnic.read_header(data)
    try:
      model = cls.model_of(data).name
    except ModelError:
      model = "not installed"
    coder = rnic.ENTROPY_CODERS[header.entropy_coder]
    if header.tables_id:
      coder += f" (version {header.tables_id:04x})"
    tiles = f"{header.tile * BLOCK} pixels, {header.halo * BLOCK} of context"
    rows = [
      ("model", f"{model} ({header.model_id.hex()})"),
      ("entropy coder", coder),
      ("tiles", tiles if header.tile else "none"),
    ]
    return Description(header.height, header.width, rows)

  def say(self, setting: float) -> str:
    """`8 iterations`."""
    return f"{setting:g} iteration{'' if setting == 1 else 's'}"

  def prepare(self, image: np.ndarray) -> None:
    """Runs each step once for images of this size: TensorFlow prepares for it, which takes time."""
    if image.shape not in self._prepared:
      self.decompress(self.compress(image, min(2, self.config.iterations)))
      self._prepared.add(image.shape)

  def nominal_bpp(self, image: np.ndarray, setting: float) -> float:
    """The bits of the codes, without entropy coding and header."""
    height, width, _ = image.shape
    blocks = -(-height // BLOCK) * -(-width // BLOCK)
    return setting * blocks * self.config.bits / (height * width)

  # Codes: what the release's tools and entropy coders exchange.

  def encode(self, image: np.ndarray, iterations: int | None = None) -> np.ndarray:
    """The bits of an image, bool [T, ceil(H/16), ceil(W/16), bits]; True is +1."""
    image = check_image(image)
    count = self._count(self.config.iterations if iterations is None else iterations)
    return self._runner.encode(image, count, self._tiling(image))

  def decode(self, bits: np.ndarray) -> Iterator[np.ndarray]:
    """The image after each iteration, uint8 [16 h, 16 w, 3] with the padding still on.

    Args:
      bits: bool [T, h, w, bits], as `encode` gives them; or 0 and 1, in any type of integers.

    Raises:
      FormatError: if they are anything else.
    """
    bits = _check_bits(bits, self.config)
    _, high, wide, _ = bits.shape
    tiling = tiling_lib.choose_tiling(high * BLOCK, wide * BLOCK, self.config.width)
    return self._decoder.decode(bits, tiling)

  def entropy_coder(self, name: str | None = None, decode_only: bool = False) -> EntropyCoder:
    """The coder of that name.

    Args:
      name: None for that of `configure`, else the best there is.
      decode_only: one that does so without TensorFlow, and does not encode.

    Raises:
      ModelError: if the model has none.
    """
    if name is None:
      name = self._options.entropy_coder
    if name is None:
      name = "none" if self.coder_folder is None else "learned"
    if name == "none":
      return PackedBits()
    if name not in rnic.ENTROPY_CODERS.values():
      known = ", ".join(rnic.ENTROPY_CODERS.values())
      raise ModelError(f"entropy coder {name!r} is unknown; known: {known}")
    if self.coder_folder is None:
      raise ModelError(f"model {self.name} has no entropy coder; use 'none'")
    return self._learned_decoder if decode_only else self._learned

  # Inside.

  def _count(self, iterations: float) -> int:
    """As a whole number that the model can make; raises RangeError."""
    whole = isinstance(iterations, (int, np.integer)) or (
      isinstance(iterations, float) and iterations.is_integer()
    )
    if isinstance(iterations, bool) or not whole:
      raise RangeError(f"iterations must be a whole number. Received: {iterations!r}")
    if not 1 <= iterations <= self.config.iterations:
      most = self.config.iterations
      raise RangeError(f"iterations must be 1 to {most}. Received: {iterations:g}")
    return int(iterations)

  def _tiling(self, image: np.ndarray) -> Tiling:
    height, width, _ = image.shape
    return tiling_lib.choose_tiling(height, width, self.config.width)

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
        made_with = f"model {self.model_of(data).name}"
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
    name = rnic.ENTROPY_CODERS[header.entropy_coder]
    coder = self.entropy_coder(name, decode_only=self._in_int8)
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


def _check_bits(bits: Any, config: RecurrentConfig) -> np.ndarray:
  """Refuses what is no code of a model; returns it as bool [T, h, w, bits]."""
  expected = f"codes are a bool array [1 to {config.iterations}, height, width, {config.bits}]"
  try:
    array = np.asarray(bits)
  except ValueError as error:  # nested lists of different lengths
    raise FormatError(f"{expected}. Received: {type(bits).__name__}, {error}") from error
  fits = array.ndim == 4 and array.size > 0 and len(array) <= config.iterations
  if not fits or array.shape[3] != config.bits or array.dtype.kind not in "biu":
    raise FormatError(f"{expected}. Received: shape {array.shape}, dtype {array.dtype}")
  if array.dtype != bool and not np.isin(array, (0, 1)).all():
    low, high = array.min(), array.max()
    raise FormatError(f"{expected}, or one of 0 and 1. Received: {low} to {high}")
  return array.astype(bool)


def _cropped(image: np.ndarray, contents: rnic.Contents) -> np.ndarray:
  """Without what was padded to whole blocks."""
  return image[: contents.header.height, : contents.header.width]


def load(
  name_or_dir: str | os.PathLike[str] = model_folders.DEFAULT_MODEL, precision: str = "float32"
) -> RecurrentCodec:
  """The codec of recurrent networks of that name, or whose folder training wrote.

  Args:
    name_or_dir: the model.
    precision: as of `compression.load`.

  Raises:
    ModelError: if there is no such model, it is of another codec, or it is damaged.
    ConfigError: if its configuration is not understood.
  """
  model = model_folders.find(name_or_dir)
  kind = model_folders.codec_of(model)
  if kind != model_folders.RECURRENT:
    raise ModelError(f"{model.name}: is no recurrent network, but {kind}")
  codec = RecurrentCodec(model)
  codec.configure(Options(precision))
  return codec


def _fingerprint(folder: pathlib.Path, parts: Sequence[pathlib.Path]) -> str:
  """A digest of configuration, weights and coder, in these parts of the folder."""
  digest = hashlib.sha256()
  for file in sorted(
    file for part in parts for kind in ("json", "npz") for file in part.glob(f"*.{kind}")
  ):
    digest.update(f"{file.relative_to(folder).as_posix()}\n".encode())
    digest.update(hashlib.sha256(file.read_bytes()).digest())
  return digest.hexdigest()[:_IDENTITY_DIGITS]
