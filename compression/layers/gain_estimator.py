"""The gain estimator of residual scaling, Toderici et al. (CVPR 2017), section 3.2."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from compression.layers.recurrent_cell import REGISTRATION

GAIN_BLOCK = 32
"""Pixels along a side of the block that shares one gain: five convolutions of stride 2."""

_DEPTHS = (32, 32, 32, 32, 1)
_OFFSET = 2.0  # ELU lies in (-1, inf), so gains lie in (1, inf)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class GainEstimator(tf.keras.layers.Layer):
  """g_t = G(x^_t): one gain for each 32x32 block, from the image reconstructed so far.

  Five 3x3 convolutions of stride 2 and depth 32, 32, 32, 32, 1, each with ELU; the last adds 2.
  Toderici et al. (2017), section 3.2. Feed-forward: it has no state. Computed in float32.

  Call arguments:
    inputs: float [N, H, W, 3], the reconstruction.

  Returns: float32 [N, ceil(H / 32), ceil(W / 32), 1], each in (1, inf).
  """

  def __init__(self, **kwargs: Any):
    kwargs["dtype"] = "float32"
    super().__init__(**kwargs)
    self.convolutions = [
      tf.keras.layers.Conv2D(
        depth, 3, 2, "same", activation="elu", name=f"conv{index + 1}", dtype="float32"
      )
      for index, depth in enumerate(_DEPTHS)
    ]

  def build(self, input_shape: Any) -> None:
    shape = tf.TensorShape(input_shape)
    for convolution in self.convolutions:
      convolution.build(shape)
      shape = tf.TensorShape([None, None, None, convolution.filters])
    super().build(input_shape)

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    y = inputs
    for convolution in self.convolutions:
      y = convolution(y)
    return y + _OFFSET


def zero_order_hold(gain: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
  """Repeats each gain over its 32x32 block (nearest neighbour), cropped to the size of `like`.

  Args:
    gain: [N, h, w, 1].
    like: [N, H, W, C] with H <= 32 h and W <= 32 w.

  Returns: [N, H, W, 1].
  """
  shape = tf.shape(like)
  gain = tf.repeat(tf.repeat(gain, GAIN_BLOCK, axis=1), GAIN_BLOCK, axis=2)
  return gain[:, : shape[1], : shape[2], :]
