"""Claims about MS-SSIM."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from skimage import data

from compression.common.errors import ImageError
from compression.metrics import ms_ssim
from compression.metrics.ms_ssim import WEIGHTS, decibels, scale_weights

PHOTO = data.chelsea()


def noisy(image: np.ndarray, seed: int = 0, strength: int = 20) -> np.ndarray:
  noise = np.random.default_rng(seed).integers(-strength, strength + 1, image.shape)
  return np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)


def test_decibels_of_many_are_those_of_each():
  values = np.array([[0.0, 0.9], [0.999, 1.0]])
  np.testing.assert_allclose(decibels(values), [[0, 10], [30, np.inf]])
  assert isinstance(decibels(0.5), float)


def test_large_images_give_tensorflows_number():
  compared = noisy(PHOTO)
  expected = float(tf.image.ssim_multiscale(PHOTO, compared, 255))
  assert ms_ssim(PHOTO, compared) == pytest.approx(expected, abs=1e-6)
  assert isinstance(ms_ssim(PHOTO, compared), float)


@pytest.mark.parametrize("shape", [(161, 161), (161, 300), (300, 161)])
def test_161_pixels_are_the_least_for_five_scales(shape):
  image = PHOTO[: shape[0], : shape[1]]
  expected = float(tf.image.ssim_multiscale(image, noisy(image), 255))
  assert ms_ssim(image, noisy(image)) == pytest.approx(expected, abs=1e-6)
  with pytest.raises(tf.errors.InvalidArgumentError):  # if this stops, the limits can go
    tf.image.ssim_multiscale(image[:160, :160], image[:160, :160], 255)


@pytest.mark.parametrize(
  "side, scales",
  [(11, 1), (20, 1), (21, 2), (40, 2), (41, 3), (80, 3), (81, 4), (160, 4), (161, 5), (9999, 5)],
)
def test_as_many_scales_as_fit(side, scales):
  weights = scale_weights(side)
  assert len(weights) == scales
  assert sum(weights) == pytest.approx(1, abs=2e-4)
  ratios = np.array(weights) / WEIGHTS[:scales]
  np.testing.assert_allclose(ratios, ratios[0])


@pytest.mark.parametrize("side", [11, 20, 21, 40, 41, 80, 81, 160])
def test_small_images_have_a_number(side):
  image = PHOTO[100 : 100 + side, 100:300]
  for each in (image, image.transpose(1, 0, 2)):
    assert ms_ssim(each, each) == pytest.approx(1, abs=1e-6)
    slight, strong = ms_ssim(each, noisy(each, 0, 5)), ms_ssim(each, noisy(each, 0, 60))
    assert 0 < strong < slight < 1


def test_one_scale_is_ssim():
  image = PHOTO[100:120, 100:120]
  expected = float(tf.image.ssim(image, noisy(image), 255))
  assert ms_ssim(image, noisy(image)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shape", [(10, 200), (200, 10), (1, 1)])
def test_images_smaller_than_the_window_are_refused(shape):
  image = PHOTO[: shape[0], : shape[1]]
  with pytest.raises(ImageError, match=f"at least 11 pixels.*Received: shape \\({shape[0]}"):
    ms_ssim(image, image)


def test_opposite_images_are_zero_not_nan():
  assert ms_ssim(PHOTO, 255 - PHOTO) == 0


def test_batches_give_one_number_for_each_image():
  image = PHOTO[:, :170]
  batch = np.stack([image, image, image])
  compared = np.stack([noisy(image, 1), image, noisy(image, 2, 5)])
  result = ms_ssim(batch, compared)
  assert result.shape == (3,) and result.dtype == np.float64
  each = [ms_ssim(a, b) for a, b in zip(batch, compared)]
  np.testing.assert_allclose(result, each, atol=1e-6)
  np.testing.assert_allclose(result, tf.image.ssim_multiscale(batch, compared, 255), atol=1e-6)
  assert ms_ssim(batch[:1], compared[:1]).shape == (1,)


def test_tensors():
  image = PHOTO[:50, :50]
  found = ms_ssim(tf.constant(image), tf.constant(noisy(image)))
  assert found == pytest.approx(ms_ssim(image, noisy(image)), abs=1e-6)


def test_different_shapes_are_refused_naming_both():
  with pytest.raises(ImageError, match=r"\(300, 451, 3\) and \(300, 450, 3\)$"):
    ms_ssim(PHOTO, PHOTO[:, 1:])


def test_floats_are_refused():
  with pytest.raises(ImageError, match="uint8 images. Received: dtype float64$"):
    ms_ssim(PHOTO / 255, PHOTO)
  with pytest.raises(ImageError, match="Received: dtype float32$"):
    ms_ssim(PHOTO, PHOTO.astype(np.float32))
