"""The entropy model that learns beside the networks: what the bits of each iteration would cost.

    P(bit | earlier iterations around it, blocks before it, earlier groups of its block)

    b_1 .. b_6 before --+
    mean of all before -+-- 3x3 --+
                                  +-- scale, shift of t -- ReLU -- 1x1 -- ReLU --+--> groups of
    b_t, blocks before in raster order -- 5x5, masked --+                        |    bits, one
                                                                                 |    after
    b_t, earlier groups of the block -------- 1x1, masked -----------------------+    another

All iterations at once, from the true bits (teacher forcing): it only has to be near to what the
shipped coder of `compression.entropy.bits` comes to, which is trained afresh once the networks are
settled, and to have a gradient. The bits are +-1 with the binarizer's gradient.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from compression.common import masks
from compression.layers.recurrent_cell import REGISTRATION

_HIDDEN = 192
_UNITS = 256  # at most: as many for each group of bits
_BEFORE = 6  # iterations that are seen one by one
_NEAR = 5  # the side of what is seen of the same iteration
_BITS_OF_GROUP = 2
_SMALL = 0.1  # of the last kernels at the beginning: near to a bit a bit


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class RateModel(tf.keras.layers.Layer):
  """Estimates the bits that an entropy coder needs for codes.

  Args:
    bits: of a block and iteration.
    iterations: the most that are asked for.

  Call arguments:
    codes: float [T, N, h, w, bits], -1 or +1; T at most `iterations`.

  Returns: float32 [T, N], bits for each iteration of each image.
  """

  def __init__(self, bits: int, iterations: int, name: str = "rate_model", **kwargs: Any):
    # What sums up the logarithms has to be float32; the products are of the policy's type.
    super().__init__(name=name, autocast=False, **kwargs)
    self.bits, self.iterations = int(bits), int(iterations)
    of_group = _UNITS // (self.bits // _BITS_OF_GROUP)
    self._units = self.bits // _BITS_OF_GROUP * of_group
    # A unit of group g sees the groups before g; a bit of group g the units up to g.
    self._unit_mask = _groups(self.bits, self._units, _BITS_OF_GROUP, of_group, strict=True)
    self._bit_mask = _groups(self._units, self.bits, of_group, _BITS_OF_GROUP, strict=False)
    self._own_mask = _groups(self.bits, self.bits, _BITS_OF_GROUP, _BITS_OF_GROUP, strict=True)
    self._near_mask = masks.raster_scan((_NEAR, _NEAR), strict=True)

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "bits": self.bits, "iterations": self.iterations}

  def build(self, input_shape: Any = None) -> None:
    bits, ones, zeros = self.bits, "ones", "zeros"
    past = bits * (_BEFORE + 1)
    self.past = self._kernel("past", [3, 3, past, _HIDDEN])
    self.past_bias = self.add_weight("past_bias", [_HIDDEN], initializer=zeros)
    self.near = self._kernel("near", [_NEAR, _NEAR, bits, _HIDDEN])
    self.scale = self.add_weight("scale", [self.iterations, _HIDDEN], initializer=ones)
    self.shift = self.add_weight("shift", [self.iterations, _HIDDEN], initializer=zeros)
    self.hidden = self._kernel("hidden", [_HIDDEN, _HIDDEN])
    self.hidden_bias = self.add_weight("hidden_bias", [_HIDDEN], initializer=zeros)
    self.unit_hidden = self._kernel("unit_hidden", [_HIDDEN, self._units])
    self.unit_bits = self._kernel("unit_bits", [bits, self._units])
    self.unit_bias = self.add_weight("unit_bias", [self._units], initializer=zeros)
    self.logit_hidden = self._kernel("logit_hidden", [_HIDDEN, bits], _SMALL)
    self.logit_units = self._kernel("logit_units", [self._units, bits], _SMALL)
    self.logit_bits = self.add_weight(
      "logit_bits", [self.iterations, bits, bits], initializer=zeros
    )
    self.logit_bias = self.add_weight("logit_bias", [self.iterations, bits], initializer=zeros)
    self.built = True

  def _kernel(self, name: str, shape: list[int], gain: float = 1.0) -> tf.Variable:
    # As wide as PyTorch's, with which the sizes of the steps were found.
    bound = gain / math.sqrt(math.prod(shape[:-1]))
    uniform = tf.keras.initializers.RandomUniform(-bound, bound)
    return self.add_weight(name, shape, initializer=uniform)

  def call(self, codes: tf.Tensor) -> tf.Tensor:
    # -log2 sigmoid(b z) of each bit b.
    nats = tf.nn.softplus(-codes * self.logits(codes))
    return tf.reduce_sum(nats, [2, 3, 4]) / math.log(2)

  def logits(self, codes: tf.Tensor) -> tf.Tensor:
    """z with P(b = +1) = sigmoid(z), of each bit: float32 [T, N, h, w, bits]."""
    count = codes.shape[0]
    dtype = self.compute_dtype
    _, images, height, width, bits = tf.unstack(tf.shape(codes))
    flat = tf.cast(tf.reshape(codes, [-1, height, width, bits]), dtype)

    def of_iterations(weight: tf.Variable) -> tf.Tensor:
      """A vector for each iteration: [T, 1, 1, 1, C]."""
      return tf.cast(weight, dtype)[:count, tf.newaxis, tf.newaxis, tf.newaxis]

    def by_iteration(values: tf.Tensor) -> tf.Tensor:
      return tf.reshape(values, [count, images, height, width, values.shape[-1]])

    past = tf.reshape(self._past(tf.cast(codes, dtype)), [-1, height, width, self.past.shape[2]])
    seen = _conv(past, self.past) + _conv(flat, self.near * self._near_mask)
    seen = by_iteration(seen + tf.cast(self.past_bias, dtype))
    seen = tf.nn.relu(seen * of_iterations(self.scale) + of_iterations(self.shift))
    hidden = tf.nn.relu(_product(seen, self.hidden) + tf.cast(self.hidden_bias, dtype))
    of_bits = _product(by_iteration(flat), self.unit_bits * self._unit_mask)
    units = _product(hidden, self.unit_hidden) + of_bits + tf.cast(self.unit_bias, dtype)
    logits = _product(hidden, self.logit_hidden) + of_iterations(self.logit_bias)
    logits += _product(tf.nn.relu(units), self.logit_units * self._bit_mask)
    own = tf.cast(self.logit_bits[:count] * self._own_mask, dtype)
    logits += tf.einsum("tnhwb,tbc->tnhwc", by_iteration(flat), own)
    return tf.cast(logits, tf.float32)

  def _past(self, codes: tf.Tensor) -> tf.Tensor:
    """What each iteration sees of those before it: [T, N, h, w, bits (_BEFORE + 1)]."""
    count = codes.shape[0]
    zero = tf.zeros_like(codes[:1])
    before = [zero] * _BEFORE + list(tf.split(codes, count))
    shifted = [
      tf.concat(before[_BEFORE - k : _BEFORE - k + count], 0) for k in range(1, _BEFORE + 1)
    ]
    total, means = zero, [zero]
    for number, layer in enumerate(before[_BEFORE:-1], 1):
      total += layer
      means.append(total / tf.cast(number, codes.dtype))
    return tf.concat([*shifted, tf.concat(means, 0)], -1)


def _groups(
  depth_in: int, depth_out: int, group_in: int, group_out: int, strict: bool
) -> np.ndarray:
  """The mask of a 1x1 kernel between groups of depths: float32 [depth_in, depth_out]."""
  return masks.group_raster_scan((1, 1), depth_in, depth_out, group_in, group_out, strict)[0, 0]


def _conv(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  return tf.nn.conv2d(x, tf.cast(kernel, x.dtype), 1, "SAME")


def _product(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  """A 1x1 convolution of any number of axes."""
  return tf.tensordot(x, tf.cast(kernel, x.dtype), 1)
