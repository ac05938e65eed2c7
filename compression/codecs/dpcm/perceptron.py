"""The perceptron: a weighted sum of the window, fitted to each image, with integers in the file."""

from __future__ import annotations

import numpy as np

from compression.codecs.dpcm.window import COLUMNS, PLANES, Layout, seen

_WEIGHT_BITS = 12  # weights are in 2^-12: int16 holds -8 to 8
_BIAS_BITS = 3  # biases in 1/8 of a pixel
_MOST = 2**15 - 1
_LENGTHS = [seen(plane) + 1 for plane in range(PLANES)]

BYTES = 2 * sum(_LENGTHS)
"""What all coefficients take in a file."""

_PIXELS = 2**18
"""Enough of an image to fit 20 weights."""

_RIDGE = 1e-3  # squares of values, so that a plain image has a solution


class Perceptron:
  """Coefficients for each plane: of the columns of the window that it has, and the bias.

    prediction = floor((w . window + 2^9 b) / 2^12 + 1/2)

  Args:
    coefficients: for each plane int16 [seen(plane) + 1].
  """

  def __init__(self, coefficients: list[np.ndarray]):
    self._coefficients = coefficients
    # Integers below 2^15 * 2^10 * COLUMNS in float64: exact in any order.
    self._weights = [values[:-1].astype(np.float64) for values in coefficients]
    self._biases = [
      float((int(values[-1]) << _WEIGHT_BITS - _BIAS_BITS) + (1 << _WEIGHT_BITS - 1))
      for values in coefficients
    ]

  @classmethod
  def fitted(cls, planes: np.ndarray, steps: np.ndarray) -> Perceptron:
    """With the least squares of errors on an image.

    What will be seen is not the image but what was decoded of it: off by the error of rounding to
    steps, whose mean square is (step^2 - 1) / 12. That much on the diagonal of the normal equations
    is what such noise in the window would add to them.

    Args:
      planes: int16 [plane, row, column].
      steps: of each plane.
    """
    layout = Layout(*planes.shape[1:])
    values = layout.bordered(planes)
    noise = (np.asarray(steps, np.float64) ** 2 - 1) / 12
    coefficients = []
    for plane in range(PLANES):
      cells = layout.spread(_PIXELS) + layout.offset(0, 0, plane)
      window = np.ones([len(cells), seen(plane) + 1])
      window[:, :-1] = layout.windows(values, cells)[:, : seen(plane)]
      squares = window.T @ window
      before = [plane] * seen(0) + [plane - 1] * (seen(1) - seen(0)) + [0] * (seen(2) - seen(1))
      extra = len(cells) * noise[before[: seen(plane)]] + _RIDGE
      squares[np.arange(seen(plane)), np.arange(seen(plane))] += extra
      solution = np.linalg.solve(squares, window.T @ values[cells])
      units = [1 << _WEIGHT_BITS] * seen(plane) + [1 << _BIAS_BITS]
      coefficients.append(np.rint(np.clip(solution * units, -_MOST, _MOST)).astype(np.int16))
    return cls(coefficients)

  @classmethod
  def from_bytes(cls, data: bytes) -> Perceptron:
    """What `to_bytes` made; BYTES long."""
    values = np.frombuffer(data, "<i2", sum(_LENGTHS))
    return cls(np.split(values, np.cumsum(_LENGTHS)[:-1]))

  def to_bytes(self) -> bytes:
    """Little-endian, plane after plane."""
    return np.concatenate(self._coefficients).astype("<i2").tobytes()

  def predict(self, plane: int, window: np.ndarray) -> np.ndarray:
    """int32 [n, COLUMNS] -> float64 [n], whole numbers of any size."""
    assert window.shape[1] == COLUMNS
    sums = window[:, : seen(plane)].astype(np.float64) @ self._weights[plane]
    return np.floor((sums + self._biases[plane]) * 2.0**-_WEIGHT_BITS)
