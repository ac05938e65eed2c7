"""The entropy coder's convolutions and LSTM in NumPy float64, apart from the package."""

from __future__ import annotations

import numpy as np

MODES = {"SAME": "constant", "REFLECT": "reflect", "SYMMETRIC": "symmetric"}


def conv2d(x, kernel, strides=(1, 1), padding="SAME"):
  """x [N, H, W, C], kernel [h, w, C, depth], place by place."""
  x, kernel = np.asarray(x, np.float64), np.asarray(kernel, np.float64)
  if padding != "VALID":
    pads = []
    for size, side, stride in zip(x.shape[1:3], kernel.shape, strides):
      total = max(side - (size - 1) % stride - 1, 0)
      pads.append((total // 2, total - total // 2))
    x = np.pad(x, [(0, 0), *pads, (0, 0)], MODES[padding])
  height, width = kernel.shape[:2]
  rows = range(0, x.shape[1] - height + 1, strides[0])
  columns = range(0, x.shape[2] - width + 1, strides[1])
  y = np.zeros([len(x), len(rows), len(columns), kernel.shape[3]])
  for i, row in enumerate(rows):
    for j, column in enumerate(columns):
      window = x[:, row : row + height, column : column + width]
      y[:, i, j] = np.tensordot(window, kernel, 3)
  return y


def sigmoid(x):
  return 1 / (1 + np.exp(-x))


def lstm(gates, cell):
  """(h, c) from the gates f, i, j, o packed along the last axis, and the cell before."""
  f, i, j, o = np.split(gates, 4, axis=-1)
  c = sigmoid(f) * cell + sigmoid(i) * np.tanh(j)
  return sigmoid(o) * np.tanh(c), c
