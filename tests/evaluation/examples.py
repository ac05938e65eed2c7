"""A codec that is quick, and rows as an evaluation makes them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from compression.codecs.base import Codec
from compression.common.errors import ImageError
from compression.evaluation.points import Point


class Quantizer(Codec):
  """Pixels rounded to multiples of 64 / setting, one byte each."""

  name = "quantizer"
  settings = (1, 2, 4)
  identity = "first"

  def encode(self, image: np.ndarray, setting: float) -> bytes:
    """The size, then the pixels."""
    if image.shape[0] > 200:
      raise ImageError("is too high")
    step = int(64 // setting)
    pixels = (image // step * step).astype(np.uint8)
    return np.array(image.shape[:2], "<u2").tobytes() + pixels.tobytes()

  def decode(self, data: bytes) -> np.ndarray:
    """The pixels."""
    height, width = np.frombuffer(data[:4], "<u2")
    return np.frombuffer(data[4:], np.uint8).reshape(height, width, 3)


KODAK = [f"kodim{number:02d}.png" for number in range(1, 25)]


def curve(
  codec: str, pairs: Iterable[tuple[float, float]], images: Iterable[str] = ("a.png",)
) -> list[Point]:
  """Rows with these (bpp, PSNR); MS-SSIM and PSNR-HVS follow from the PSNR."""
  return [
    Point(image, codec, setting, int(1000 * bpp), bpp, psnr, 1 - 10 ** (-psnr / 20), psnr + 1, 2, 3)
    for image in images
    for setting, (bpp, psnr) in enumerate(pairs, 1)
  ]


def network(
  codec: str, pairs: Iterable[tuple[float, float]], images: Iterable[str] = ("a.png",)
) -> list[Point]:
  """As `curve`, of a network that takes 0.125 bits per pixel for each iteration."""
  return [
    point._replace(nominal_bpp=0.125 * point.setting) for point in curve(codec, pairs, images)
  ]
