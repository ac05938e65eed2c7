"""Windows of photos, and batches that follow from their number."""

from __future__ import annotations

import numpy as np
import pytest

from compression.codecs.dpcm import network
from compression.codecs.dpcm.window import COLUMNS, PLANES
from compression.common.errors import ConfigError
from compression.training.tasks.prediction import samples as samples_lib
from compression.training.tasks.prediction.samples import SampleSource, sample


def test_samples_are_windows_of_the_photos(photo):
  samples = sample([photo, photo[:50, :70]], seed=1)
  assert len(samples) == PLANES
  for plane, (windows, pixels) in enumerate(samples):
    assert windows.shape == (2 * samples_lib.PIXELS_OF_A_PHOTO, COLUMNS)
    assert len(pixels) == len(windows)
    west = windows[:, 0].astype(float)
    assert np.corrcoef(west, pixels)[0, 1] > 0.9, plane
  with pytest.raises(ConfigError, match="no photos"):
    sample([], seed=1)


def test_a_batch_is_a_function_of_seed_and_step_whatever_part_is_asked_for(photo):
  samples = sample([photo[:60, :60]], seed=0)
  source = SampleSource(samples, 9, seed=3)
  batch = source.batch(5)
  assert batch.shape == (9, *source.shape) and batch.dtype == np.float32
  np.testing.assert_array_equal(batch, np.concatenate([source.batch(5, 0, 4), source.batch(5, 4)]))
  np.testing.assert_array_equal(batch, SampleSource(samples, 9, seed=3).batch(5))
  assert (batch != source.batch(6)).any() and (batch != SampleSource(samples, 9, 4).batch(5)).any()


def test_inputs_are_those_of_the_network_and_the_rest_is_0(photo):
  batch = SampleSource(sample([photo[:60, :60]], seed=0), 50).batch(0)
  for plane in range(PLANES):
    count = network.inputs(plane)
    assert (batch[:, plane, 0, count : samples_lib.TARGET] == 0).all()
    assert (batch[:, plane, 0, count - 1] >= 1).all()  # the step
    weights = batch[:, plane, 0, samples_lib.WEIGHT]
    assert (weights > 0).all() and (weights < 1).all()
