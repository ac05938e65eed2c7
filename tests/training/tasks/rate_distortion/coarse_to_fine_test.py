"""First weights of hu2020: photos are shown before any training, and hyper latents say how busy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.hu2020.network import Hu2020Network
from compression.metrics import psnr
from compression.training.tasks.rate_distortion import coarse_to_fine

_CHANNELS = 64


def started(tiles: np.ndarray, lmbda: float) -> Hu2020Network:
  tf.keras.utils.set_random_seed(2)
  network = Hu2020Network(_CHANNELS)
  network.build()
  coarse_to_fine.start(network, tiles, lmbda)
  return network


@pytest.fixture(scope="module")
def tiles(photo: np.ndarray) -> np.ndarray:
  return photo[:256, :256].reshape(4, 64, 4, 64, 3).swapaxes(1, 2).reshape(-1, 64, 64, 3)


def test_photos_are_shown_better_the_more_pictures_weigh(tiles: np.ndarray) -> None:
  x = tf.constant(tiles[:4] / np.float32(255))
  quality, bits = [], []
  for lmbda in (0.0018, 0.05):
    coded = started(tiles, lmbda).rounded(x)
    pixels = np.rint(np.clip(coded.x_hat, 0, 1) * 255).astype(np.uint8)
    quality.append(np.mean([psnr(one, other) for one, other in zip(tiles, pixels)]))
    bits.append(float(tf.reduce_sum(coded.bits)))
  flat = np.mean(
    [psnr(t, np.broadcast_to(np.rint(t.mean((0, 1))), t.shape).astype(np.uint8)) for t in tiles[:4]]
  )
  assert quality[0] > flat + 1 and quality[1] > quality[0]
  assert bits[1] > 1.5 * bits[0]


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
