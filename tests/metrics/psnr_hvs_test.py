"""Claims about PSNR-HVS and PSNR-HVS-M: the numbers of the package psnr-hvsm."""

from __future__ import annotations

import importlib
import io
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from skimage import data

from compression.common.errors import ImageError
from compression.metrics import psnr, psnr_hvs, psnr_hvs_m

module = importlib.import_module("compression.metrics.psnr_hvs")  # the name is the function's, too
PHOTO = data.chelsea()


def noisy(image: np.ndarray, strength: int = 20) -> np.ndarray:
  """Noise that is the same whatever NumPy's generators do."""
  state = np.arange(image.size, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
  state = (state ^ (state >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
  noise = (state >> np.uint64(40)).astype(int).reshape(image.shape) % (2 * strength + 1) - strength
  return np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)


def blurred(image: np.ndarray) -> np.ndarray:
  """Means of 5 x 5 pixels."""
  padded = np.pad(image.astype(int), [(2, 2), (2, 2), (0, 0)], mode="edge")
  height, width = image.shape[:2]
  sums = sum(padded[i : i + height, j : j + width] for i in range(5) for j in range(5))
  return (sums // 25).astype(np.uint8)


def blocks(image: np.ndarray) -> np.ndarray:
  """Means of 8 x 8 pixels: JPEG at its worst."""
  height, width = image.shape[:2]
  means = image.reshape(height // 8, 8, width // 8, 8, 3).astype(int).sum((1, 3)) // 64
  return means.repeat(8, 0).repeat(8, 1).astype(np.uint8)


def posterized(image: np.ndarray) -> np.ndarray:
  return image // 32 * 32 + 16


def brighter(image: np.ndarray) -> np.ndarray:
  return np.minimum(image.astype(int) + 12, 255).astype(np.uint8)


def gray(plane: np.ndarray) -> np.ndarray:
  return np.repeat(plane[..., None], 3, axis=2).astype(np.uint8)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
  file = io.BytesIO()
  Image.fromarray(image).save(file, "JPEG", quality=quality)
  return np.asarray(Image.open(file))


DISTORTIONS = [noisy, blurred, blocks, posterized, brighter]
CROPS = {
  "cat": PHOTO[40:296, 100:348],
  "astronaut": data.astronaut()[:200, 100:300],
  "coffee": data.coffee()[:304, 200:600],
}
# PSNR-HVS and PSNR-HVS-M of psnr-hvsm 0.3.0, SciPy 1.11.4: `of_package` below, by
#   python -c "from tests.metrics.psnr_hvs_test import *; print_golden()"
GOLDEN = {
  ("cat", noisy): (31.464242917273488, 35.56897917523551),
  ("cat", blurred): (27.0863040578495, 29.203997007549326),
  ("cat", blocks): (19.165248588757937, 19.738241315983473),
  ("cat", posterized): (31.307167594074073, 33.845727286988115),
  ("cat", brighter): (23.73509891587633, 23.7384170403541),
  ("astronaut", noisy): (31.448094857052197, 35.110954904333994),
  ("astronaut", blurred): (24.42054054977085, 26.53328956008405),
  ("astronaut", blocks): (15.696534842036616, 16.223739938012564),
  ("astronaut", posterized): (29.573026672159827, 31.00163110491963),
  ("astronaut", brighter): (23.75092230961535, 23.75468274746334),
  ("coffee", noisy): (31.52220385720284, 34.75425059145589),
  ("coffee", blurred): (26.3339742084043, 28.38481981768194),
  ("coffee", blocks): (18.38976669498085, 18.974621207739588),
  ("coffee", posterized): (30.273856171120496, 31.656131777197736),
  ("coffee", brighter): (23.810269633865495, 23.824292961684336),
}


def of_package(original: np.ndarray, compared: np.ndarray) -> tuple[float, float]:
  """PSNR-HVS and PSNR-HVS-M as the package computes them for colour images."""
  package = pytest.importorskip("psnr_hvsm")
  x, y = (package.bt601ycbcr(image)[0] for image in (original, compared))
  with np.errstate(invalid="ignore"):  # its 0 / 0 for flat blocks, which it then leaves out
    hvs, hvs_m = package.psnr_hvs_hvsm(x, y)
  return float(hvs), float(hvs_m)


def print_golden() -> None:
  for name, image in CROPS.items():
    for distortion in DISTORTIONS:
      print(f'  ("{name}", {distortion.__name__}): {of_package(image, distortion(image))},')


@pytest.mark.parametrize("name", CROPS)
@pytest.mark.parametrize("distortion", DISTORTIONS)
def test_golden_numbers(name, distortion):
  pair = CROPS[name], distortion(CROPS[name])
  assert (psnr_hvs(*pair), psnr_hvs_m(*pair)) == pytest.approx(GOLDEN[name, distortion], abs=1e-9)


@pytest.mark.parametrize("name", CROPS)
def test_agrees_with_the_package(name):
  image = CROPS[name]
  results = [distortion(image) for distortion in DISTORTIONS]
  results += [jpeg(image, quality) for quality in (1, 10, 50, 90)]
  results += [noisy(image, 1), noisy(image, 100), image[::-1], 255 - image, image ^ 1]
  for compared in results:
    expected = of_package(image, compared)
    assert psnr_hvs(image, compared) == pytest.approx(expected[0], abs=1e-9)
    assert psnr_hvs_m(image, compared) == pytest.approx(expected[1], abs=1e-9)


def test_agrees_with_the_package_on_kodak(kodak_dir):
  for path in sorted(kodak_dir.glob("*.png"))[::6]:
    image = np.asarray(Image.open(path).convert("RGB"))[100:300, 100:420]
    for compared in (jpeg(image, 30), noisy(image, 8)):
      actual = psnr_hvs(image, compared), psnr_hvs_m(image, compared)
      assert actual == pytest.approx(of_package(image, compared), abs=1e-9)


def test_the_tables_are_the_authors():
  # The first and last rows of CSFCof and MaskCof in psnrhvsm.m.
  assert list(module.CONTRAST_SENSITIVITY[0]) == [
    1.608443, 2.339554, 2.573509, 1.608443, 1.072295, 0.643377, 0.504610, 0.421887,
  ]  # fmt: skip
  assert list(module.CONTRAST_SENSITIVITY[7]) == [
    0.357432, 0.279729, 0.270896, 0.262603, 0.229778, 0.257351, 0.249855, 0.259950,
  ]  # fmt: skip
  assert list(module.MASKING[0]) == [
    0.390625, 0.826446, 1.000000, 0.390625, 0.173611, 0.062500, 0.038447, 0.026874,
  ]  # fmt: skip
  assert list(module.MASKING[7]) == [
    0.019290, 0.011815, 0.011080, 0.010412, 0.007972, 0.010000, 0.009426, 0.010203,
  ]  # fmt: skip
  assert np.mean(module.CONTRAST_SENSITIVITY**2) == pytest.approx(1, abs=1e-6)


def test_the_tables_are_the_packages():
  package = pytest.importorskip("psnr_hvsm.numpy.psnr_hvsm")
  np.testing.assert_array_equal(module.CONTRAST_SENSITIVITY.ravel(), package.CSF_COEFF)
  np.testing.assert_array_equal(module.MASKING.ravel(), package.MASK_COEFF)


def test_luma_is_that_of_bt601():
  colours = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128]]
  assert list(module.luma(np.array(colours, np.uint8))) == [16, 235, 81, 145, 41, 126]


def test_chroma_does_not_count():
  red, dark = np.zeros((2, 16, 24, 3), np.uint8)
  red[..., 0], dark[...] = 255, 76
  assert np.array_equal(module.luma(red), module.luma(dark))
  assert psnr_hvs(red, dark) == psnr_hvs_m(red, dark) == math.inf > psnr(red, dark)


def test_black_against_white():
  black = np.zeros((8, 8, 3), np.uint8)
  expected = 20 * math.log10(255 / (1.608443 * 219))  # a constant error, of the range of luma
  for measure in (psnr_hvs, psnr_hvs_m):
    assert measure(black, 255 - black) == pytest.approx(expected, abs=1e-9)
    assert measure(255 - black, black) == pytest.approx(expected, abs=1e-9)


def test_white_noise_in_luma_has_its_psnr():
  original = np.full((512, 512, 3), 128, np.uint8)
  compared = np.clip(np.random.default_rng(0).normal(128, 20, (512, 512, 1)).round(), 0, 255)
  compared = np.repeat(compared, 3, axis=2).astype(np.uint8)
  error = np.mean((module.luma(original) - module.luma(compared)) ** 2)
  assert psnr_hvs(original, compared) == pytest.approx(10 * np.log10(255**2 / error), abs=0.1)


def test_coarse_errors_are_worse_than_fine_ones():
  y = np.indices((64, 64))[0]
  flat = np.full((64, 64), 100)
  coarse, fine = flat + 10 * (y // 4 % 2), flat + 10 * (y % 2)
  flat, coarse, fine = (
    np.repeat(g[..., None], 3, 2).astype(np.uint8) for g in (flat, coarse, fine)
  )
  assert psnr(flat, coarse) == pytest.approx(psnr(flat, fine))
  assert psnr_hvs(flat, coarse) < psnr_hvs(flat, fine) - 3


def test_texture_hides_errors_but_edges_do_not():
  texture = np.random.default_rng(0).integers(60, 200, (64, 64))
  edge = np.where(np.indices((64, 64))[1] % 8 < 4, 60, 200)
  flat = np.full((64, 64), 130)
  error = np.random.default_rng(1).integers(-8, 9, (64, 64))
  gains = []
  for plane in (texture, edge, flat):
    pair = gray(plane), gray(plane + error)
    gains.append(psnr_hvs_m(*pair) - psnr_hvs(*pair))
  assert gains[0] > 8 > 4 > gains[1] > gains[2] > 0  # noise hides a little of itself


def test_masking_never_makes_an_image_worse_and_takes_no_side():
  for distortion in DISTORTIONS:
    compared = distortion(CROPS["cat"])
    masked, plain = psnr_hvs_m(CROPS["cat"], compared), psnr_hvs(CROPS["cat"], compared)
    assert masked >= plain
    assert psnr_hvs_m(compared, CROPS["cat"]) == pytest.approx(masked, abs=1e-9)
    assert psnr_hvs(compared, CROPS["cat"]) == pytest.approx(plain, abs=1e-9)


@pytest.mark.parametrize("measure", [psnr_hvs, psnr_hvs_m])
@pytest.mark.parametrize("shape", [(101, 120), (96, 127), (15, 8), (103, 119)])
def test_incomplete_blocks_do_not_count(measure, shape):
  image = PHOTO[: shape[0], : shape[1]]
  whole = tuple(slice(side // 8 * 8) for side in shape)
  compared = noisy(image)
  expected = measure(image[whole], compared[whole])
  assert measure(image, compared) == pytest.approx(expected, rel=1e-12)
  outside = image.copy()
  outside[whole[0].stop :] = 255 - outside[whole[0].stop :]
  outside[:, whole[1].stop :] = 255 - outside[:, whole[1].stop :]
  assert measure(image, outside) == math.inf


def test_the_package_refuses_incomplete_blocks():
  package = pytest.importorskip("psnr_hvsm")
  with pytest.raises(ValueError, match="reshape"):  # if this stops, compare its numbers
    package.psnr_hvs_hvsm(np.zeros((16, 20)), np.zeros((16, 20)))


@pytest.mark.parametrize("measure", [psnr_hvs, psnr_hvs_m])
def test_the_rows_handled_at_a_time_do_not_matter(measure, monkeypatch):
  image = PHOTO[:200, :100]
  whole = measure(image, noisy(image))
  monkeypatch.setattr(module, "_ROWS", 24)
  assert measure(image, noisy(image)) == pytest.approx(whole, abs=1e-12)


def test_equal_images_are_infinitely_good(recwarn):
  flat = np.full((16, 16, 3), 7, np.uint8)
  for image in (PHOTO, flat):
    assert psnr_hvs(image, image) == psnr_hvs_m(image, image) == math.inf
  assert isinstance(psnr_hvs(PHOTO, PHOTO), float)
  assert not recwarn


@pytest.mark.parametrize("measure", [psnr_hvs, psnr_hvs_m])
def test_batches_give_one_number_for_each_image(measure):
  image = PHOTO[:100, :60]
  batch = np.stack([image, image, image])
  compared = np.stack([noisy(image), image, noisy(image, 5)])
  result = measure(batch, compared)
  assert result.shape == (3,) and result.dtype == np.float64
  each = [measure(a, b) for a, b in zip(batch, compared)]
  np.testing.assert_allclose(result, each, rtol=1e-12)
  assert measure(batch[:1], compared[:1]).shape == (1,)
  assert measure(batch[:0], compared[:0]).shape == (0,)


def test_tensors():
  tf = pytest.importorskip("tensorflow")
  compared = noisy(PHOTO)
  found = psnr_hvs(tf.constant(PHOTO), tf.constant(compared))
  assert found == pytest.approx(psnr_hvs(PHOTO, compared), rel=1e-12)


@pytest.mark.parametrize("measure, name", [(psnr_hvs, "PSNR-HVS"), (psnr_hvs_m, "PSNR-HVS-M")])
def test_what_cannot_be_compared_is_refused(measure, name):
  with pytest.raises(ImageError, match=r"\(300, 451, 3\) and \(299, 451, 3\)$"):
    measure(PHOTO, PHOTO[1:])
  with pytest.raises(ImageError, match=f"^{name} takes uint8 images. Received: dtype float64$"):
    measure(PHOTO / 255, PHOTO)
  with pytest.raises(ImageError, match=f"^{name} .*at least 8 pixels. Received: shape .7, 451, 3"):
    measure(PHOTO[:7], PHOTO[:7])
  with pytest.raises(ImageError, match="Received: shape"):
    measure(PHOTO[..., 0], PHOTO[..., 0])


def test_needs_neither_tensorflow_nor_scipy():
  code = (
    "import sys; from compression.metrics import psnr_hvs, psnr_hvs_m; import numpy as np;"
    "a = np.zeros((8, 8, 3), np.uint8); psnr_hvs(a, a + 1), psnr_hvs_m(a, a + 1);"
    "sys.exit('tensorflow' in sys.modules or 'scipy' in sys.modules)"
  )
  root = pathlib.Path(module.__file__).parents[2]
  assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
