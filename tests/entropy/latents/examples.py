"""Priors that nothing trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compression.common.errors import FormatError
from compression.entropy.latents.factorized import FactorizedPrior
from compression.entropy.latents.tables import MAX_VALUE


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


def refuses_damage(coder: Any, q: np.ndarray, times: int) -> int:
  """Asserts that wrong bytes give one line or other latents, and cut or longer ones a line.

  Returns: how many of so many files with a wrong byte were refused.
  """
  data = coder.encode(q)
  refused = 0
  rng = np.random.default_rng(0)
  for _ in range(times):
    wrong = bytearray(data)
    wrong[rng.integers(0, len(wrong))] = rng.integers(0, 256)
    try:
      found = coder.decode(bytes(wrong), *q.shape[:2])
      assert found.shape == q.shape and np.abs(found).max() <= MAX_VALUE
    except FormatError as error:
      assert "\n" not in str(error)
      refused += 1
  for end in range(0, len(data), 7):
    with pytest.raises(FormatError, match="^[^\n]+$"):
      coder.decode(data[:end], *q.shape[:2])
  with pytest.raises(FormatError, match="too many or too few"):
    coder.decode(data + b"\0\0", *q.shape[:2])
  return refused
