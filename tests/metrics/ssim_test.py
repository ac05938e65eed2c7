"""Claims about SSIM."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from skimage import data

import compression.metrics
from compression.common.errors import ImageError
from compression.metrics import ms_ssim, ssim

PHOTO = data.chelsea()


def noisy(image: np.ndarray, seed: int = 0, strength: int = 20) -> np.ndarray:
  noise = np.random.default_rng(seed).integers(-strength, strength + 1, image.shape)
  return np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)


def test_is_the_function_not_the_module():
  assert callable(ssim) and callable(compression.metrics.ssim)


def test_is_tensorflows_number():
  compared = noisy(PHOTO)
  expected = float(tf.image.ssim(PHOTO, compared, 255))
  assert ssim(PHOTO, compared) == pytest.approx(expected, abs=1e-6)
  assert isinstance(ssim(PHOTO, compared), float)


@pytest.mark.parametrize("strength", [2, 20, 100])
def test_agrees_with_scikit_image(strength):
  metrics = pytest.importorskip("skimage.metrics")
  compared = noisy(PHOTO, strength=strength)
  expected = metrics.structural_similarity(
    PHOTO,
    compared,
    data_range=255,
    channel_axis=2,
    gaussian_weights=True,
    sigma=1.5,
    use_sample_covariance=False,
  )
  assert ssim(PHOTO, compared) == pytest.approx(expected, abs=3e-5)  # float64


def test_the_formula_on_one_window():
  original = PHOTO[100:111, 100:111]
  compared = noisy(original)
  offsets = np.arange(11) - 5
  window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))[..., None]
  window /= window.sum()
  x, y = original.astype(float), compared.astype(float)
  mean_x, mean_y = (np.sum(window * image, (0, 1)) for image in (x, y))
  var_x, var_y = (
    np.sum(window * (x - mean_x) ** 2, (0, 1)),
    np.sum(window * (y - mean_y) ** 2, (0, 1)),
  )
  covariance = np.sum(window * (x - mean_x) * (y - mean_y), (0, 1))
  c1, c2 = 2.55**2, 7.65**2
  channels = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
  channels /= (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
  assert ssim(original, compared) == pytest.approx(np.mean(channels), abs=1e-5)


def test_every_channel_counts_a_third():
  compared = PHOTO.copy()
  compared[..., 1] = noisy(PHOTO)[..., 1]
  gray, worse = (np.repeat(image[..., 1:2], 3, axis=2) for image in (PHOTO, compared))
  assert ssim(PHOTO, compared) == pytest.approx((2 + ssim(gray, worse)) / 3, abs=1e-6)


def test_more_noise_is_worse_and_equal_images_are_1():
  assert ssim(PHOTO, PHOTO) == pytest.approx(1, abs=1e-6)
  slight, strong = ssim(PHOTO, noisy(PHOTO, 0, 5)), ssim(PHOTO, noisy(PHOTO, 0, 60))
  assert 0 < strong < slight < 1


def test_inverted_structure_is_negative():
  board = np.indices((32, 32)).sum(0) % 2
  board = np.repeat(board[..., None] * 255, 3, axis=2).astype(np.uint8)
  assert -1 <= ssim(board, 255 - board) < -0.9


@pytest.mark.parametrize("shape", [(11, 200), (200, 11)])
def test_sides_of_the_window_are_enough(shape):
  image = PHOTO[: shape[0], : shape[1]]
  assert 0 < ssim(image, noisy(image)) < 1
  assert ssim(image[:20, :20], noisy(image)[:20, :20]) == pytest.approx(
    ms_ssim(image[:20, :20], noisy(image)[:20, :20]), abs=1e-6
  )


@pytest.mark.parametrize("shape", [(10, 200), (200, 10), (1, 1)])
def test_images_smaller_than_the_window_are_refused(shape):
  image = PHOTO[: shape[0], : shape[1]]
  with pytest.raises(ImageError, match=f"^SSIM .*at least 11 pixels.*shape \\({shape[0]}"):
    ssim(image, image)


def test_batches_give_one_number_for_each_image():
  image = PHOTO[:, :60]
  batch = np.stack([image, image, image])
  compared = np.stack([noisy(image, 1), image, noisy(image, 2, 5)])
  result = ssim(batch, compared)
  assert result.shape == (3,) and result.dtype == np.float64
  each = [ssim(a, b) for a, b in zip(batch, compared)]
  np.testing.assert_allclose(result, each, atol=1e-6)
  np.testing.assert_allclose(result, tf.image.ssim(batch, compared, 255), atol=1e-6)
  assert ssim(batch[:1], compared[:1]).shape == (1,)
  assert ssim(batch[:0], compared[:0]).shape == (0,)


def test_tensors():
  image = PHOTO[:50, :50]
  found = ssim(tf.constant(image), tf.constant(noisy(image)))
  assert found == pytest.approx(ssim(image, noisy(image)), abs=1e-6)


def test_different_shapes_are_refused_naming_both():
  with pytest.raises(ImageError, match=r"\(300, 451, 3\) and \(300, 450, 3\)$"):
    ssim(PHOTO, PHOTO[:, 1:])


def test_floats_are_refused():
  with pytest.raises(ImageError, match="^SSIM takes uint8 images. Received: dtype float64$"):
    ssim(PHOTO / 255, PHOTO)


def test_tensorflow_is_loaded_by_the_call_only():
  code = "import sys; from compression.metrics import ssim; sys.exit('tensorflow' in sys.modules)"
  root = pathlib.Path(compression.metrics.__file__).parents[2]
  assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
