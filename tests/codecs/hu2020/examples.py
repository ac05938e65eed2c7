"""Models of hu2020 that nothing trained."""

from __future__ import annotations

import functools
import pathlib

import numpy as np

from compression.codecs import qualities
from compression.codecs.hu2020.codec import KIND
from compression.codecs.hu2020.network import Hu2020Network
from compression.codecs.qualities import Quality

CHANNELS = 32


def network(seed: int = 0, scale: float = 30.0) -> Hu2020Network:
  """A network of random weights, whose predictions say something, too.

  Args:
    scale: of y; more takes more bytes.
  """
  made = Hu2020Network(CHANNELS)
  made.build()
  rng = np.random.default_rng(seed)
  for name, variable in made.named_variables().items():
    if name.endswith("kernel"):
      deviation = 1 / np.sqrt(np.prod(variable.shape[:-1]))
      variable.assign(rng.normal(0, deviation, variable.shape))
    elif "bias" in name:
      variable.assign(rng.normal(0, 0.1, variable.shape))
  made.analysis.layers[-1].kernel.assign(made.analysis.layers[-1].kernel * scale / 16)
  return made


@functools.lru_cache(maxsize=8)
def arrays(seed: int = 0, scale: float = 30.0) -> dict[str, np.ndarray]:
  """Weights of a quality."""
  tiles = np.random.default_rng(seed).integers(0, 256, [2, 32, 48, 3]).astype(np.uint8)
  return network(seed, scale).to_archive(tiles)


def write_model(folder: pathlib.Path, seed: int = 0, count: int = 2) -> pathlib.Path:
  """A model's folder, with better qualities that have larger latents."""
  made = [Quality(0.01 * 4**k, arrays(seed + k, scale=30.0 * 4**k)) for k in range(count)]
  qualities.save(folder, KIND, {"channels": CHANNELS}, made)
  return folder
