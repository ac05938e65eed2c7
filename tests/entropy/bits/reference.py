"""The interlaced coder's integers once more, in TensorFlow and apart from the package's.

Only the format of the arrays is shared. Whole layers are computed with tf.nn.conv2d in float64 for
what is known so far, as often as anything more is known: slow, and with nothing to get out of step.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

ONE, HALF = 2.0**10, 2.0**-12
PASS = {(0, 0): 0, (1, 1): 1, (0, 1): 2, (1, 0): 3}


def conv(x, kernel):
  return tf.nn.conv2d(x, tf.cast(kernel, tf.float64), 1, "SAME")


def relu(sums):
  return tf.clip_by_value(tf.floor((sums + 2.0**11) * HALF), 0.0, 2.0**15 - 1)


class Reference:
  """Arrays of integers -> for each bit of a layer the index of its probability."""

  def __init__(self, config, arrays):
    self.config, self.arrays = config, arrays

  def kernels(self, layer, part):
    return self.arrays[f"kernels{min(layer, self.config.sets - 1)}/{part}"]

  def bias(self, layer, part):
    return tf.cast(self.arrays[f"biases{layer}/{part}"], tf.float64)

  def is_raster(self, layer):
    return layer < self.config.raster_layers

  def indexes(self, layer, state, x):
    """x [1, h, w, D] in units of bits, 0 where unknown -> int [h, w, D]."""
    x = tf.constant(x * ONE, tf.float64)
    kernel = self.kernels(layer, "neighbours/kernel")
    if self.is_raster(layer):
      sums = conv(x, kernel)
    else:
      rows, columns = np.indices(x.shape[1:3])
      number = np.vectorize(lambda r, c: PASS[r % 2, c % 2])(rows, columns)
      biases = self.kernels(layer, "neighbours/bias")
      sums = sum(
        (conv(x, kernel[p]) + tf.cast(biases[p], tf.float64)) * (number == p)[None, ..., None]
        for p in range(4)
      )
    sums += self.bias(layer, "hidden")
    if layer:
      sums += conv(state, self.kernels(layer, "context/kernel"))
    h = relu(sums)
    h = relu(conv(h, self.kernels(layer, "hidden/kernel")) + self.kernels(layer, "hidden/bias"))
    g = conv(h, self.kernels(layer, "group_hidden/kernel"))
    g += self.kernels(layer, "group_hidden/bias")
    g = relu(g + conv(x, self.kernels(layer, "group_bits/kernel")))
    z = conv(h, self.kernels(layer, "logits/kernel")) + self.bias(layer, "logits")
    z += conv(g, self.kernels(layer, "logits_group/kernel"))
    z += conv(x, self.kernels(layer, "logits_bits/kernel"))
    largest = len(self.arrays["probabilities"]) // 2
    z = tf.clip_by_value(tf.floor((z + 2.0**17) * 2.0**-18), -largest, largest) + largest
    return z.numpy()[0].astype(np.int32)

  def next_state(self, layer, state, x):
    sums = conv(tf.constant(x * ONE, tf.float64), self.kernels(layer, "state_bits/kernel"))
    sums += self.bias(layer, "state")
    if layer:
      sums += conv(state, self.kernels(layer, "state_state/kernel"))
    return relu(sums)

  def order(self, layer, height, width):
    """When each place comes: by wavefront or by pass; then from the top and from the left."""
    rows, columns = np.indices([height, width])
    if self.is_raster(layer):
      when = columns + (self.config.context // 2 + 1) * rows
    else:
      when = np.vectorize(lambda r, c: PASS[r % 2, c % 2])(rows, columns)
    return [np.argwhere(when == t) for t in range(when.max() + 1)]

  def encode(self, bits):
    """bool [T, h, w, D] -> (indexes, bits) of each layer in the order of the file."""
    state = None
    for layer, layer_bits in enumerate(bits):
      x = np.where(layer_bits, 1.0, -1.0)[None]
      indexes = self.indexes(layer, state, x)
      found = []
      for places in self.order(layer, *layer_bits.shape[:2]):
        for group in np.split(np.arange(self.config.layer_depth), self.config.groups):
          for row, column in places:
            found += [(indexes[row, column, d], layer_bits[row, column, d]) for d in group]
      yield np.array(found).T
      state = self.next_state(layer, state, x)

  def decode(self, shape, readers):
    """Layer after layer, bool [h, w, D]."""
    state = None
    for layer, read in enumerate(readers):
      x = np.zeros([1, *shape])
      for places in self.order(layer, *shape[:2]):
        for group in np.split(np.arange(self.config.layer_depth), self.config.groups):
          if len(places):
            indexes = self.indexes(layer, state, x)
            wanted = np.concatenate([indexes[row, column, group] for row, column in places])
            found = read(wanted.astype(np.int32)).reshape(len(places), -1)
            for (row, column), values in zip(places, found):
              x[0, row, column, group] = values * 2 - 1
      yield x[0] > 0
      state = self.next_state(layer, state, x)
