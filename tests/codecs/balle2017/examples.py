"""Models of balle2017 that nothing trained."""

from __future__ import annotations

import pathlib

import numpy as np

from compression.codecs import qualities
from compression.codecs.balle2017.codec import KIND
from compression.codecs.balle2017.network import Balle2017Network
from compression.codecs.qualities import Quality
from compression.entropy.latents import tables

CHANNELS = 4
_PRIOR = "training/prior/"


def arrays(seed: int = 0, channels: int = CHANNELS, scale: float = 30.0) -> dict[str, np.ndarray]:
  """Weights of a quality.

  Args:
    scale: of latents; more takes more bytes.
  """
  network = Balle2017Network(channels)
  network.build()
  rng = np.random.default_rng(seed)
  made = {}
  for name, variable in network.named_variables().items():
    values = variable.numpy()
    made[name] = values
    if name.endswith("kernel"):
      deviation = 1 / np.sqrt(np.prod(values.shape[:-1]))
      made[name] = rng.normal(0, deviation, values.shape).astype(np.float32)
  made["analysis/conv3/kernel"] = made["analysis/conv3/kernel"] * np.float32(scale)
  of_prior = {n[len(_PRIOR) :]: a for n, a in made.items() if n.startswith(_PRIOR)}
  return {**made, **{f"prior/{name}": a for name, a in tables.export(of_prior).items()}}


def write_model(folder: pathlib.Path, seed: int = 0, count: int = 2) -> pathlib.Path:
  """A model's folder, with better qualities that have larger latents."""
  made = [Quality(0.01 * 4**k, arrays(seed + k, scale=30.0 * 4**k)) for k in range(count)]
  qualities.save(folder, KIND, {"channels": CHANNELS}, made)
  return folder
