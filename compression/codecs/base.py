"""A codec as the evaluation sees it, whether it is a network or a library."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from compression.common.errors import CompressionError


class MissingCodecError(CompressionError):
  """A codec is known, but what it needs is not installed here."""


class Trial(NamedTuple):
  """An image that went through a codec at a setting.

  Attributes:
    setting: the codec's own measure of quality.
    size: bytes of the file.
    image: uint8 [H, W, 3], decoded from the file.
    encode_seconds, decode_seconds: from pixels to bytes and back, without reading or writing files.
    nominal_bpp: bits per pixel before entropy coding, without the container; None where a codec has
      no such number.
  """

  setting: float
  size: int
  image: np.ndarray
  encode_seconds: float
  decode_seconds: float
  nominal_bpp: float | None = None


class Codec(abc.ABC):
  """Images to bytes and back.

  Attributes:
    name: in results, plots and tables.
    settings: all that are measured, the smallest files first.
    identity: what its bytes and pixels depend on: options, versions, weights. Results of another
      identity cannot be mixed with its own.
  """

  name: str
  settings: Sequence[float]
  identity: str

  @abc.abstractmethod
  def encode(self, image: np.ndarray, setting: float) -> bytes:
    """The file of an image, uint8 [H, W, 3]; raises ImageError if the codec cannot take it."""

  @abc.abstractmethod
  def decode(self, data: bytes) -> np.ndarray:
    """The image of a file, uint8 [H, W, 3]."""

  def trials(self, image: np.ndarray) -> Iterator[Trial]:
    """The image, uint8 [H, W, 3], at each of the settings."""
    for setting in self.settings:
      data, encode_seconds = timed(lambda: self.encode(image, setting))  # noqa: B023
      decoded, decode_seconds = timed(lambda: self.decode(data))  # noqa: B023
      yield Trial(setting, len(data), decoded, encode_seconds, decode_seconds)


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
  """What a function returns, and the seconds that it took."""
  start = time.perf_counter()
  result = function()
  return result, time.perf_counter() - start
