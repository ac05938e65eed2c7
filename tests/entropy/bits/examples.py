"""Interlaced models with random weights, as if they had been trained, and codes."""

from __future__ import annotations

import numpy as np

from compression.entropy.bits import learned
from compression.entropy.bits.configs import InterlacedConfig
from compression.entropy.bits.interlaced import Interlaced, named_variables
from compression.entropy.bits.networks import arrays_of

SMALL = {
  "layer_depth": 8,
  "layer_count": 5,
  "hidden": 12,
  "state": 10,
  "groups": 4,
  "group_hidden": 16,
}


def make_model(seed=1, **config):
  """A float model; activations neither vanish nor grow, probabilities are anything."""
  model = Interlaced(InterlacedConfig(**{**SMALL, **config}))
  rng = np.random.default_rng(seed)
  for name, variable in sorted(named_variables(model).items()):
    is_kernel = name.endswith("kernel")
    scale = 1.2 / np.sqrt(np.prod(variable.shape[-4:-1])) if is_kernel else 0.2
    variable.assign(rng.normal(0, scale, variable.shape))
  return model


def make_coder(model, folder):
  """The coder of a float model's integer form, saved and loaded."""
  learned.save(folder, "interlaced", model.config, arrays_of(model))
  return learned.load(folder)


def random_bits(layers, height, width, depth=8, seed=0):
  """bool [T, h, w, D]."""
  return np.random.default_rng(seed).random([layers, height, width, depth]) < 0.5


def as_codes(bits):
  """bool [T, h, w, D] -> float32 [1, h, w, T D] in {-1, +1}."""
  return (np.concatenate(list(bits), axis=-1)[np.newaxis] * 2.0 - 1.0).astype(np.float32)
