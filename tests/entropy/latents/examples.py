"""Priors that nothing trained."""

from __future__ import annotations

import numpy as np

from compression.entropy.latents.factorized import FactorizedPrior


def prior(channels: int = 4, seed: int = 0, spread: float = 1.0) -> FactorizedPrior:
  """A layer of random weights around those that training starts from."""
  layer = FactorizedPrior()
  layer.build([None, None, None, channels])
  rng = np.random.default_rng(seed)
  for variable in layer.weights:
    first = 0 if "bias" in variable.name else variable.numpy()  # biases start at random
    variable.assign(first + rng.normal(0, spread, variable.shape))
  return layer


def weights(layer: FactorizedPrior) -> dict[str, np.ndarray]:
  """By their names in archives."""
  return {v.name.split("/")[-1].split(":")[0]: v.numpy() for v in layer.weights}
