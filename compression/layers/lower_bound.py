"""A lower bound that training can leave again."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


@tf.custom_gradient
def lower_bound(
  x: tf.Tensor, bound: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, None]]]:
  """max(x, bound), whose gradient also passes below the bound where a step would lead back up.

  Ballé, "Efficient Nonlinear Transforms for Lossy Image Compression" (PCS 2018), section III: with
  the gradient of max what has once fallen below would stay there.

  Args:
    x: float, of any shape.
    bound: of the same dtype, without a gradient.
  """

  def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
    passes = tf.logical_or(x >= bound, upstream < 0)
    return tf.where(passes, upstream, tf.zeros_like(upstream)), None

  return tf.maximum(x, bound), gradient
