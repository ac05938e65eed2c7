"""The CDF 9/7 wavelet of images: four steps of lifting, in as many levels as asked for.

A. Cohen, I. Daubechies and J.-C. Feauveau, "Biorthogonal bases of compactly supported wavelets"
(1992), factored by I. Daubechies and W. Sweldens, "Factoring wavelet transforms into lifting steps"
(1998); the irreversible filters of JPEG 2000 (ITU-T T.800, annex F). With s the samples of even
number and d those of odd,

    d_i += alpha (s_i + s_i+1)    s_i += beta  (d_i-1 + d_i)
    d_i += gamma (s_i + s_i+1)    s_i += delta (d_i-1 + d_i)    s *= sqrt 2 / K    d *= K / sqrt 2

where ends are mirrored, so that any length will do; s of a constant is sqrt 2 times as much. A
single sample counts as a constant. All is float32.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

# T.800, table F.4.
_ALPHA, _BETA = -1.586134342059924, -0.052980118572961
_GAMMA, _DELTA = 0.882911075530934, 0.443506852043971
_K = 1.230174104914001
_GAIN = np.sqrt(2)

_NORM_SAMPLES = 16  # of the coarsest band, where a coefficient in the middle sees no end


class Bands(NamedTuple):
  """What an image becomes.

  Attributes:
    low: [C, h, w], the coarsest.
    high: of each level, from the finest, the three bands [C, h, w] with what is high frequency
      along rows, along columns, and along both. h and w may be 0.
  """

  low: np.ndarray
  high: list[list[np.ndarray]]


class Norms(NamedTuple):
  """L2 norms of what a coefficient of 1 is in the image, in the order of Bands."""

  low: float
  high: list[list[float]]


def analyse(planes: np.ndarray, levels: int) -> Bands:
  """float32 [C, H, W] -> bands."""
  low, high = planes, []
  for _ in range(levels):
    left, along_rows = _split(low, 2)
    low, along_columns = _split(left, 1)
    first, both = _split(along_rows, 1)
    high.append([first, along_columns, both])
  return Bands(low, high)


def synthesise(bands: Bands) -> np.ndarray:
  """The reverse: float32 [C, H, W]."""
  low = bands.low
  for first, along_columns, both in reversed(bands.high):
    low = _join(_join(low, along_columns, 1), _join(first, both, 1), 2)
  return low


def band_sizes(height: int, width: int, levels: int) -> list[list[tuple[int, int]]]:
  """Rows and columns of the bands of each level, as in Bands.high, and then that of the low one."""
  sizes = []
  for _ in range(levels):
    high, wide = height // 2, width // 2
    height, width = height - high, width - wide
    sizes.append([(height, wide), (high, width), (high, wide)])
  return [*sizes, [(height, width)]]


@functools.cache
def norms(levels: int) -> Norms:
  """The norms of bands in an image that is large enough not to be seen by their filters' ends."""
  rows = []
  for level in range(levels + 1):
    bands = analyse(np.zeros([1, _NORM_SAMPLES << levels, 1], np.float32), levels)
    band = bands.low if level == levels else bands.high[level][1]
    band[0, band.shape[1] // 2] = 1
    # One column counts as a constant, which each level divides by the gain.
    rows.append(float(np.linalg.norm(synthesise(bands)) * _GAIN ** min(level + 1, levels)))
  lows = [float(norm) for norm in _low_norms(levels)]
  high = [[lows[level] * rows[level]] * 2 + [rows[level] ** 2] for level in range(levels)]
  return Norms(lows[-1] ** 2, high)


def _low_norms(levels: int) -> list[float]:
  """The norm of the low band of each level, along one axis."""
  found = []
  for level in range(1, levels + 1):
    bands = analyse(np.zeros([1, _NORM_SAMPLES << level, 1], np.float32), level)
    bands.low[0, _NORM_SAMPLES // 2] = 1
    found.append(float(np.linalg.norm(synthesise(bands)) * _GAIN**level))
  return found


def _split(planes: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
  """Low and high bands along an axis."""
  samples = np.moveaxis(planes, axis, 0)
  even, odd = samples[0::2].copy(), samples[1::2].copy()
  if not len(odd):
    even *= np.float32(_GAIN)
  else:
    _lift(odd, even, _ALPHA, 0)
    _lift(even, odd, _BETA, 1)
    _lift(odd, even, _GAMMA, 0)
    _lift(even, odd, _DELTA, 1)
    even *= np.float32(_GAIN / _K)
    odd *= np.float32(_K / _GAIN)
  return np.moveaxis(even, 0, axis), np.moveaxis(odd, 0, axis)


def _join(low: np.ndarray, high: np.ndarray, axis: int) -> np.ndarray:
  """The reverse of `_split`."""
  even, odd = np.moveaxis(low, axis, 0), np.moveaxis(high, axis, 0)
  if not len(odd):
    return low * np.float32(1 / _GAIN)
  even, odd = even * np.float32(_K / _GAIN), odd * np.float32(_GAIN / _K)
  _lift(even, odd, -_DELTA, 1)
  _lift(odd, even, -_GAMMA, 0)
  _lift(even, odd, -_BETA, 1)
  _lift(odd, even, -_ALPHA, 0)
  samples = np.empty((len(even) + len(odd), *even.shape[1:]), even.dtype)
  samples[0::2], samples[1::2] = even, odd
  return np.moveaxis(samples, 0, axis)


def _lift(changed: np.ndarray, others: Any, weight: float, before: int) -> None:
  """Adds `weight` times both neighbours to samples, in place.

  Args:
    changed, others: [n, ...], the samples of even and odd number, or the other way round.
    before: 1 if the first of `changed` is before the first of `others`, else 0. Where a neighbour
      is missing, the other one counts twice: the mirror.
  """
  n = len(changed)
  left = others[: n - before]
  right = others[1 - before : n + 1 - before]
  total = np.zeros_like(changed)
  total[before:] += left
  total[: len(right)] += right
  if before:
    total[0] += others[0]
  if len(right) < n:
    total[-1] += others[n - 1 - before]
  changed += np.float32(weight) * total
