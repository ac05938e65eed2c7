"""Claims about the checks that all measures begin with."""

from __future__ import annotations

import numpy as np
import pytest

from compression.common.errors import ImageError
from compression.metrics.pairs import check_pair, check_uint8_pair

IMAGE = np.zeros((20, 30, 3), np.uint8)


@pytest.mark.parametrize("shape", [(1, 1, 3), (20, 30, 3), (5, 20, 30, 3), (0, 20, 30, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_images_and_batches_come_back_as_they_are(shape, dtype):
  image = np.zeros(shape, dtype)
  original, compared = check_pair(image, image + 1)
  assert original is image and compared.dtype == dtype and np.all(compared == 1)


def test_lists_become_arrays():
  original, compared = check_pair(IMAGE.tolist(), IMAGE)
  assert isinstance(original, np.ndarray) and original.shape == IMAGE.shape


@pytest.mark.parametrize(
  "image", [IMAGE[..., 0], IMAGE[..., :2], IMAGE[:0], IMAGE[None, None], IMAGE * 1j, None, "x"]
)
def test_what_is_no_image_is_refused_on_either_side(image):
  for pair in ((image, IMAGE), (IMAGE, image)):
    with pytest.raises(ImageError, match="Received: shape"):
      check_pair(*pair)


def test_different_shapes_are_refused_naming_both():
  with pytest.raises(ImageError, match=r"same shape.*\(20, 30, 3\) and \(19, 30, 3\)$"):
    check_pair(IMAGE, IMAGE[1:])
  with pytest.raises(ImageError, match=r"\(20, 30, 3\) and \(1, 20, 30, 3\)$"):
    check_uint8_pair("X", 8, IMAGE, IMAGE[None])


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.float64])
def test_uint8_only_naming_the_measure(dtype):
  for pair in ((IMAGE.astype(dtype), IMAGE), (IMAGE, IMAGE.astype(dtype))):
    with pytest.raises(
      ImageError, match=f"^X takes uint8 images. Received: dtype {dtype.__name__}"
    ):
      check_uint8_pair("X", 8, *pair)


@pytest.mark.parametrize("shape", [(7, 30), (30, 7)])
def test_the_least_side_is_of_both(shape):
  image = np.zeros((*shape, 3), np.uint8)
  check_uint8_pair("X", 7, image, image)
  with pytest.raises(ImageError, match=f"^X takes .* at least 8 pixels. Received: .*{shape[0]}, "):
    check_uint8_pair("X", 8, image, image)
  with pytest.raises(ImageError, match="at least 8 pixels"):
    check_uint8_pair("X", 8, image[None], image[None])
