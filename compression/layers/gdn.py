"""Generalised divisive normalisation and its approximate inverse."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from compression.layers.lower_bound import lower_bound
from compression.layers.recurrent_cell import REGISTRATION

BETA, GAMMA = 1.0, 0.1
"""To start from: beta, and the diagonal of gamma, which is 0 elsewhere."""

_LEAST_ROOT_OF_BETA = 1e-3
_LEAST_ROOT_OF_GAMMA = 2.0**-18
"""Not 0, where a square has no gradient."""


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class GDN(tf.keras.layers.Layer):
  """GDN as published, and not the cheaper forms that came later.

  Ballé, Laparra, Simoncelli, "End-to-end Optimized Image Compression" (ICLR 2017), equation 4, and
  the approximate inverse of it, equation 6; at each place, over the channels i and j:

      GDN    y_i = x_i / sqrt(beta_i + sum_j gamma_ij x_j^2)
      IGDN   y_i = x_i * sqrt(beta_i + sum_j gamma_ij x_j^2)

  beta and gamma must not be negative: what is trained, saved and averaged are their square roots,
  as in the paper's own implementation, so that small values change slowly.

      beta_i = max(beta_root_i, 1e-3)^2        gamma_ij = max(gamma_root_ji, 2^-18)^2

  gamma need not be symmetric, as it is in the paper; later work leaves that out. Sums and roots are
  float32 whatever the policy.

  Args:
    inverse: whether this is IGDN.

  Attributes:
    beta_root: float32 [C].
    gamma_root: float32 [C, C], [from, to].

  Call arguments:
    inputs: float [N, H, W, C].

  Returns: the same shape and dtype.
  """

  def __init__(self, inverse: bool = False, **kwargs: Any):
    super().__init__(**kwargs)
    self.inverse = inverse

  def build(self, input_shape: Any) -> None:
    channels = tf.TensorShape(input_shape)[-1]
    if channels is None:
      raise ValueError(f"GDN must know the number of channels. Received: {input_shape}")
    initializers = tf.keras.initializers
    self.beta_root = self.add_weight(
      name="beta_root", shape=[channels], initializer=initializers.Constant(BETA**0.5)
    )
    self.gamma_root = self.add_weight(
      name="gamma_root", shape=[channels, channels], initializer=initializers.Identity(GAMMA**0.5)
    )
    super().build(input_shape)

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    beta, gamma = (
      tf.square(lower_bound(tf.cast(root, tf.float32), tf.constant(least)))
      for root, least in (
        (self.beta_root, _LEAST_ROOT_OF_BETA),
        (self.gamma_root, _LEAST_ROOT_OF_GAMMA),
      )
    )
    squares = tf.square(tf.cast(inputs, tf.float32))
    norms = tf.nn.bias_add(tf.nn.conv2d(squares, gamma[None, None], 1, "VALID"), beta)
    factors = tf.sqrt(norms) if self.inverse else tf.math.rsqrt(norms)
    return inputs * tf.cast(factors, inputs.dtype)

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "inverse": self.inverse}
