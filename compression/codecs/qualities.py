"""Codecs that learned a set of weights for each of several qualities, and the folders of such.

A network that was trained with rate + lambda * distortion has one quality: that of its lambda. A
model is a folder of several, from the fewest bytes to the most:

    config.json      {"codec": "balle2017", "model": {"channels": 64},
                      "lambdas": [0.0025, ...],  of 0..255's mean square, increasing
                      "ids": ["0f5c...", ...]}   of what decodes each
    quality_1.npz    the weights of the first lambda
    ...

Its arrays are named PART/LAYER/VARIABLE. Those of the parts in ENCODING are not needed to decode,
and so not in the ids: a better encoder for the same decoder writes the same format. A file carries
the id of its quality, so that runs of training can be joined to one model, and files stay good.

A file is the header of `formats/stepped.py` with the number of the quality, from 1, in the place of
the step; the 8 bytes of the id; and what the codec makes.

Nothing here needs TensorFlow.
"""

from __future__ import annotations

import abc
import dataclasses
import hashlib
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from compression.codecs import model_folders
from compression.codecs.base import Description, HeadedCodec, ModelCodec
from compression.codecs.model_folders import CONFIG_FILE, Model
from compression.common.config import JsonConfig, parse_json
from compression.common.errors import ConfigError, FormatError, ModelError
from compression.common.files import atomic_write, make_folder
from compression.common.npz import read_arrays
from compression.images.photos import check_image

ENCODING = ("analysis", "training")
"""The parts of weights that decoding does not need: transforms of encoders, and what only a
training goes on from."""

ID_BYTES = 8

_ID = re.compile(f"[0-9a-f]{{{2 * ID_BYTES}}}")
_MAX_QUALITIES = 64


@dataclasses.dataclass(frozen=True)
class QualityConfig(JsonConfig):
  """The config.json of a model's folder.

  Raises:
    ConfigError: if it is not as the module says.
  """

  codec: str
  model: dict[str, Any]
  lambdas: Sequence[float]
  ids: Sequence[str]

  def __post_init__(self) -> None:
    lambdas = self.lambdas if isinstance(self.lambdas, list) else []
    numbers = all(type(each) in (int, float) and each > 0 for each in lambdas)
    if not numbers or not 1 <= len(lambdas) <= _MAX_QUALITIES or lambdas != sorted(set(lambdas)):
      raise ConfigError(f"lambdas must be numbers above 0 that increase: {self.lambdas!r}")
    ids = self.ids if isinstance(self.ids, list) else []
    digits = all(isinstance(each, str) and _ID.fullmatch(each) for each in ids)
    if not digits or len(ids) != len(lambdas):
      raise ConfigError(f"ids must be {len(lambdas)} texts of {2 * ID_BYTES} digits: {self.ids!r}")
    if not isinstance(self.model, dict):
      raise ConfigError(f"model must be an object with keys: {self.model!r}")


class Quality(NamedTuple):
  """One quality of a model: its lambda, and its weights by name."""

  lmbda: float
  arrays: Mapping[str, np.ndarray]


def read_config(model: Model, kind: str) -> QualityConfig:
  """The configuration of a model of that kind of codec; raises ModelError, ConfigError."""
  file = model.folder / CONFIG_FILE
  if model_folders.codec_of(model) != kind:
    raise ModelError(f"{file}: is no model of {kind}")
  try:
    return QualityConfig.from_json(model_folders.read_text(model))
  except (ConfigError, TypeError) as error:  # TypeError: a key is missing
    raise ConfigError(f"{file}: {error}") from error


def read_quality(model: Model, config: QualityConfig, number: int) -> Quality:
  """The weights of a quality, from 1; raises ModelError."""
  file = model.folder / weights_file(number)
  arrays = read_arrays(file)
  if weights_id(arrays) != config.ids[number - 1]:
    raise ModelError(f"{file}: is not what {CONFIG_FILE} says: its id is {weights_id(arrays)}")
  return Quality(config.lambdas[number - 1], arrays)


def save(
  folder: pathlib.Path, kind: str, model: dict[str, Any], qualities: Sequence[Quality]
) -> None:
  """Writes a model's folder, the configuration last; each file all or nothing.

  Transforms are saved as float16, all else as it is.

  Args:
    folder: made if need be.
    kind: of the codec.
    model: its architecture.
    qualities: in any order.

  Raises:
    ConfigError: if two have one lambda.
    ModelError: if a weight is not finite as float16.
    OutputError: if it cannot be written.
  """
  qualities = sorted(qualities, key=lambda quality: quality.lmbda)
  archives = [{n: _saved(n, a) for n, a in quality.arrays.items()} for quality in qualities]
  lambdas = [quality.lmbda for quality in qualities]
  config = QualityConfig(kind, model, lambdas, [weights_id(arrays) for arrays in archives])
  make_folder(folder)
  for number, arrays in enumerate(archives, 1):
    with atomic_write(folder / weights_file(number)) as file:
      np.savez_compressed(file, **arrays)
  with atomic_write(folder / CONFIG_FILE) as file:
    file.write(config.to_json().encode())


def join(models: Sequence[Model], kind: str, folder: pathlib.Path) -> QualityConfig:
  """Writes one model of all qualities of several; files that any of them made stay good.

  Raises:
    ModelError, ConfigError: if they are no models of one architecture, or two have one lambda.
    OutputError: if it cannot be written.
  """
  if not isinstance(parse_json(model_folders.read_text(models[0])).get("lambdas"), list):
    raise ModelError(f"{models[0].folder}: has no separate qualities")
  configs = [read_config(model, kind) for model in models]
  for model, config in zip(models, configs):
    if config.model != configs[0].model:
      raise ModelError(f"{model.folder}: is of another architecture than {models[0].folder}")
  qualities = [
    read_quality(model, config, number)
    for model, config in zip(models, configs)
    for number in range(1, len(config.lambdas) + 1)
  ]
  save(folder, kind, configs[0].model, qualities)
  return read_config(Model(folder.name, folder), kind)


def weights_file(number: int) -> str:
  """The name of the archive of a quality, from 1."""
  return f"quality_{number}.npz"


def weights_id(arrays: Mapping[str, np.ndarray]) -> str:
  """What files say they were made with: digits of a digest of all that decodes them."""
  digest = hashlib.sha256()
  for name in sorted(arrays):
    if name.partition("/")[0] not in ENCODING:
      little = arrays[name].astype(arrays[name].dtype.newbyteorder("<"))
      digest.update(f"{name} {little.dtype.str} {little.shape}\n".encode())
      digest.update(little.tobytes())
  return digest.hexdigest()[: 2 * ID_BYTES]


def _saved(name: str, array: np.ndarray) -> np.ndarray:
  if array.dtype.kind != "f" or name.partition("/")[0] in ("prior", "training"):
    return array
  with np.errstate(over="ignore"):  # what overflows is refused
    half = array.astype(np.float16)
  if not np.isfinite(half).all():
    raise ModelError(f"{name}: has values that are not finite as float16")
  return half


class Coder(Protocol):
  """What codes at one quality."""

  def encode(self, image: np.ndarray) -> bytes:
    """The payload of an image, uint8 [H, W, 3]."""

  def decode(self, data: bytes, height: int, width: int) -> np.ndarray:
    """uint8 [height, width, 3]; raises FormatError."""


class QualityCodec(HeadedCodec, ModelCodec):
  """A codec whose settings are the qualities of its model, 1 being that of the fewest bytes.

  Subclasses have `kind`, `file_format` and `make_coder`; the quality stands in the header where
  others have the step.

  Attributes:
    kind: of codec, in config.json.
    config: of the model.
  """

  setting_name = "quality"
  kind: str

  def __init__(self, model: Model):
    super().__init__(model)
    self.config = read_config(model, self.kind)
    self.settings = range(1, len(self.config.lambdas) + 1)
    self._coders: dict[int, Coder] = {}

  @abc.abstractmethod
  def make_coder(self, arrays: Mapping[str, np.ndarray], where: str) -> Coder:
    """What codes with these weights, which are those of the file `where`; raises ModelError."""

  @property
  def identity(self) -> str:  # type: ignore[override]  # reading the weights takes time
    """The format's version and the weights, with those of the encoder."""
    digest = hashlib.sha256()
    for number in self.settings:
      try:
        digest.update((self.folder / weights_file(int(number))).read_bytes())
      except OSError as error:
        raise ModelError(f"{error.filename}: {error.strerror}") from error
    return f"weights {digest.hexdigest()[: 2 * ID_BYTES]}; version {self.file_format.version}"

  def load(self) -> None:
    """Reads the weights of all qualities; raises ModelError."""
    for number in self.settings:
      self._coder(int(number))

  def compress(self, image: np.ndarray, setting: float, /) -> bytes:
    """The file of an image."""
    image = check_image(image)
    height, width, _ = image.shape
    number = int(self.check_setting(setting))
    self.file_format.check_size(height, width)
    made_with = bytes.fromhex(self.config.ids[number - 1])
    payload = made_with + self._coder(number).encode(image)
    return self.file_format.write(height, width, number, payload)

  def decompress(self, data: bytes, /) -> np.ndarray:
    """The image of a file."""
    header, payload = self.file_format.read(data)
    made_with = _made_with(payload)
    if made_with not in self.config.ids:
      ours = f"this is {self.name} ({', '.join(self.config.ids)})"
      raise ModelError(f"made with weights {made_with}; {ours}")
    coder = self._coder(list(self.config.ids).index(made_with) + 1)
    return coder.decode(payload[ID_BYTES:], header.height, header.width)

  @classmethod
  def describe(cls, data: bytes) -> Description:
    """Its size, the quality and the model."""
    header = cls.file_format.read_header(data)
    try:
      model = cls.model_of(data).name
    except (FormatError, ModelError):
      model = "not installed"
    rows = [("quality", f"{header.step:g}"), ("model", model)]
    return Description(header.height, header.width, rows)

  @classmethod
  def model_of(cls, data: bytes) -> Model:
    """The model, released now or earlier, one of whose ids a file carries."""
    _, payload = cls.file_format.read(data)
    made_with = _made_with(payload)
    installed = [*model_folders.models(), *model_folders.earlier()]
    for model in model_folders.of_codec(cls.kind, installed):
      if made_with in read_config(model, cls.kind).ids:
        return model
    raise ModelError(f"made with weights {made_with}, which are not installed")

  def _coder(self, number: int) -> Coder:
    """That of a quality, from 1; raises ModelError."""
    if number not in self._coders:
      quality = read_quality(Model(self.name, self.folder), self.config, number)
      where = str(self.folder / weights_file(number))
      self._coders[number] = self.make_coder(quality.arrays, where)
    return self._coders[number]


def _made_with(payload: bytes) -> str:
  """The id that a payload begins with; raises FormatError."""
  if len(payload) < ID_BYTES:
    raise FormatError("the coded data are cut short")
  return payload[:ID_BYTES].hex()
