"""The networks that choose tables, in integers: what a decoder must have to the last bit.

They are the parts INTEGER of `network.py`, with the units of `entropy/fixed_point.py`:

                          unit      range
    latents z^, mu        2^-4      mu to +-2^15
    what enters, z^ / 4   2^-10     +-(2^15 - 1), as between all layers and for h
    weights               2^-12     int16
    biases, sums          2^-22     int32; sums below 2^30 * 2^16 terms: 2^46
    scale                 1/4       of its logarithm to base 2, from LOW to HIGH: SCALES indexes

All are held in float64, which is exact far beyond that, in any order of adding.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from compression.codecs.strips import in_strips
from compression.common.errors import ModelError
from compression.entropy.fixed_point import ACTIVATION_MAX, WEIGHT_BITS, clamp, relu, rescale

LATENT_BITS = 4
UNITS = 1 << LATENT_BITS
"""Latents and mu are in 1/UNITS."""

SCALES = 37
"""Indexes of scales: 2^-3 to 2^6 in steps of a quarter of an octave."""

_MU_BITS = 20  # of sums, as mu is 4 times what the prediction gives
_SUM_BITS = 22
_SCALE_BITS = 2
_LOWEST = -3 << _SCALE_BITS
_INPUT = 2 ** (10 - LATENT_BITS - 2)  # what a unit of z^ is of z^ / 4
_MU_MAX = 2**15 - 1
_MAX_TERMS = 2**16
_REACH = 2  # of a prediction: its 5x5
_SIZES = {"hyper_synthesis": (1, 1, 1, 3), "prediction": (5, 1, 1)}


class HyperSynthesis:
  """z^ -> h.

  Args:
    arrays: an archive.
    part: its name there.
    where: the archive is from, for messages.

  Raises:
    ModelError: if the part is not there, or no such network.
  """

  def __init__(self, arrays: Mapping[str, np.ndarray], part: str, where: str):
    self._layers = _layers(arrays, part, where, narrow=4)
    self.channels = self._layers[0][0].shape[2]
    self.features = self._layers[-1][0].shape[3]
    if self._layers[-2][1].size % 4 or self.features % 4:
      raise ModelError(f"{where}: {part} has a depth that cannot become space")

  def __call__(self, z_hat: np.ndarray, height: int, width: int) -> np.ndarray:
    """h, float64 [height, width, features], of z^ [ceil(height / 2), ceil(width / 2), channels]."""
    first, second, third, last = self._layers
    h = _limited(z_hat.astype(np.float64) * _INPUT)
    h = _limited(rescale(_conv(h, *first), WEIGHT_BITS))
    h = relu(_conv(relu(_conv(h, *second)), *third))
    rows, columns, depth = h.shape
    h = h.reshape(rows, columns, 2, 2, depth // 4).swapaxes(1, 2)
    h = h.reshape(2 * rows, 2 * columns, depth // 4)
    return _limited(rescale(_conv(h, *last), WEIGHT_BITS))[:height, :width]


class Prediction:
  """h -> mu and the index of the scale of each value of a latent; arguments as above."""

  def __init__(self, arrays: Mapping[str, np.ndarray], part: str, where: str):
    self._layers = _layers(arrays, part, where)
    self.features = self._layers[0][0].shape[2]
    self.channels = self._layers[-1][0].shape[3] // 2

  def __call__(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int32 and int16, [rows, columns, channels] both."""
    both = in_strips(self._of_rows, [h], [1], 1, _REACH)
    return both[..., : self.channels].astype(np.int32), both[..., self.channels :]

  def _of_rows(self, h: np.ndarray) -> np.ndarray:
    first, second, last = self._layers
    sums = _conv(relu(_conv(relu(_conv(h, *first)), *second)), *last)
    mu = rescale(sums[..., : self.channels].copy(), _MU_BITS - LATENT_BITS)
    scale = rescale(sums[..., self.channels :].copy(), _SUM_BITS - _SCALE_BITS)
    clamp(mu, -_MU_MAX, _MU_MAX)
    clamp(scale, _LOWEST, _LOWEST + SCALES - 1)
    return np.concatenate([mu, scale - _LOWEST], -1).astype(np.int16)


def _layers(
  arrays: Mapping[str, np.ndarray], part: str, where: str, narrow: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
  """Kernels and biases as float64, checked.

  Args:
    narrow: the number of the layer that sees a quarter of the depth, or 0.
  """
  layers: list[tuple[np.ndarray, np.ndarray]] = []
  for number, size in enumerate(_SIZES[part.rstrip("123")], 1):
    name = f"{part}/conv{number}"
    kernel = arrays.get(f"{name}/kernel", np.zeros(0))
    bias = arrays.get(f"{name}/bias", np.zeros(0))
    wanted = (size, size, *kernel.shape[2:3], bias.size)
    if layers:
      wanted = (size, size, layers[-1][1].size // (4 if number == narrow else 1), bias.size)
    kinds = (kernel.dtype.str[1:], bias.dtype.str[1:])
    if kinds != ("i2", "i4") or kernel.shape != wanted or bias.ndim != 1 or not kernel.size:
      raise ModelError(f"{where}: {name} is no layer of integers of this codec")
    if kernel.size // bias.size > _MAX_TERMS:
      raise ModelError(f"{where}: {name} has sums of more than {_MAX_TERMS} terms")
    layers.append((kernel.astype(np.float64), bias.astype(np.float64)))
  return layers


def _conv(values: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
  """Sums [h, w, to] of values [h, w, from], zeros outside."""
  size, _, depth, filters = kernel.shape
  height, width, _ = values.shape
  reach = size // 2
  padded = np.pad(values, [(reach, reach), (reach, reach), (0, 0)])
  sums = np.tile(bias, (height * width, 1))
  for row, column in itertools.product(range(size), repeat=2):
    seen = padded[row : row + height, column : column + width].reshape(-1, depth)
    sums += seen @ kernel[row, column]
  return sums.reshape(height, width, filters)


def _limited(values: np.ndarray) -> np.ndarray:
  return clamp(values, -ACTIVATION_MAX, ACTIVATION_MAX)
