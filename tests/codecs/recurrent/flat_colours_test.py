"""What photos hold none of comes back, too: flat greys and the corners of the RGB cube."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import compression
from compression.codecs.recurrent.codec import RecurrentCodec
from tests import shared

_VALUES = (0, 1, 2, 37, 64, 100, *range(124, 132), 160, 200, 253, 254, 255)
GREYS = [(value,) * 3 for value in _VALUES]
CORNERS = list(itertools.product((0, 255), repeat=3))
LEAST_OF_GREYS, LEAST_OF_CORNERS = 45, 30

MODELS = shared.FOR_PHOTOS


@pytest.fixture(scope="module", params=MODELS)
def qualities(request: pytest.FixtureRequest) -> dict[tuple[int, ...], np.ndarray]:
  """PSNR in dB at each iteration, by colour."""
  codec = compression.load(request.param)
  assert isinstance(codec, RecurrentCodec)
  colours = np.array(GREYS + CORNERS, np.uint8)
  images = np.broadcast_to(colours[:, np.newaxis, np.newaxis], [len(colours), 32, 32, 3])
  network = codec.network
  results = [network.to_pixels(step).numpy() for step in network(network.to_x(images)).images]
  squares = [np.mean(np.square(np.float64(result) - images), (1, 2, 3)) for result in results]
  decibels = 10 * np.log10(255**2 / np.maximum(squares, 1e-3))
  return dict(zip(GREYS + CORNERS, decibels.T))


def test_every_grey_and_every_corner_comes_back(
  qualities: dict[tuple[int, ...], np.ndarray],
) -> None:
  for colour, quality in qualities.items():
    least = LEAST_OF_GREYS if colour in GREYS else LEAST_OF_CORNERS
    assert quality[15] > least, (colour, quality)


def test_no_iteration_undoes_what_the_ones_before_have_reached(
  qualities: dict[tuple[int, ...], np.ndarray],
) -> None:
  for colour, quality in qualities.items():
    # Near the original, where a value is off by one here or there, it may go up and down.
    lost = np.minimum(np.maximum.accumulate(quality), 40) - quality
    assert lost.max() < 0.5, (colour, quality)
