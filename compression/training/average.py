"""The exponential average of weights, which is what a training run gives out."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from compression.training import workers

_WARM_UP = 10.0
"""At step s the decay is at most (s + 1) / (s + 10): early on the average is one of few steps."""


def update(
  pairs: Sequence[tuple[tf.Variable, tf.Variable]],
  steps: tf.Variable,
  ema: float,
  strategy: tf.distribute.Strategy,
) -> None:
  """Moves averages towards weights by a share of 1 - ema, more at the beginning.

  Args:
    pairs: (average, weight) each.
    steps: integer, how many have been made, from 1.
    ema: the decay, at least 0 and below 1.
    strategy: of the training step that this is a part of.
  """
  step = tf.cast(steps, tf.float32)
  decay = tf.minimum(ema, (step + 1) / (step + _WARM_UP))

  def move(average: tf.Variable, variable: tf.Variable, decay: tf.Tensor) -> None:
    average.assign(variable + decay * (average - variable))

  workers.update(strategy, move, pairs, decay)
