"""An image through a codec at each of its settings, timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from compression.codecs.base import Codec, ProgressiveCodec


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


def trials(codec: Codec, image: np.ndarray) -> Iterator[Trial]:
  """The image, uint8 [H, W, 3], at each of the codec's settings."""
  codec.prepare(image)
  if isinstance(codec, ProgressiveCodec):
    yield from _progressive_trials(codec, image)
    return
  for setting in codec.settings:
    data, encode_seconds = _timed(lambda: codec.compress(image, setting))  # noqa: B023
    decoded, decode_seconds = _timed(lambda: codec.decompress(data))  # noqa: B023
    yield Trial(
      setting=setting,
      size=len(data),
      image=decoded,
      encode_seconds=encode_seconds,
      decode_seconds=decode_seconds,
      nominal_bpp=codec.nominal_bpp(image, setting),
    )


def untimed(codec: Codec, image: np.ndarray) -> Iterator[Trial]:
  """The same with no seconds (nan): each step of a progressive codec runs once."""
  nan = float("nan")
  if isinstance(codec, ProgressiveCodec):
    data = codec.compress(image, codec.settings[-1])
    found: Iterator[tuple[float, int, np.ndarray]] = zip(
      codec.settings, codec.ends(data), codec.progressive(data)
    )
  else:
    found = _one_by_one(codec, image)
  for setting, size, decoded in found:
    yield Trial(setting, size, decoded, nan, nan, codec.nominal_bpp(image, setting))


def _one_by_one(codec: Codec, image: np.ndarray) -> Iterator[tuple[float, int, np.ndarray]]:
  for setting in codec.settings:
    data = codec.compress(image, setting)
    yield setting, len(data), codec.decompress(data)


def _progressive_trials(codec: ProgressiveCodec, image: np.ndarray) -> Iterator[Trial]:
  """All come from one file, of which a beginning is the file of a lower setting.

  How long it takes to make and to read such a file is measured for the settings number 1, 2, 4, 8
  ... and the last; the times between lie on the line, as every step does much the same work.
  """
  encode_seconds, decode_seconds = [], []
  last = len(codec.settings)
  measured = [n for n in range(1, last + 1) if n & (n - 1) == 0 or n == last]
  for number in measured:
    setting = codec.settings[number - 1]
    data, seconds = _timed(lambda: codec.compress(image, setting))  # noqa: B023
    encode_seconds.append(seconds)
    _, seconds = _timed(lambda: codec.decompress(data))  # noqa: B023
    decode_seconds.append(seconds)
  decoded = codec.progressive(data)
  for number, (setting, size) in enumerate(zip(codec.settings, codec.ends(data)), 1):
    yield Trial(
      setting=setting,
      size=size,
      image=next(decoded),
      encode_seconds=float(np.interp(number, measured, encode_seconds)),
      decode_seconds=float(np.interp(number, measured, decode_seconds)),
      nominal_bpp=codec.nominal_bpp(image, setting),
    )


def _timed(function: Callable[[], Any]) -> tuple[Any, float]:
  """What a function returns, and the seconds that it took."""
  start = time.perf_counter()
  result = function()
  return result, time.perf_counter() - start
