"""The learning rate over the steps, and the optimizer that uses it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from compression.layers.recurrent_cell import REGISTRATION
from compression.training.muon import Muon

WARM_UP_STEPS = 300
"""Enough for Adam's second moments to settle: 1 / (1 - beta_2) is 1000, most of it earlier."""

CONSTANT_SHARE = 0.5
"""A share of the steps: until then the rate stays at its peak."""

FINAL_SHARE = 0.02
"""What the cosine ends at, as a share of the peak."""

_SGD_MOMENTUM = 0.9


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class WarmUpCosine(tf.keras.optimizers.schedules.LearningRateSchedule):
  """A linear warm-up, a constant part, and half a cosine down.

      rate(s) = peak * min(1, (s + 1) / warm_up_steps) * decay(s / steps)
      decay(q) = 1 for q < c, else f + (1 - f) * (1 + cos(pi * (q - c) / (1 - c))) / 2

  with f = FINAL_SHARE; beyond the last step it stays at f.

  Args:
    peak: the highest rate.
    steps: of the whole training.
    warm_up_steps: how many the warm-up takes.
    constant_share: c, of the steps; below 1.
  """

  def __init__(
    self,
    peak: float,
    steps: int,
    warm_up_steps: int = WARM_UP_STEPS,
    constant_share: float = CONSTANT_SHARE,
  ):
    super().__init__()
    self.peak = float(peak)
    self.steps = int(steps)
    self.warm_up_steps = int(warm_up_steps)
    self.constant_share = float(constant_share)

  def __call__(self, step: Any) -> tf.Tensor:
    step = tf.cast(step, tf.float32)
    warm_up = tf.minimum(1.0, (step + 1) / self.warm_up_steps)
    late = (step / self.steps - self.constant_share) / (1 - self.constant_share)
    cosine = (1 + tf.cos(math.pi * tf.clip_by_value(late, 0.0, 1.0))) / 2
    return self.peak * warm_up * (FINAL_SHARE + (1 - FINAL_SHARE) * cosine)

  def get_config(self) -> dict[str, Any]:
    return {
      "peak": self.peak,
      "steps": self.steps,
      "warm_up_steps": self.warm_up_steps,
      "constant_share": self.constant_share,
    }


def make_optimizer(
  kind: str, rate: Any, epsilon: float, clip_norm: float, matrices: Sequence[int] = ()
) -> tf.keras.optimizers.Optimizer:
  """The optimizer of that name, with gradients clipped together.

  Args:
    kind: muon, adam, adamw, nadam, rmsprop or sgd.
    rate: the learning rate, a number or a schedule.
    epsilon: added to what is divided by; SGD has none.
    clip_norm: gradients of a larger norm, all together, are scaled down to it; 0 leaves them.
    matrices: of Muon.
  """
  options: dict[str, Any] = {"global_clipnorm": clip_norm or None}
  if kind == "sgd":
    return tf.keras.optimizers.SGD(rate, momentum=_SGD_MOMENTUM, **options)
  if kind == "muon":
    return Muon(rate, matrices, epsilon, **options)
  kinds = {
    "adam": tf.keras.optimizers.Adam,
    "adamw": tf.keras.optimizers.AdamW,
    "nadam": tf.keras.optimizers.Nadam,
    "rmsprop": tf.keras.optimizers.RMSprop,
  }
  return kinds[kind](rate, epsilon=epsilon, **options)
