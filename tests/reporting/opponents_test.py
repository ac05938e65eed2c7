"""The JPEG file beside ours is the best that is no larger."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from compression.common.errors import ImageError
from compression.reporting.opponents import NAME, QUALITIES, Opponent


def test_the_best_file_of_a_size_is_found(photo: np.ndarray) -> None:
  image = photo[:70, :93]
  opponent = Opponent(image)
  lowest, highest = QUALITIES
  files = {q: opponent.codec.compress(image, q) for q in range(lowest, highest + 1)}
  sizes = sorted({len(data) for data in files.values()})
  for size in [*sizes[::7], sizes[-1] + 1]:
    expected = max(q for q, data in files.items() if len(data) <= size)
    assert opponent.at_most(size) == (expected, files[expected])


def test_the_smallest_file_stands_where_none_is_small_enough(photo: np.ndarray) -> None:
  opponent = Opponent(photo[:1, :1])
  jpeg = opponent.at_most(10)
  assert jpeg.quality == QUALITIES[0] and len(jpeg.data) > 10


def test_files_are_those_of_the_evaluation(photo: np.ndarray) -> None:
  opponent = Opponent(photo)
  assert opponent.codec.name == NAME
  with Image.open(io.BytesIO(opponent.at_most(20000).data)) as image:
    assert image.format == "JPEG" and image.size == (512, 512) and image.info["progressive"]


def test_a_side_that_jpeg_does_not_have_is_refused() -> None:
  with pytest.raises(ImageError, match="jpeg420 cannot hold 65535x1 pixels"):
    Opponent(np.zeros([1, 65535, 3], np.uint8)).at_most(100)
