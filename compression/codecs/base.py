"""The contract of codecs, which programs, evaluations and reports are written against.

    class Mine(Codec):
      name = "mine"                      # in --model=, --codecs=, tables and plots
      settings = (1, 2, 4, 8)            # from the fewest bytes to the most
      def compress(self, image, setting, /): ...      # uint8 [H, W, 3] -> bytes
      def decompress(self, data, /): ...              # bytes -> uint8 [H, W, 3]

`@registry.register` above the class brings it into all programs; so does `--codecs=mine.py:Mine`.
"""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from compression.codecs.model_folders import Model
from compression.common.errors import CompressionError, FormatError, ModelError, RangeError
from compression.formats.stepped import SteppedFormat


class MissingCodecError(CompressionError):
  """A codec is known, but what it needs is not installed here."""


class Options(NamedTuple):
  """The choices of a user beside the setting; a codec takes those that it has.

  Attributes:
    precision: of networks, "float32" or "mixed_bfloat16"; or "int8", of those that decode alone.
    threads: of libraries; 0 for all. Networks take those of their process.
    entropy_coder: of the bits of a recurrent network, "learned" or "none"; None for the best.
  """

  precision: str = "float32"
  threads: int = 0
  entropy_coder: str | None = None


class Description(NamedTuple):
  """A file as it tells of itself, without being decoded.

  Attributes:
    height, width: of the image.
    rows: (what, value), for people.
  """

  height: int
  width: int
  rows: list[tuple[str, str]]


class Codec(abc.ABC):
  """Images to bytes and back.

  Attributes:
    name: in flags, results, plots and tables.
    settings: from the fewest bytes to the most; what one means is the codec's own.
    setting_name: what one is called in messages: "quality", "step", "iterations".
    default_setting: what is used if nobody says; None for the middle one.
    suffix: of its files.
    learned: whether it was trained, so that it has a model's folder and a card.
    identity: what its bytes and pixels depend on: options, versions, weights. Results of another
      identity cannot be mixed with its own.
  """

  name: str
  settings: Sequence[float]
  setting_name: str = "setting"
  default_setting: float | None = None
  suffix: str = ".bin"
  learned: bool = False
  identity: str = ""

  @abc.abstractmethod
  def compress(self, image: np.ndarray, setting: float, /) -> bytes:
    """The file of an image.

    Args:
      image: uint8 [H, W, 3], any size from 1x1 up.
      setting: one of `settings`; a codec may take others between them.

    Raises:
      ImageError: if the codec cannot take the image.
      RangeError: if it has no such setting.
    """

  @abc.abstractmethod
  def decompress(self, data: bytes, /) -> np.ndarray:
    """The image of a file, uint8 [H, W, 3].

    Raises:
      FormatError: if these bytes are no whole file of this codec.
      ModelError: if they were made with weights that are not here.
    """

  def recognises(self, data: bytes) -> bool:
    """Whether these bytes say that this codec made them; only their beginning is looked at."""
    return False

  def describe(self, data: bytes) -> Description:
    """Reads what `info` shows of a file; raises FormatError."""
    height, width, _ = self.decompress(data).shape
    return Description(height, width, [])

  def say(self, setting: float) -> str:
    """A setting in a sentence: "quality 75", "8 iterations"."""
    return f"{self.setting_name} {show(setting)}"

  def configure(self, options: Options) -> None:
    """Takes what a program was asked for; before anything else is called."""
    return

  def load(self) -> None:
    """Reads weights, if there are any, that the first image would else wait for."""
    return

  def prepare(self, image: np.ndarray) -> None:
    """Does what only the first image of a size costs, so that times are those of a later one."""
    return

  def nominal_bpp(self, image: np.ndarray, setting: float) -> float | None:
    """Bits per pixel before entropy coding; None for codecs that have no such number."""
    return None

  def check_setting(self, setting: float) -> float:
    """The setting, if `compress` takes it: one of `settings` here; raises RangeError."""
    if isinstance(setting, bool) or setting not in self.settings:
      known = ", ".join(map(show, self.settings))
      raise RangeError(f"{self.name} has no {self.setting_name} {show(setting)}; it has {known}")
    return setting


class ModelCodec(Codec):
  """A codec that learned: each folder of weights is one.

  What tells of a file without decoding it (`recognises`, `describe` and, of progressive codecs,
  `ends`, `written`, `prefix` and `damage`) are class methods: they need no weights.

  Args:
    model: the folder with the weights.
  """

  learned = True

  def __init__(self, model: Model):
    self.name = model.name
    self.folder = model.folder

  @classmethod
  def model_of(cls, data: bytes) -> Model:
    """The installed model that a file of this codec was made with.

    Raises:
      FormatError: if the file does not say.
      ModelError: if it is not installed.
    """
    raise ModelError("says nothing of the model that made it")


class HeadedCodec(Codec):
  """A codec whose files have the header of `formats/stepped.py`.

  What tells of a file are class methods, as those of a ModelCodec have to be.

  Attributes:
    file_format: of its files.
  """

  file_format: SteppedFormat

  @classmethod
  def recognises(cls, data: bytes) -> bool:
    """Whether the magic number is there."""
    return cls.file_format.recognises(data)


class SteppedCodec(HeadedCodec):
  """A codec with one step of a quantiser, which is its setting: any that its files can hold."""

  setting_name = "step"

  def check_setting(self, setting: float) -> float:
    """The step, if the header can hold it; raises RangeError."""
    self.file_format.check_step(setting)
    return setting

  @classmethod
  def describe(cls, data: bytes) -> Description:
    """Its size and the step."""
    header = cls.file_format.read_header(data)
    return Description(header.height, header.width, [("step", show(header.step))])


class Step(NamedTuple):
  """An image that a progressive codec is compressing, after one of its settings.

  Attributes:
    setting: how far it is.
    image: what a decoder will make of it so far, uint8 [H, W, 3].
    file: makes the bytes of the file that ends here.
  """

  setting: float
  image: np.ndarray
  file: Callable[[], bytes]


class ProgressiveCodec(Codec):
  """A codec whose file of a setting begins with the files of the settings before it."""

  @abc.abstractmethod
  def ends(self, data: bytes) -> list[int]:
    """Bytes up to the end of each setting of `written` that is whole; raises FormatError."""

  @abc.abstractmethod
  def written(self, data: bytes) -> Sequence[float]:
    """The settings that a file was made with: a cut one no longer holds all; raises FormatError."""

  @abc.abstractmethod
  def prefix(self, data: bytes, setting: float, /) -> bytes:
    """The file of a setting out of that of a higher one.

    Raises:
      FormatError: if the file does not hold the setting whole.
    """

  @abc.abstractmethod
  def progressive(self, data: bytes, /) -> Iterator[np.ndarray]:
    """The image, uint8 [H, W, 3], at each setting that the file holds, worst first."""

  def damage(self, data: bytes) -> str | None:
    """Says in one line what a file lacks that `decompress` can do without; None if it is whole."""
    return None

  def steps(self, image: np.ndarray) -> Iterator[Step]:
    """Compresses no further than the caller asks for."""
    data = self.compress(image, self.settings[-1])
    for setting, reconstruction in zip(self.settings, self.progressive(data)):
      yield Step(setting, reconstruction, functools.partial(self.prefix, data, setting))


def show(setting: float) -> str:
  """A setting as users type it."""
  return f"{setting:g}"


def default_setting(codec: Codec) -> float:
  """The setting that a program uses if nobody says."""
  if codec.default_setting is not None:
    return codec.default_setting
  return codec.settings[len(codec.settings) // 2]


def check_magic(data: bytes, magic: bytes, name: str) -> bytes:
  """What follows a file's magic number.

  Raises:
    FormatError: if the bytes begin otherwise.
  """
  if not data.startswith(magic):
    raise FormatError(f"is no file of {name}")
  return data[len(magic) :]
