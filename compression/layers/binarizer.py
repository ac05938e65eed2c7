"""The binarizer of Toderici et al. (ICLR 2016), section 3.2."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from compression.layers.recurrent_cell import REGISTRATION


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class Binarizer(tf.keras.layers.Layer):
  """Maps u in [-1, 1] to a bit b in {-1, +1}; the gradient passes straight through.

      training:   b = u + e,  e = 1 - u with probability (1 + u) / 2, else -1 - u;  so E[b] = u
      otherwise:  b = +1 where u >= 0, else -1                     (u = 0 must not give 0)
      gradient:   db / du = 1

  Toderici et al. (2016), section 3.2. Always computed in float32, whatever the precision policy:
  in bfloat16 many a u near zero would change sign from one machine to another.

  Args:
    stochastic: whether training draws its bits at random, as the paper does. Without it training
      binarizes as inference does.
    seed: seed of the random draws; None for a new one each time.

  Call arguments:
    inputs: float [...], the tanh before the sign, in [-1, 1].
    training: whether to draw at random (only with `stochastic`).

  Returns: float32 of the same shape, exactly -1 or +1.
  """

  def __init__(self, stochastic: bool = True, seed: int | None = None, **kwargs: Any):
    kwargs["dtype"] = "float32"
    super().__init__(**kwargs)
    self.stochastic = bool(stochastic)
    self.seed = seed
    self.generator = None
    if self.stochastic:  # an object with a state of its own: a checkpoint holds it
      generators = tf.random.Generator
      self.generator = (
        generators.from_non_deterministic_state() if seed is None else generators.from_seed(seed)
      )

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "stochastic": self.stochastic, "seed": self.seed}

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    threshold = 0.0
    if training and self.generator is not None:
      # u >= v for v uniform in [-1, 1) has probability (1 + u) / 2.
      threshold = self.generator.uniform(tf.shape(inputs), -1.0, 1.0)
    bits = tf.where(inputs >= threshold, 1.0, -1.0)
    # Not u + (b - u), which rounds: this is b exactly, with the gradient of u.
    return bits + (inputs - tf.stop_gradient(inputs))
