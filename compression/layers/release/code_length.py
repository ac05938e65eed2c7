"""How many bits an ideal entropy coder needs for binary codes, given their probabilities."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from compression.layers.recurrent_cell import REGISTRATION


def sign_to_zero_one(x: Any) -> Any:
  """From [-1, +1] to [0, 1]: codes, or a prediction E[x] to the probability P(x = +1)."""
  return (x + 1.0) / 2.0


def zero_one_to_sign(c: Any) -> Any:
  """From [0, 1] to [-1, +1], the inverse of `sign_to_zero_one`."""
  return 2.0 * c - 1.0


def code_length(codes: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
  """Bits of each element: -(c log2 P + (1 - c) log2(1 - P)).

  What is multiplied by 0 does not count, so that a code that was certain takes 0 bits; one that
  was thought impossible takes infinitely many.

  Args:
    codes: float [...], c in {0, 1}.
    probabilities: float of the same shape, P(c = 1) in [0, 1].

  Returns: float [...], at least 0, more than 1 where the unlikelier code came.
  """
  nats = tf.math.xlogy(codes, probabilities) + tf.math.xlog1py(1.0 - codes, -probabilities)
  return nats / -math.log(2.0)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class CodeLength(tf.keras.layers.Layer):
  """The mean code length, in bits per element: what the entropy coder's training makes small.

      L = mean(-(c log2 P + (1 - c) log2(1 - P)))

  Toderici et al. (CVPR 2017), section 3.3, and their release. Always computed in float32: bfloat16
  has no numbers between 0.996 and 1.

  Call arguments:
    codes: float [...], c in {0, 1}.
    probabilities: float of the same shape, P(c = 1) in [0, 1].

  Returns: a float32 scalar.
  """

  def __init__(self, **kwargs: Any):
    kwargs["dtype"] = "float32"
    super().__init__(**kwargs)

  def call(self, codes: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    bits = code_length(tf.cast(codes, tf.float32), tf.cast(probabilities, tf.float32))
    return tf.reduce_mean(bits)
