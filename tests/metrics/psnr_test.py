"""Claims about PSNR."""

from __future__ import annotations

import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from skimage import data

import compression.metrics
from compression.common.errors import ImageError
from compression.metrics import psnr

PHOTO = data.chelsea()[:100, :120]


def noisy(image: np.ndarray, seed: int = 0, strength: int = 20) -> np.ndarray:
  noise = np.random.default_rng(seed).integers(-strength, strength + 1, image.shape)
  return np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)


def test_is_the_function_not_the_module():
  assert callable(psnr) and callable(compression.metrics.ms_ssim)


def test_known_values():
  black, white = np.zeros((5, 4, 3), np.uint8), np.full((5, 4, 3), 255, np.uint8)
  assert psnr(black, white) == 0.0
  assert psnr(white, black) == 0.0  # uint8 differences do not wrap around
  assert psnr(black, black + 1) == pytest.approx(20 * math.log10(255), abs=1e-12)
  one_of_sixty = black.copy()
  one_of_sixty[0, 0, 0] = 255
  assert psnr(black, one_of_sixty) == pytest.approx(10 * math.log10(60), abs=1e-12)


def test_agrees_with_scikit_image():
  metrics = pytest.importorskip("skimage.metrics")
  compared = noisy(PHOTO)
  expected = metrics.peak_signal_noise_ratio(PHOTO, compared, data_range=255)
  assert psnr(PHOTO, compared) == pytest.approx(expected, abs=1e-10)


def test_tall_images_are_summed_over_all_rows():
  tall = np.tile(data.astronaut()[:, :8], (2, 1, 1))  # 1024 rows
  compared = noisy(tall)
  error = np.mean((tall.astype(float) - compared) ** 2)
  assert psnr(tall, compared) == pytest.approx(10 * np.log10(255**2 / error), abs=1e-12)


def test_equal_images_are_infinitely_good(recwarn):
  assert psnr(PHOTO, PHOTO) == math.inf
  assert isinstance(psnr(PHOTO, PHOTO), float)
  assert not recwarn


def test_batches_give_one_number_for_each_image():
  batch = np.stack([PHOTO, PHOTO, noisy(PHOTO, 3)])
  compared = np.stack([noisy(PHOTO, 1), PHOTO, noisy(PHOTO, 2, 5)])
  result = psnr(batch, compared)
  assert result.shape == (3,) and result.dtype == np.float64
  each = [psnr(a, b) for a, b in zip(batch, compared)]
  np.testing.assert_allclose(result, each, rtol=1e-12)
  assert psnr(batch[:1], compared[:1]).shape == (1,)
  assert psnr(batch[:0], compared[:0]).shape == (0,)


def test_floats_with_their_own_maximum():
  compared = noisy(PHOTO)
  floats = psnr(PHOTO / 255, compared / 255, max_value=1.0)
  assert floats == pytest.approx(psnr(PHOTO, compared), abs=1e-10)


def test_tensors():
  tf = pytest.importorskip("tensorflow")
  compared = noisy(PHOTO)
  found = psnr(tf.constant(PHOTO), tf.constant(compared))
  assert found == pytest.approx(psnr(PHOTO, compared), rel=1e-12)


def test_nan_is_not_hidden():
  image = PHOTO.astype(np.float32)
  image[0, 0, 0] = np.nan
  assert math.isnan(psnr(image, PHOTO))


def test_different_shapes_are_refused_naming_both():
  with pytest.raises(ImageError, match=r"\(100, 120, 3\) and \(100, 119, 3\)$"):
    psnr(PHOTO, PHOTO[:, 1:])
  with pytest.raises(ImageError, match=r"\(100, 120, 3\) and \(1, 100, 120, 3\)$"):
    psnr(PHOTO, PHOTO[None])


@pytest.mark.parametrize(
  "image", [PHOTO[..., 0], PHOTO[..., :2], PHOTO[:0], PHOTO[None, None], PHOTO * 1j, None, "x"]
)
def test_what_is_no_image_is_refused(image):
  with pytest.raises(ImageError, match="Received: shape"):
    psnr(image, image)


@pytest.mark.parametrize("max_value", [0, -1, float("nan")])
def test_a_maximum_that_makes_no_sense_is_refused(max_value):
  with pytest.raises(ValueError, match="max_value"):
    psnr(PHOTO, PHOTO, max_value)


def test_needs_no_tensorflow():
  code = (
    "import sys; from compression.metrics import psnr; import numpy as np;"
    "psnr(np.zeros((2, 2, 3)), np.ones((2, 2, 3))); sys.exit('tensorflow' in sys.modules)"
  )
  root = pathlib.Path(compression.metrics.__file__).parents[2]
  assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
