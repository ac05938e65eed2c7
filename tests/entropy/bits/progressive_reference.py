"""The progressive coder's integers once more, plainly and apart from the package's.

Only the format of the arrays is shared. Whole layers and rows, as TensorFlow's convolutions in
float64 see them: slow, but with the formulas as they are written.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf


class Reference:
  """Arrays of integers -> indexes [h, w, D] of each layer, whole layers and rows at a time."""

  def __init__(self, arrays, middle):
    self.middle = middle  # index of a probability of a half
    self.arrays = {name: array.astype(np.float64) for name, array in arrays.items()}

  def shift(self, a, bits):
    return np.floor((a + 2.0 ** (bits - 1)) / 2.0**bits)

  def look_up(self, table, a, bits=15):
    index = np.clip(self.shift(a, bits), -(2.0**15), 2.0**15 - 1)
    return self.arrays[table][index.astype(int) + 2**15]

  def conv(self, x, name):
    return tf.nn.conv2d(x[np.newaxis], self.arrays[name], 1, "SAME").numpy()[0]

  def bias(self, name):
    return self.arrays[f"{name}/bias"] * 2**5

  def affine(self, x, name):
    return self.conv(x, f"{name}/kernel") + self.bias(name)

  def tanh(self, x, name):
    return self.look_up("tanh", self.affine(x, name))

  def lstm(self, gates, c):
    f, i, j, o = np.split(gates, 4, axis=-1)
    new = self.look_up("sigmoid", i) * self.look_up("tanh", j)
    c = self.shift(self.look_up("sigmoid", f) * c + new, 15)
    return self.shift(self.look_up("sigmoid", o) * self.look_up("tanh", c, 3), 15), c

  def layers(self, bits):
    depth = bits.shape[-1]
    s, h, c = (np.zeros([*bits.shape[1:3], size]) for size in (depth, 2 * depth, 2 * depth))
    for k, layer_bits in enumerate(bits):
      x = np.where(layer_bits, 2.0**15, -(2.0**15))
      p = f"predictor{k}"
      a = [self.tanh(x, f"{p}/adaptation0"), self.tanh(s, f"{p}/adaptation1")]
      gates = self.conv(np.concatenate(a, axis=-1), f"{p}/line_lstm/input_kernel")
      gates += self.bias(f"{p}/line_lstm")
      row, cells = np.zeros_like(h[:1]), np.zeros_like(c[:1])
      rows = []
      for y in range(len(x)):
        above = self.conv(row, f"{p}/line_lstm/hidden_kernel")
        row, cells = self.lstm(gates[y : y + 1] + above, cells)
        rows.append(row)
      z = self.affine(self.tanh(np.concatenate(rows), f"{p}/conv1"), f"{p}/conv2")
      yield (np.clip(self.shift(z, 22), -122, 122) + self.middle).astype(int)
      y = self.tanh(self.tanh(x, f"state{k}/conv1"), f"state{k}/conv2")
      gates = self.conv(y, "layer_lstm/input_kernel") + self.conv(h, "layer_lstm/hidden_kernel")
      h, c = self.lstm(gates + self.bias("layer_lstm"), c)
      s = self.tanh(self.tanh(h, "layer_rnn/conv1"), "layer_rnn/conv2")
