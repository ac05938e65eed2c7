"""What one process says of integers to another one; without TensorFlow, which is slow to start."""

from __future__ import annotations

import numpy as np

from compression.codecs.hu2020.integers import HyperSynthesis, Prediction


def digest() -> list[int]:
  """A digest of integers out of weights that no float made."""
  rng = np.random.default_rng(3)
  weights = {}
  for part, sizes, widths in (
    ("hyper_synthesis1", (1, 1, 1, 3), ((64, 64), (64, 64), (64, 64), (16, 64))),
    ("prediction2", (5, 1, 1), ((64, 64), (64, 64), (64, 128))),
  ):
    for number, (size, shape) in enumerate(zip(sizes, widths), 1):
      kernel = rng.integers(-2000, 2000, [size, size, *shape])
      weights[f"{part}/conv{number}/kernel"] = kernel.astype(np.int16)
      weights[f"{part}/conv{number}/bias"] = rng.integers(-(2**20), 2**20, shape[1], np.int32)
  z_hat = rng.integers(-300, 300, [5, 7, 64])
  h = HyperSynthesis(weights, "hyper_synthesis1", "here")(z_hat, 10, 14)
  mu, scales = Prediction(weights, "prediction2", "here")(h)
  at = np.arange(1, mu.size + 1)
  return [int((each.ravel() * at % 2**31).sum()) for each in (h, mu, scales)]
