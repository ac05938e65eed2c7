"""The factorised prior: a distribution for each channel of a latent, learned with the transforms.

Ballé, Minnen, Singh, Hwang, Johnston, "Variational Image Compression with a Scale Hyperprior" (ICLR
2018), appendix 6.1, which took the place of the piecewise linear densities of the paper of 2017.
Each channel has a cumulative distribution

    c = sigmoid(f_K),   f_k = g_k(H_k f_(k-1) + b_k),   g_k(v) = v + a_k * tanh(v), but g_K(v) = v

with f_0 the value. H_k = softplus(matrix_k) and a_k = tanh(factor_k) make c increase. What training
adds to latents, noise in [-1/2, 1/2), is a part of the model:

    P(y) = c(y + 1/2) - c(y - 1/2)

is the density of y with noise, and of rounded y the probability.

`tables.py` makes integers of it once training is done.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from compression.layers.lower_bound import lower_bound
from compression.layers.recurrent_cell import REGISTRATION

FILTERS = (3, 3, 3)
"""The widths of f_1 .. f_(K-1)."""

_FIRST_SCALE = 10.0
"""How wide distributions are to start from."""

_LEAST = 1e-9
"""Probabilities count as no less in training."""


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class FactorizedPrior(tf.keras.layers.Layer):
  """P of each channel by itself.

  Attributes:
    weights: float32, with C channels and widths f: matrix1 .. matrixK [C, f_k, f_(k-1)], bias1 ..
      biasK [C, f_k, 1], factor1 .. factor(K-1) [C, f_k, 1].

  Call arguments:
    inputs: latents float [N, h, w, C], with noise or rounded.

  Returns: float32 [N], the bits of each latent, all its channels and places together.
  """

  def __init__(self, **kwargs: Any):
    kwargs["dtype"] = "float32"
    super().__init__(**kwargs)
    self._matrices: list[tf.Variable] = []
    self._biases: list[tf.Variable] = []
    self._factors: list[tf.Variable] = []

  def build(self, input_shape: Any) -> None:
    channels = tf.TensorShape(input_shape)[-1]
    if channels is None:
      raise ValueError(f"a prior must know the number of channels. Received: {input_shape}")
    widths = (1, *FILTERS, 1)
    scale = _FIRST_SCALE ** (1 / (len(widths) - 1))
    initializers = tf.keras.initializers
    for k, (before, after) in enumerate(zip(widths, widths[1:]), 1):
      first = math.log(math.expm1(1 / scale / after))
      self._matrices.append(
        self.add_weight(f"matrix{k}", [channels, after, before], None, initializers.Constant(first))
      )
      spread = initializers.RandomUniform(-0.5, 0.5)
      self._biases.append(self.add_weight(f"bias{k}", [channels, after, 1], None, spread))
      if k < len(widths) - 1:
        self._factors.append(
          self.add_weight(f"factor{k}", [channels, after, 1], None, initializers.Zeros())
        )
    super().build(input_shape)

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(inputs)
    values = tf.reshape(tf.cast(inputs, tf.float32), [-1, inputs.shape[-1]])
    values = tf.transpose(values)[:, tf.newaxis]
    logits = self._logits(tf.concat([values - 0.5, values + 0.5], -1))
    lower, upper = tf.split(logits, 2, -1)
    # Of two values near 1 the difference would be lost: on that side those of the mirror image.
    sign = tf.stop_gradient(-tf.sign(lower + upper))
    chances = tf.abs(tf.sigmoid(sign * upper) - tf.sigmoid(sign * lower))
    bits = tf.math.log(lower_bound(chances, tf.constant(_LEAST))) / -math.log(2)
    return tf.reduce_sum(tf.reshape(tf.reduce_sum(bits, [0, 1]), [shape[0], -1]), 1)

  def set_scales(self, scales: np.ndarray) -> None:
    """Makes the first distributions of channels narrower or wider: about logistic, of scales [C].

    Only before anything was learned.
    """
    first = self._matrices[0]
    slopes = tf.nn.softplus(first) * (_FIRST_SCALE / scales.reshape(-1, 1, 1)).astype(np.float32)
    # The inverse of softplus; for large slopes without their exp.
    first.assign(slopes + tf.math.log(-tf.math.expm1(-slopes)))

  def _logits(self, values: tf.Tensor) -> tf.Tensor:
    """f_K: float32 [C, 1, n] -> the same shape."""
    for k, (matrix, bias) in enumerate(zip(self._matrices, self._biases)):
      values = tf.matmul(tf.nn.softplus(matrix), values) + bias
      if k < len(self._factors):
        values += tf.tanh(self._factors[k]) * tf.tanh(values)
    return values
