"""Claims about the release's MS-SSIM: the same numbers as its SciPy implementation."""

from __future__ import annotations

import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from skimage import data

from compression.common.errors import ImageError
from compression.metrics import ms_ssim
from compression.metrics import release_ms_ssim as module
from compression.metrics.release_ms_ssim import release_ms_ssim

PHOTO = data.chelsea()
# From the release's operations, SciPy 1.11.4: `with_scipy` below on `pattern(height, width)`.
GOLDEN = {
  (200, 230): 0.9856394388838896,
  (161, 176): 0.9875183452456519,
  (97, 64): 0.9904850191115394,
  (23, 40): 0.9887727621322409,
  (11, 11): 0.9871590279781608,
  (10, 9): 0.9811297449932028,
  (6, 3): 0.9931435555268963,
  (2, 1): 0.9994573405777927,
  (1, 1): 0.999338613708967,
}


def pattern(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
  y, x, c = np.indices((height, width, 3))
  a = (x * 7 + y * 13 + c * 50 + x * y // 3) % 256
  b = (a * 7 + 8 * ((x * 5 + y * 3 + c) % 29)) // 8 % 256
  return a.astype(np.uint8), b.astype(np.uint8)


def noisy(image: np.ndarray, strength: int = 25) -> np.ndarray:
  noise = np.random.default_rng(0).integers(-strength, strength + 1, image.shape)
  return np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)


def with_scipy(original: np.ndarray, compared: np.ndarray) -> float:
  """The operations of the release: FFT convolution, and ndimage's filter to halve the sides."""
  signal, ndimage = pytest.importorskip("scipy.signal"), pytest.importorskip("scipy.ndimage")
  a, b = (image.astype(np.float64)[None] for image in (original, compared))
  weights, terms = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333]), []
  for _ in weights:
    size = min(11, a.shape[1], a.shape[2])
    offsets = np.arange(size) - size // 2 + (0.5 if size % 2 == 0 else 0)
    squares = offsets[:, None] ** 2 + offsets[None, :] ** 2
    window = np.exp(-squares / (2 * (size * 1.5 / 11) ** 2))
    window = (window / window.sum()).reshape(1, size, size, 1)
    moments = [signal.fftconvolve(m, window, mode="valid") for m in (a, b, a * a, b * b, a * b)]
    mean_a, mean_b = moments[:2]
    variances = moments[2] - mean_a**2 + moments[3] - mean_b**2
    contrast = (2 * (moments[4] - mean_a * mean_b) + 7.65**2) / (variances + 7.65**2)
    luminance = (2 * mean_a * mean_b + 2.55**2) / (mean_a**2 + mean_b**2 + 2.55**2)
    terms.append(np.mean(contrast))
    last = np.mean(contrast * luminance)
    half = np.ones((1, 2, 2, 1)) / 4
    a, b = (ndimage.convolve(m, half, mode="reflect")[:, ::2, ::2] for m in (a, b))
  with np.errstate(invalid="ignore"):  # negative terms make NaN
    return float(np.prod(np.array([*terms[:-1], last]) ** weights))


@pytest.mark.parametrize("size", sorted(GOLDEN))
def test_golden_numbers(size):
  assert release_ms_ssim(*pattern(*size)) == pytest.approx(GOLDEN[size], abs=1e-12)


@pytest.mark.parametrize("size", [(300, 451), (128, 300), (139, 140), (33, 31), (12, 11), (4, 7)])
def test_photos_agree_with_scipy(size):
  image = PHOTO[: size[0], : size[1]]
  for compared in (noisy(image), noisy(image, 3), image[::-1]):
    expected = with_scipy(image, compared)
    assert release_ms_ssim(image, compared) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("shape", [(4, 6), (5, 6), (4, 7), (5, 7), (1, 1), (1, 2), (3, 1)])
def test_halving_is_scipys(shape):
  ndimage = pytest.importorskip("scipy.ndimage")
  image = np.random.default_rng(0).normal(size=(*shape, 3))
  expected = ndimage.convolve(image[None], np.ones((1, 2, 2, 1)) / 4, mode="reflect")
  np.testing.assert_allclose(module._halve(image), expected[0, ::2, ::2], atol=1e-14)


def test_windows_that_fit_in_rows_do_not_matter(monkeypatch):
  image = PHOTO[:200, :100]
  whole = release_ms_ssim(image, noisy(image))
  monkeypatch.setattr(module, "_ROWS", 7)
  assert release_ms_ssim(image, noisy(image)) == pytest.approx(whole, abs=1e-12)


def test_equal_images_are_1():
  assert release_ms_ssim(PHOTO, PHOTO) == pytest.approx(1, abs=1e-12)
  assert isinstance(release_ms_ssim(PHOTO, PHOTO), float)


def test_is_close_to_tensorflows_but_not_the_same():
  image = data.astronaut()[:200, :200].copy()
  compared = image.copy()
  compared[..., 0] = noisy(image, 60)[..., 0]  # channels that differ in quality
  difference = abs(release_ms_ssim(image, compared) - ms_ssim(image, compared))
  assert 1e-4 < difference < 0.05


def test_negative_contrast_is_nan_without_a_warning(recwarn):
  assert math.isnan(release_ms_ssim(PHOTO, 255 - PHOTO))
  assert not recwarn


def test_different_shapes_are_refused_naming_both():
  with pytest.raises(ImageError, match=r"\(300, 451, 3\) and \(299, 451, 3\)$"):
    release_ms_ssim(PHOTO, PHOTO[1:])


@pytest.mark.parametrize("image", [PHOTO / 255, PHOTO[None], PHOTO[..., 0], None])
def test_what_is_no_image_is_refused(image):
  with pytest.raises(ImageError, match="Received: shape"):
    release_ms_ssim(image, image)


def test_needs_neither_tensorflow_nor_scipy():
  code = (
    "import sys, numpy as np; from compression.metrics.release_ms_ssim import release_ms_ssim;"
    "release_ms_ssim(np.zeros((20, 20, 3), np.uint8), np.ones((20, 20, 3), np.uint8));"
    "sys.exit('tensorflow' in sys.modules or 'scipy' in sys.modules)"
  )
  root = pathlib.Path(module.__file__).parents[2]
  assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
