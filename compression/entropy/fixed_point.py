"""Integers held in float64: arithmetic that gives the same bits on every machine.

Another processor, library or number of threads adds in another order, and float sums then differ in
their last bits; a range decoder turns the smallest difference into garbage. Here every weight,
activation and sum is an integer, and every sum stays far below 2^53, so that float64 adds without
rounding, in any order, with or without fused multiply-add (Balle et al., *Integer Networks for Data
Compression with Latent-Variable Models*, ICLR 2019). The functions take and give NumPy arrays.

                  unit          range
    activations   2^-10         0 to 2^15 - 1, bits -2^10 and 2^10
    weights       2^-12         -(2^15 - 1) to 2^15 - 1
    biases, sums  2^-22         sums below 2^15 * 2^15 * terms: 2^43 for 2^13 terms
    logits        2^-4          -128 to 128, that is P from 3.4e-4 to 1 - 3.4e-4
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from compression.common.errors import ModelError

ACTIVATION_BITS = 10
WEIGHT_BITS = 12
LOGIT_BITS = 4

ONE = 1 << ACTIVATION_BITS
"""A bit of a code as an activation is -ONE or ONE; not yet coded, 0."""

ACTIVATION_MAX = 2**15 - 1
WEIGHT_MAX = 2**15 - 1

WEIGHT_LIMIT = WEIGHT_MAX / 2**WEIGHT_BITS
"""Just below 8: training keeps its weights within +-WEIGHT_LIMIT, so that all can be exported."""

BIAS_LIMIT = 2.0**8
"""Beyond any use, and within int32 in units of sums."""

LOGIT_MAX = 8 << LOGIT_BITS

_SUM_BITS = ACTIVATION_BITS + WEIGHT_BITS
_PROBABILITY_BITS = 16


def to_weights(values: np.ndarray, name: str) -> np.ndarray:
  """Float weights to the nearest integers, int16.

  Raises:
    ModelError: if one is not within +-WEIGHT_LIMIT.
  """
  if not (np.abs(values) <= WEIGHT_LIMIT).all():
    raise ModelError(f"{name}: has weights beyond {WEIGHT_LIMIT:.4g}, which have no integer form")
  return np.rint(np.asarray(values, np.float64) * 2**WEIGHT_BITS).astype(np.int16)


def to_biases(values: np.ndarray, name: str) -> np.ndarray:
  """Float biases to the nearest integers, int32; raises ModelError beyond +-BIAS_LIMIT."""
  if not (np.abs(values) <= BIAS_LIMIT).all():
    raise ModelError(f"{name}: has biases beyond {BIAS_LIMIT:g}, which have no integer form")
  return np.rint(np.asarray(values, np.float64) * 2**_SUM_BITS).astype(np.int32)


def to_integers(
  weights: Mapping[str, np.ndarray], mask: Callable[[str, np.ndarray], np.ndarray]
) -> dict[str, np.ndarray]:
  """Trained weights by name: kernels, multiplied by their masks, to int16, all others to int32.

  Args:
    weights: float arrays; the names of kernels end in `kernel`.
    mask: (name, kernel) -> what it is multiplied by.

  Raises:
    ModelError: if one is too large.
  """
  return {
    name: to_weights(values * mask(name, values), name)
    if name.endswith("kernel")
    else to_biases(values, name)
    for name, values in weights.items()
  }


def to_floats(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """What `to_integers` gave, as float32 weights to go on training from."""
  return {
    name: (values / 2 ** (WEIGHT_BITS if name.endswith("kernel") else _SUM_BITS)).astype(np.float32)
    for name, values in arrays.items()
  }


def rescale(sums: np.ndarray, bits: int) -> np.ndarray:
  """floor((a + 2^(bits - 1)) / 2^bits), in place: exact, as a division by a power of two is."""
  sums += 2.0 ** (bits - 1)
  sums *= 2.0**-bits
  return np.floor(sums, out=sums)


def clamp(values: np.ndarray, low: float, high: float) -> np.ndarray:
  """numpy.clip in place, which for small arrays takes several times as long."""
  np.maximum(values, low, out=values)
  return np.minimum(values, high, out=values)


def relu(sums: np.ndarray) -> np.ndarray:
  """Sums to activations, in place."""
  return clamp(rescale(sums, WEIGHT_BITS), 0, ACTIVATION_MAX)


def logit_indexes(sums: np.ndarray) -> np.ndarray:
  """Sums to indexes of `probabilities`, int32; works in place."""
  clamp(rescale(sums, _SUM_BITS - LOGIT_BITS), -LOGIT_MAX, LOGIT_MAX)
  sums += LOGIT_MAX
  return sums.astype(np.int32)


def probabilities() -> np.ndarray:
  """P(bit = 0) = 1 / (1 + exp(z)) for every index, in units of 2^-16, 1 to 2^16 - 1, int32.

  Made once, when a model is exported, and saved with it: exp differs from machine to machine.
  """
  logits = np.arange(-LOGIT_MAX, LOGIT_MAX + 1) / 2**LOGIT_BITS
  total = 2**_PROBABILITY_BITS
  return np.clip(np.rint(total / (1 + np.exp(logits))), 1, total - 1).astype(np.int32)
