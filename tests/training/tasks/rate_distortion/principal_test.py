"""First weights: the networks show photos before any training, in steps that suit the lambda."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.balle2017.network import Balle2017Network
from compression.codecs.hu2020.network import Hu2020Network
from compression.metrics import psnr
from compression.training.tasks.rate_distortion import coarse_to_fine, principal
from tests.training.tasks.rate_distortion.examples import started_by


@pytest.mark.parametrize(
  ("start", "network", "channels"),
  [(principal.start, Balle2017Network, 32), (coarse_to_fine.start, Hu2020Network, 64)],
  ids=["balle2017", "hu2020"],
)
def test_photos_are_shown_better_the_more_pictures_weigh(
  tiles: np.ndarray,
  start: Callable[..., None],
  network: Callable[[int], tf.keras.Model],
  channels: int,
) -> None:
  x = tf.constant(tiles[:4] / np.float32(255))
  quality, bits = [], []
  for lmbda in (0.0018, 0.05):
    coded = started_by(start, network, channels, tiles, lmbda).rounded(x)
    pixels = np.rint(np.clip(coded.x_hat, 0, 1) * 255).astype(np.uint8)
    quality.append(np.mean([psnr(one, other) for one, other in zip(tiles, pixels)]))
    bits.append(float(tf.reduce_sum(coded.bits)))
  flat = np.mean(
    [psnr(t, np.broadcast_to(np.rint(t.mean((0, 1))), t.shape).astype(np.uint8)) for t in tiles[:4]]
  )
  assert quality[0] > flat + 1 and quality[1] > quality[0]
  assert bits[1] > 1.5 * bits[0]


def test_components_are_orthonormal_and_the_largest_come_first(tiles: np.ndarray) -> None:
  components, middle = principal.components(tiles / 255.0, 4)
  assert components.shape == (48, 48) and middle.shape == (48,)
  np.testing.assert_allclose(components @ components.T, np.eye(48), atol=1e-9)
  blocks = (tiles / 255.0).reshape(-1, 16, 4, 16, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(-1, 48)
  spread = ((blocks - middle) @ components.T).std(0)
  assert (np.diff(spread) <= 1e-9).all()
