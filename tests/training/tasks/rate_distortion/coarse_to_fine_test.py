"""First weights of hu2020: latents are spread as scales say; hyper latents say how busy it is."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from compression.codecs.hu2020.network import Hu2020Network
from compression.training.tasks.rate_distortion import coarse_to_fine
from tests.training.tasks.rate_distortion.examples import started_by

_CHANNELS = 64


def started(tiles: np.ndarray, lmbda: float) -> Hu2020Network:
  return started_by(coarse_to_fine.start, Hu2020Network, _CHANNELS, tiles, lmbda)


def test_scales_begin_with_the_spread_of_each_channel_and_mu_with_0(tiles: np.ndarray) -> None:
  network = started(tiles, 0.01)
  y = network.g_a(tf.constant(tiles / np.float32(255)))
  mu, scales = np.split(network.prediction3(np.zeros([1, 2, 2, _CHANNELS // 2], "f4")), 2, -1)
  assert not mu.any()
  spread = np.maximum(y.numpy().std((0, 1, 2)), 0.2)
  np.testing.assert_allclose(2 ** scales[0, 0, 0], spread, rtol=1e-3)


def test_the_hyper_latents_tell_a_busy_tile_from_a_quiet_one(tiles: np.ndarray) -> None:
  """By the first component of z2, whichever way it points."""
  network = started(tiles, 0.01)
  quiet = (128 + (tiles.astype(np.float32) - 128) / 16) / np.float32(255)
  busy = tiles / np.float32(255)
  first = [
    network.hyper_analyses(network.g_a(tf.constant(each)))[0].numpy()[..., 0].mean()
    for each in (quiet, busy)
  ]
  assert abs(first[0] - first[1]) > 0.5
