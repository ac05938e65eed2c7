"""What the exact integer forms of the probability models share.

All arrays are float64 that hold integers (`compression.entropy.fixed_point`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np

from compression.entropy.bits.orders import Step

Read = Callable[[np.ndarray], np.ndarray]
"""int32 [m], indexes of probabilities -> the next m bits of a layer, int32 in {0, 1}."""

_CHUNK_BYTES = 64 * 2**20
"""Memory for the windows of a convolution at a time."""


class CodedLayer(NamedTuple):
  """A layer's bits in the order in which they are coded.

  Attributes:
    indexes: int32 [m], of the probability of each bit.
    bits: int32 [m] in {0, 1}.
  """

  indexes: np.ndarray
  bits: np.ndarray


class IntegerModel(Protocol):
  """A probability model that gives the same integers on every machine."""

  def encode(self, bits: np.ndarray) -> Iterator[CodedLayer]:
    """bool [T, h, w, D] -> for each layer what the range coder takes."""

  def decode(self, shape: tuple[int, int, int], readers: Iterable[Read]) -> Iterator[np.ndarray]:
    """Layer after layer, bool [h, w, D] = `shape`, each from its reader."""

  def bytes_of_place(self) -> int:
    """About how much memory `decode` takes for each place of a layer."""


def convolve(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
  """A convolution with zeros around.

  Args:
    x: [h, w, C].
    kernel: [height, width, C, depth], sides odd.

  Returns: sums [h, w, depth].
  """
  height, width, depth_in, depth = kernel.shape
  matrix = kernel.reshape(-1, depth)
  if height == width == 1:
    return x @ matrix
  padded = np.pad(x, [(height // 2, height // 2), (width // 2, width // 2), (0, 0)])
  # NumPy's types know of one axis only.
  windows = np.lib.stride_tricks.sliding_window_view(  # type: ignore[call-overload]
    padded, (height, width), (0, 1)
  )
  windows = windows.transpose(0, 1, 3, 4, 2)  # [h, w, height, width, C]
  rows = max(1, _CHUNK_BYTES // (x.shape[1] * len(matrix) * x.itemsize))
  sums = np.empty([*x.shape[:2], depth])
  for top in range(0, len(x), rows):
    part = windows[top : top + rows]
    sums[top : top + rows] = part.reshape(*part.shape[:2], -1) @ matrix
  return sums


def take(padded: np.ndarray, step: Step, taps: np.ndarray, reach: int) -> np.ndarray:
  """What the places of a step see of their neighbours.

  Args:
    padded: [h + 2 reach, w + 2 reach, C].
    step: m places.
    taps: int [n, 2], rows and columns relative to a place, within +-reach.
    reach: see above.

  Returns: [m, n * C].
  """
  rows, columns, depth = padded.shape
  places = (step.rows + reach) * columns + step.columns + reach
  offsets = taps[:, 0] * columns + taps[:, 1]
  seen = padded.reshape(rows * columns, depth)[places[:, np.newaxis] + offsets]
  return seen.reshape(len(places), -1)
