"""The optimizer Muon: steps along the nearest matrices whose singular values are all alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from compression.layers.recurrent_cell import REGISTRATION

MOMENTUM = 0.95
ITERATIONS = 5
"""Steps of Newton-Schulz: after these, singular values from 0.003 up lie within 0.7 .. 1.2."""

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""The odd polynomial of degree 5 that pulls singular values towards 1 the fastest."""

ADAM_SHARE = 0.1
"""The learning rate of what is no matrix, as a share of that of the matrices."""

_BETA_1, _BETA_2 = 0.9, 0.999


def orthogonalize(x: tf.Tensor) -> tf.Tensor:
  """Matrices with the singular vectors of x, and singular values near 1.

  Args:
    x: float32 [..., M, N]; zeros stay zeros.

  Returns: float32 of the same shape.
  """
  a, b, c = _COEFFICIENTS
  tall = x.shape[-2] > x.shape[-1]
  if tall:  # the products below are then of the smaller side
    x = tf.linalg.matrix_transpose(x)
  x /= tf.norm(x, axis=[-2, -1], keepdims=True) + 1e-7
  for _ in range(ITERATIONS):
    square = tf.matmul(x, x, transpose_b=True)
    x = a * x + tf.matmul(b * square + c * tf.matmul(square, square), x)
  return tf.linalg.matrix_transpose(x) if tall else x


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class Muon(tf.keras.optimizers.Optimizer):
  """Jordan et al. (2024), "Muon: An optimizer for hidden layers in neural networks".

  A kernel [h, w, C, K] is a matrix [K, h w C], or one for each gate. With the momentum m of its
  gradient g:

      m <- 0.95 m + 0.05 g
      w <- w - rate * sqrt(max(1, K / (h w C))) * orthogonalize(0.95 m + 0.05 g)

  What is no matrix is Adam's, at ADAM_SHARE of the rate.

  Args:
    learning_rate: of the matrices; a number or a schedule.
    matrices: for each variable, in their order, how many matrices are stacked along its last axis;
      0 for those that are Adam's.
    epsilon: Adam's.
    **kwargs: of tf.keras.optimizers.Optimizer.

  Raises:
    ValueError: in `build`, if `matrices` does not fit the variables.
  """

  def __init__(
    self,
    learning_rate: Any = 5e-3,
    matrices: Sequence[int] = (),
    epsilon: float = 1e-7,
    name: str = "Muon",
    **kwargs: Any,
  ):
    super().__init__(name=name, **kwargs)
    self._learning_rate = self._build_learning_rate(learning_rate)
    self.matrices = [int(count) for count in matrices]
    self.epsilon = float(epsilon)

  def build(self, var_list: Sequence[tf.Variable]) -> None:
    super().build(var_list)
    if getattr(self, "_built", False):
      return
    if len(self.matrices) != len(var_list):
      raise ValueError(f"{len(self.matrices)} matrices for {len(var_list)} variables")
    for count, variable in zip(self.matrices, var_list):
      if count and (variable.shape.rank < 2 or variable.shape[-1] % count):
        raise ValueError(f"{variable.name} {variable.shape} is not made of {count} matrices")
    self._built = True
    add = self.add_variable_from_reference
    self._momentums = [add(model_variable=v, variable_name="m") for v in var_list]
    self._velocities = [
      None if count else add(model_variable=v, variable_name="v")
      for count, v in zip(self.matrices, var_list)
    ]

  def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
    index = self._index_dict[self._var_key(variable)]
    momentum, velocity = self._momentums[index], self._velocities[index]
    rate = tf.cast(self.learning_rate, variable.dtype)
    if velocity is not None:
      step = tf.cast(self.iterations + 1, variable.dtype)
      momentum.assign_add((gradient - momentum) * (1 - _BETA_1))
      velocity.assign_add((tf.square(gradient) - velocity) * (1 - _BETA_2))
      scale = tf.sqrt(1 - tf.pow(_BETA_2, step)) / (1 - tf.pow(_BETA_1, step))
      rate = rate * ADAM_SHARE * scale
      variable.assign_sub(rate * momentum / (tf.sqrt(velocity) + self.epsilon))
      return
    momentum.assign_add((gradient - momentum) * (1 - MOMENTUM))
    ahead = gradient + MOMENTUM * (momentum - gradient)
    depth = variable.shape[-1] // self.matrices[index]
    fan_in = math.prod(variable.shape[:-1])
    stacked = tf.reshape(ahead, [fan_in, self.matrices[index], depth])
    stacked = orthogonalize(tf.transpose(stacked, [1, 2, 0]))
    update = tf.reshape(tf.transpose(stacked, [2, 0, 1]), variable.shape)
    variable.assign_sub(rate * math.sqrt(max(1, depth / fan_in)) * update)

  def get_config(self) -> dict[str, Any]:
    return {
      **super().get_config(),
      "learning_rate": self._serialize_hyperparameter(self._learning_rate),
      "matrices": self.matrices,
      "epsilon": self.epsilon,
    }
