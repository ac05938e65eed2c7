"""What is known of z2 and of y before they are decoded, in integers; what a model counts of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from compression.codecs.hu2020 import residuals
from compression.codecs.hu2020.integers import UNITS, HyperSynthesis, Prediction
from compression.codecs.hu2020.residuals import Residuals
from compression.common.errors import ModelError
from compression.entropy.fixed_point import ACTIVATION_BITS
from compression.entropy.latents import tables
from compression.entropy.latents.tables import LatentTables

RESIDUALS = ("residuals2/", "residuals3/")
"""What the names of the arrays of `residuals.py` begin with, of z2 and of y."""


class Coarse(NamedTuple):
  """What a decoder knows before y: z1^ and z2^ have told it.

  Attributes:
    mu: int32 [h, w, N], in 1/16.
    scales: int16 [h, w, N].
    h: float32 [h, w, features], h2 and h1, for the synthesis.
  """

  mu: np.ndarray
  scales: np.ndarray
  h: np.ndarray


class Predictor:
  """From z1^ to mu and scale of y, in integers.

  Args:
    arrays: of an archive.
    where: it is from, for messages.

  Attributes:
    prior: of z1.

  Raises:
    ModelError: if they do not fit.
  """

  def __init__(self, arrays: Mapping[str, np.ndarray], where: str):
    self.prior = LatentTables(tables.in_archive(arrays), where)
    # A float32 times 16 is exact.
    self._offset = np.rint(arrays["prior/offset"] * np.float32(UNITS)).astype(np.int32)
    self._synthesis1 = HyperSynthesis(arrays, "hyper_synthesis1", where)
    self._synthesis2 = HyperSynthesis(arrays, "hyper_synthesis2", where)
    self._prediction2 = Prediction(arrays, "prediction2", where)
    self._prediction3 = Prediction(arrays, "prediction3", where)
    self.channels2, self.channels3 = self._prediction2.channels, self._prediction3.channels
    if (
      self._synthesis1.channels != self.prior.channels
      or self._synthesis1.features != self._prediction2.features
      or self._synthesis2.channels != self.channels2
      or self._synthesis2.features != self._prediction3.features
    ):
      raise ModelError(f"{where}: the parts of its prediction do not fit together")

  def of_z2(self, q1: np.ndarray, height: int, width: int) -> tuple[np.ndarray, ...]:
    """mu, scales, and h1 [height, width, features], of z1's int32 [h, w, C]."""
    h1 = self._synthesis1(q1 * UNITS + self._offset, height, width)
    return (*self._prediction2(h1), h1)

  def of_y(self, z2_hat: np.ndarray, h1: np.ndarray, height: int, width: int) -> Coarse:
    """What z2^ says, int32 [h, w, C] in 1/16, of y [height, width, N]."""
    h2 = self._synthesis2(z2_hat, height, width)
    rows, columns, depth = h1.shape
    h1 = h1.reshape(rows, columns, 2, 2, depth // 4).swapaxes(1, 2)
    h1 = h1.reshape(2 * rows, 2 * columns, depth // 4)[:height, :width]
    h = np.concatenate([h2, h1], -1).astype(np.float32) / np.float32(1 << ACTIVATION_BITS)
    return Coarse(*self._prediction3(h2), h)


class Latents(NamedTuple):
  """Those of an image, not rounded: float32 [h, w, C] each."""

  y: np.ndarray
  z2: np.ndarray
  z1: np.ndarray


def counted(arrays: Mapping[str, np.ndarray], latents: Iterable[Latents]) -> dict[str, np.ndarray]:
  """The arrays of residuals that belong to an archive, counted in latents of images.

  Args:
    arrays: the others of the archive.
    latents: of each image.
  """
  predictor = Predictor(arrays, "these weights")
  of_z2, of_y = [], []
  for y, z2, z1 in latents:
    mu, scales, h1 = predictor.of_z2(predictor.prior.quantize(z1), *z2.shape[:2])
    of_z2.append(Residuals(residuals.nearest(z2, mu), scales))
    coarse = predictor.of_y(of_z2[-1].q * UNITS + mu, h1, *y.shape[:2])
    of_y.append(Residuals(residuals.nearest(y, coarse.mu), coarse.scales))
  made = {}
  for part, examples in zip(RESIDUALS, (of_z2, of_y)):
    made.update({part + name: array for name, array in residuals.count(examples).items()})
  return made


def counts_of(arrays: Mapping[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
  """The counts of one of RESIDUALS in an archive, by the names of `residuals.py`."""
  return {name[len(part) :]: array for name, array in arrays.items() if name.startswith(part)}
