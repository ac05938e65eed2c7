"""Windows of random pixels of photos, with the errors that rounding at a step leaves in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from compression.codecs.dpcm import network
from compression.codecs.dpcm.codec import SETTINGS, steps_of
from compression.codecs.dpcm.window import OWN, PLANES, Layout
from compression.common.errors import ConfigError
from compression.images.colour import to_ycocg

PIXELS_OF_A_PHOTO = 1000
_STEPS = np.stack([steps_of(int(step)) for step in SETTINGS])  # of each plane, at each setting

INPUTS = max(map(network.inputs, range(PLANES)))
TARGET, WEIGHT = INPUTS, INPUTS + 1
"""The columns of a batch after the inputs of the network."""


class Samples(NamedTuple):
  """Windows int16 [n, COLUMNS] and the pixels int16 [n] that they belong to, of one plane."""

  windows: np.ndarray
  pixels: np.ndarray


def sample(images: Iterable[np.ndarray], seed: int) -> list[Samples]:
  """Random pixels of photos, uint8 [H, W, 3], for each plane.

  Raises:
    ConfigError: if there are no photos.
  """
  rng = np.random.default_rng(seed)
  found: list[list[Samples]] = [[] for _ in range(PLANES)]
  for image in images:
    layout = Layout(*image.shape[:2])
    values = layout.bordered(to_ycocg(image))
    inside = layout.inside(np.arange(values.size))
    for plane, samples in enumerate(found):
      cells = rng.choice(inside[plane].ravel(), PIXELS_OF_A_PHOTO)
      windows = layout.windows(values, cells).astype(np.int16)
      samples.append(Samples(windows, values[cells].astype(np.int16)))
  if not found[0]:
    raise ConfigError("there are no photos to learn from")
  return [Samples(*map(np.concatenate, zip(*samples))) for samples in found]


class SampleSource:
  """Batches of them: number s is a function of the seed and s alone.

  Args:
    samples: of each plane.
    batch_size: N.
    seed: 0 to 2^64 - 1.

  Attributes:
    shape: (PLANES, 1, INPUTS + 2): for each plane the inputs of its network, the others 0; what the
      prediction less W should be; the weight of its error.
  """

  dtype = np.float32
  shape = (PLANES, 1, INPUTS + 2)

  def __init__(self, samples: list[Samples], batch_size: int, seed: int = 0):
    self.samples, self.batch_size, self.seed = samples, batch_size, seed

  def batch(self, step: int, begin: int = 0, end: int | None = None) -> np.ndarray:
    """Elements begin .. end - 1 of batch number `step`: float32 [end - begin, *shape]."""
    key = np.array([self.seed, step], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key))
    made = np.zeros([self.batch_size, *self.shape], np.float32)
    for plane, samples in enumerate(self.samples):
      self._fill(made[:, plane, 0], rng, plane, samples)
    return made[begin:end]

  def _fill(self, made: np.ndarray, rng: np.random.Generator, plane: int, samples: Samples) -> None:
    """One plane's part of a batch, [N, INPUTS + 2]."""
    chosen = rng.integers(0, len(samples.pixels), self.batch_size)
    windows = samples.windows[chosen].astype(np.float32)
    steps = _STEPS[rng.integers(0, len(_STEPS), self.batch_size)]
    columns = [plane] * len(OWN)
    for before in range(1, PLANES):
      columns += [max(plane - before, 0)] * ((windows.shape[1] - len(OWN)) // (PLANES - 1))
    noise = rng.random(windows.shape, np.float32) - np.float32(0.5)
    windows += np.rint(noise * (steps[:, columns] - 1))
    first, second = network.differences(plane)
    count = network.inputs(plane)
    made[:, : count - 1] = windows[:, first] - windows[:, second]
    made[:, count - 1] = [network.step_input(int(step)) for step in steps[:, plane]]
    own = made[:, : len(OWN) - 1]
    made[:, TARGET] = samples.pixels[chosen] - windows[:, OWN.index((0, -1))]
    made[:, WEIGHT] = 1 / (1 + steps[:, plane] / 2 + np.abs(own).mean(1))
