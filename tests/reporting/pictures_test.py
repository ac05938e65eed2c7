"""What a page holds of an image is what it says."""

from __future__ import annotations

import numpy as np
import pytest

from compression import metrics
from compression.reporting import pictures
from tests.reporting.examples import read_picture

SIZES = [(1, 1), (1, 300), (33, 47), (64, 64)]


@pytest.mark.parametrize("height,width", SIZES)
def test_exact_pictures_are_exact(height: int, width: int) -> None:
  image = _noise(height, width)
  picture = pictures.exact(image)
  assert picture.psnr == np.inf
  np.testing.assert_array_equal(read_picture(picture.uri), image)


@pytest.mark.parametrize("side", [20000, 40000])
def test_sides_that_webp_and_avif_do_not_have(side: int) -> None:
  image = _noise(1, side)
  np.testing.assert_array_equal(read_picture(pictures.exact(image).uri), image)
  _check_close(image)


@pytest.mark.parametrize("height,width", SIZES)
def test_close_pictures_are_as_close_as_they_say(height: int, width: int) -> None:
  _check_close(_noise(height, width))


def test_close_pictures_of_photos_take_fewer_bytes(photo: np.ndarray) -> None:
  image = photo[:200, 100:300]
  _check_close(image)
  pytest.importorskip("PIL._avif")
  assert len(pictures.close(image).uri) < 0.6 * len(pictures.exact(image).uri)


def test_without_avif_pictures_are_exact(
  photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setattr(pictures.features, "modules", {})
  image = photo[:50, :60]
  assert pictures.close(image) == pictures.exact(image)


@pytest.mark.parametrize("height,width", [(1, 1), (3, 2000), (2000, 3), (160, 160), (170, 100)])
def test_thumbnails_fit(height: int, width: int) -> None:
  small = read_picture(pictures.thumbnail(_noise(height, width)))
  most = min(max(height, width), pictures.THUMBNAIL_SIDE)
  assert max(small.shape[:2]) == most and min(small.shape[:2]) >= 1


def test_residuals_are_bright_where_images_differ() -> None:
  original = np.array([[[0, 100, 255]]], np.uint8)
  compared = np.array([[[0, 101, 5]]], np.uint8)
  residual = pictures.residual(original, compared)
  assert residual.dtype == np.uint8
  assert residual.tolist() == [[[0, pictures.RESIDUAL_GAIN, 255]]]
  np.testing.assert_array_equal(residual, pictures.residual(compared, original))


def test_photos_are_shrunk_to_a_side(photo: np.ndarray) -> None:
  np.testing.assert_array_equal(pictures.shrunk(photo, 512), photo)
  assert pictures.shrunk(photo[:, :256], 100).shape == (100, 50, 3)
  assert pictures.shrunk(_noise(1, 900), 100).shape == (1, 100, 3)


def _check_close(image: np.ndarray) -> None:
  picture = pictures.close(image)
  assert picture.psnr >= pictures.STORED_PSNR
  expected = metrics.psnr(image, read_picture(picture.uri))
  assert picture.psnr == pytest.approx(expected, rel=1e-12)


def _noise(height: int, width: int) -> np.ndarray:
  return np.random.default_rng(0).integers(0, 256, [height, width, 3], np.uint8)
