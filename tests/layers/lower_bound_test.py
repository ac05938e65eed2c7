"""The bound, and gradients that lead back over it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from compression.layers.lower_bound import lower_bound


def test_below_the_bound_only_steps_up_have_a_gradient():
  x = tf.constant([-1.0, 0.5, 2.0])
  for sign, expected in ((1.0, [0, 0, 1]), (-1.0, [-1, -1, -1])):
    with tf.GradientTape() as tape:
      tape.watch(x)
      y = lower_bound(x, tf.constant(1.0))
    np.testing.assert_array_equal(y, [1, 1, 2])
    np.testing.assert_array_equal(tape.gradient(y, x, output_gradients=sign * tf.ones(3)), expected)
