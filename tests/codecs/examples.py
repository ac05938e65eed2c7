"""Codecs that are quick and exact, of one quality a file and progressive."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np

from compression.codecs import registry
from compression.codecs.base import Codec, Description, ProgressiveCodec, check_magic
from compression.common.errors import FormatError, ImageError
from compression.images.photos import read_photo
from compression.metrics import bd_rate, psnr

_SIZE_BYTES = 4


class Quantizer(Codec):
  """Pixels rounded to multiples of 64 / setting, one byte each; no image over 200 rows."""

  name = "quantizer"
  settings = (1, 2, 4)
  identity = "first"

  def compress(self, image: np.ndarray, setting: float, /) -> bytes:
    """The size, then the pixels."""
    if image.shape[0] > 200:
      raise ImageError("is too high")
    return _size(image) + quantized(image, setting).tobytes()

  def decompress(self, data: bytes, /) -> np.ndarray:
    """The pixels."""
    height, width = np.frombuffer(data[:_SIZE_BYTES], "<u2")
    return np.frombuffer(data[_SIZE_BYTES:], np.uint8).reshape(height, width, 3)


def quantized(image: np.ndarray, setting: float) -> np.ndarray:
  """What a Quantizer makes of an image."""
  step = int(64 // setting)
  return (image // step * step).astype(np.uint8)


class Planes(ProgressiveCodec):
  """The bits of the pixels, a plane for each setting, the highest first.

  Attributes:
    made: how many images `progressive` made.
  """

  name = "planes"
  settings = range(1, 9)
  setting_name = "planes"
  suffix = ".planes"
  identity = "first"
  _MAGIC = b"PLNS"
  _HEADER_BYTES = 9

  def __init__(self) -> None:
    self.made = 0

  def compress(self, image: np.ndarray, setting: float, /) -> bytes:
    """Magic number, size, number of planes, planes."""
    planes = [np.packbits(image >> 8 - plane & 1).tobytes() for plane in range(1, int(setting) + 1)]
    return self._MAGIC + _size(image) + bytes([len(planes)]) + b"".join(planes)

  def decompress(self, data: bytes, /) -> np.ndarray:
    """The image of the planes that are whole."""
    *_, image = self.progressive(data)
    return image

  def progressive(self, data: bytes, /) -> Iterator[np.ndarray]:
    """Bits that are not known yet are zeros."""
    height, width = self._size(data)
    image = np.zeros(height * width * 3, np.uint8)
    start = self._HEADER_BYTES
    for plane, end in enumerate(self.ends(data), 1):
      bits = np.unpackbits(np.frombuffer(data[start:end], np.uint8), count=image.size)
      image = image | bits << np.uint8(8 - plane)
      self.made += 1
      yield image.reshape(height, width, 3)
      start = end

  def recognises(self, data: bytes) -> bool:
    """By the magic number."""
    return data.startswith(self._MAGIC)

  def describe(self, data: bytes) -> Description:
    """The header."""
    return Description(*self._size(data), [("coder", "none")])

  def written(self, data: bytes) -> range:
    """The header says how many."""
    self._size(data)
    return range(1, data[self._HEADER_BYTES - 1] + 1)

  def ends(self, data: bytes) -> list[int]:
    """All planes are of one length."""
    height, width = self._size(data)
    plane = -(-height * width * 3 // 8)
    ends = [self._HEADER_BYTES + number * plane for number in self.written(data)]
    whole = [end for end in ends if end <= len(data)]
    if not whole:
      raise FormatError("cut short: no plane is whole")
    return whole

  def prefix(self, data: bytes, setting: float, /) -> bytes:
    """With another number in the header."""
    end = self.ends(data)[int(setting) - 1]
    count = self._HEADER_BYTES - 1
    return data[:count] + bytes([int(setting)]) + data[count + 1 : end]

  def damage(self, data: bytes) -> str | None:
    """That it is cut."""
    whole, written = len(self.ends(data)), len(self.written(data))
    return None if whole == written else f"cut short: {whole} of {written} planes are whole"

  def _size(self, data: bytes) -> tuple[int, int]:
    header = check_magic(data, self._MAGIC, self.name)[:_SIZE_BYTES]
    if len(data) < self._HEADER_BYTES:
      raise FormatError("cut short: no plane is whole")
    height, width = np.frombuffer(header, "<u2")
    return int(height), int(width)


def _size(image: np.ndarray) -> bytes:
  return np.array(image.shape[:2], "<u2").tobytes()


def bd_rate_of_crops(codec: Codec, kodak_dir: pathlib.Path) -> float:
  """BD-rate in PSNR of a codec of steps against JPEG, percent, on crops of three Kodak images."""
  images = [read_photo(kodak_dir / f"kodim{n:02}.png").image[:256, :384] for n in (5, 13, 23)]
  curves = []
  for each, chosen in (
    (codec, (96, 44, 24, 13)),
    (registry.find("jpeg420"), (10, 20, 50, 75, 90)),
  ):
    points = []
    for setting in chosen:
      files = [each.compress(image, setting) for image in images]
      quality = [psnr(image, each.decompress(data)) for image, data in zip(images, files)]
      points.append((np.mean([len(data) for data in files]), np.mean(quality)))
    curves.append(np.transpose(points))
  (rate, quality), (anchor_rate, anchor_quality) = curves
  return bd_rate(anchor_rate, anchor_quality, rate, quality)
