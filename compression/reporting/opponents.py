"""JPEG files of as many bytes as ours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from compression.codecs.pillow import PillowCodec

NAME = "jpeg420"
"""The codec of the evaluation that shows what JPEG can do at its best."""

QUALITIES = (1, 100)
"""The lowest and the highest that libjpeg has."""


class Jpeg(NamedTuple):
  """A file of the quality at which libjpeg made it."""

  quality: int
  data: bytes


class Opponent:
  """The JPEG files of an image, each made once.

  Args:
    image: uint8 [H, W, 3].
  """

  def __init__(self, image: np.ndarray):
    self._image = image
    self.codec = PillowCodec(NAME)
    self._files: dict[int, bytes] = {}

  def at_most(self, size: int) -> Jpeg:
    """The file of the highest quality that has `size` bytes or less; of the lowest if none has.

    Files grow with the quality, which the search relies on.

    Raises:
      ImageError: if JPEG cannot hold the image.
    """
    low, high = QUALITIES
    while low < high:
      middle = (low + high + 1) // 2
      if len(self._file(middle)) <= size:
        low = middle
      else:
        high = middle - 1
    return Jpeg(low, self._file(low))

  def _file(self, quality: int) -> bytes:
    if quality not in self._files:
      self._files[quality] = self.codec.compress(self._image, quality)
    return self._files[quality]
