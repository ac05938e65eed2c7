"""Colour transforms and back."""

from __future__ import annotations

import numpy as np

from compression.images import colour


def all_corners() -> np.ndarray:
  """uint8 [20, 20, 3]: all triples of some values, the extremes among them."""
  values = np.array([0, 1, 2, 127, 128, 253, 254, 255])
  triples = np.stack(np.meshgrid(values, values, values), -1).reshape(-1, 3)
  return triples[:400].reshape(20, 20, 3).astype(np.uint8)


def test_ycocg_comes_back_unchanged(photo):
  for image in (photo, all_corners()):
    planes = colour.to_ycocg(image)
    assert planes.shape == (3, *image.shape[:2]) and planes.dtype == np.int16
    np.testing.assert_array_equal(colour.from_ycocg(planes), image)
    assert planes[0].min() >= 0 and planes[0].max() <= 255 and np.abs(planes).max() <= 255


def test_ycocg_of_gray_has_no_colour():
  gray = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
  light, orange, green = colour.to_ycocg(gray)
  np.testing.assert_array_equal(light[0], np.arange(256))
  assert not orange.any() and not green.any()


def test_ycocg_that_is_of_no_image_ends_within_range():
  image = colour.from_ycocg(np.array([[[255]], [[255]], [[-255]]], np.int16))
  assert image.dtype == np.uint8 and image.tolist() == [[[255, 128, 255]]]


def test_ycbcr_comes_back_within_rounding(photo):
  for image in (photo, all_corners()):
    planes = colour.to_ycbcr(image)
    assert planes.shape == (3, *image.shape[:2]) and planes.dtype == np.float32
    np.testing.assert_array_equal(colour.from_ycbcr(planes), image)


def test_the_square_of_an_error_adds_what_is_said():
  weights = np.square(colour.RGB).sum(0)
  np.testing.assert_allclose(weights, [3.0, 3.3, 2.5], atol=0.1)
