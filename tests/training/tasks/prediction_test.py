"""Training of dpcm_mlp: it learns, and what it writes is the codec's model."""

from __future__ import annotations

import numpy as np
import pytest

from compression.codecs.dpcm import network
from compression.codecs.dpcm.codec import DPCMNetwork
from compression.codecs.dpcm.window import COLUMNS, PLANES
from compression.codecs.model_folders import Model
from compression.common.errors import ConfigError
from compression.training.tasks import prediction


def test_samples_are_windows_of_the_photos(photo):
  samples = prediction.sample([photo, photo[:50, :70]], seed=1)
  assert len(samples) == PLANES
  for plane, (windows, pixels) in enumerate(samples):
    assert windows.shape == (2 * prediction.PIXELS_OF_A_PHOTO, COLUMNS)
    assert len(pixels) == len(windows)
    west = windows[:, 0].astype(float)
    assert np.corrcoef(west, pixels)[0, 1] > 0.9, plane
  with pytest.raises(ConfigError, match="no photos"):
    prediction.sample([], seed=1)


def test_it_learns_to_predict_and_the_codec_takes_it(photo, tmp_path):
  lines: list[str] = []
  samples = prediction.sample([photo], seed=0)
  sizes = []
  for steps in (1, 120):
    weights = prediction.train(samples, 4, steps, seed=0, say=lines.append)
    prediction.save(weights, tmp_path / str(steps))
    codec = DPCMNetwork(Model("trained", tmp_path / str(steps)))
    image = photo[:64, 100:164]
    data = codec.compress(image, 1)
    np.testing.assert_array_equal(codec.decompress(data), image)
    sizes.append(len(data))
  assert sizes[1] < 0.95 * sizes[0]
  assert lines[-1].startswith("step 120: loss ")


def test_the_same_seed_gives_the_same_weights(photo):
  samples = prediction.sample([photo[:40, :40]], seed=0)
  first, second, other = (
    network.export(prediction.train(samples, 2, 2, seed=seed, say=lambda line: None))
    for seed in (3, 3, 4)
  )
  for name, values in first.items():
    np.testing.assert_allclose(second[name], values, atol=1)
  assert (other["kernel_0"] != first["kernel_0"]).any()
