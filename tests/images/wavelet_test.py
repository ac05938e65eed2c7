"""The 9/7 wavelet: it comes back, and its filters are those of JPEG 2000."""

from __future__ import annotations

import numpy as np
import pytest

from compression.images import wavelet

# ITU-T T.800, table F.3 and its like: the analysis filters, low-pass from its centre.
LOW = [0.6029490182363579, 0.2668641184428723, -0.07822326652898785, -0.01686411844287495]
LOW.append(0.02674875741080976)


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (5, 1), (2, 3), (37, 53), (64, 64)])
@pytest.mark.parametrize("levels", [1, 3, 6])
def test_any_size_comes_back(shape, levels):
  planes = np.random.default_rng(0).normal(0, 100, (2, *shape)).astype(np.float32)
  bands = wavelet.analyse(planes, levels)
  sizes = [[band.shape[1:] for band in level] for level in bands.high]
  assert [*sizes, [bands.low.shape[1:]]] == wavelet.band_sizes(*shape, levels)
  np.testing.assert_allclose(wavelet.synthesise(bands), planes, atol=1e-3)


def test_the_low_pass_filter_is_that_of_the_standard():
  line = np.zeros([1, 33, 1], np.float32)
  line[0, 16] = 1
  # The response at even places to an impulse there, and at those beside one at an odd place.
  low = wavelet.analyse(line, 1).low[0, :, 0] / 2  # sqrt 2 of the filter, sqrt 2 of one column
  np.testing.assert_allclose(low[8:11], LOW[::2], atol=1e-6)
  low = wavelet.analyse(np.roll(line, 1, 1), 1).low[0, :, 0] / 2
  np.testing.assert_allclose(low[9:11], LOW[1::2], atol=1e-6)


def test_plain_images_have_no_high_bands():
  bands = wavelet.analyse(np.full([1, 40, 24], 10, np.float32), 3)
  np.testing.assert_allclose(bands.low, 10 * 2**3, rtol=1e-4)
  for level in bands.high:
    for band in level:
      np.testing.assert_allclose(band, 0, atol=1e-2)


def test_norms_are_those_of_what_coefficients_add():
  norms = wavelet.norms(3)
  for level in range(3):
    for band in range(3):
      bands = wavelet.analyse(np.zeros([1, 128, 128], np.float32), 3)
      chosen = bands.high[level][band]
      chosen[0, chosen.shape[1] // 2, chosen.shape[2] // 2] = 1
      norm = np.linalg.norm(wavelet.synthesise(bands))
      assert norms.high[level][band] == pytest.approx(norm, rel=1e-4)
  bands = wavelet.analyse(np.zeros([1, 128, 128], np.float32), 3)
  bands.low[0, 8, 8] = 1
  assert norms.low == pytest.approx(np.linalg.norm(wavelet.synthesise(bands)), rel=1e-4)


def test_the_bands_are_of_rows_columns_and_both():
  wave = np.where(np.arange(32) % 2, -1, 1).astype(np.float32)
  for band, image in enumerate(
    (np.tile(wave, (32, 1)), np.tile(wave[:, None], (1, 32)), np.outer(wave, wave))
  ):
    (level,) = wavelet.analyse(image[None], 1).high
    energies = [np.square(values).sum() for values in level]
    assert np.argmax(energies) == band and energies[band] > 0.99 * sum(energies)
