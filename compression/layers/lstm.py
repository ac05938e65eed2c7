"""The convolutional LSTM of Toderici et al. (CVPR 2017), section 3.1."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from compression.layers.recurrent_cell import REGISTRATION, ConvRecurrentCell

FORGET_BIAS = 1.0
"""Added to the forget gate before the sigmoid, not learned: a new unit starts out remembering."""


class LSTMState(NamedTuple):
  """hidden `h` and cell `c`, each [N, H, W, depth]."""

  h: tf.Tensor
  c: tf.Tensor


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class ConvLSTM(ConvRecurrentCell):
  """LSTM: h and c from the input and the previous h and c.

      [f, i, o, j] = W x_t + U h_{t-1}                       (packed in this order)
      c_t = sigmoid(f + forget_bias) * c_{t-1} + sigmoid(i) * tanh(j)
      h_t = sigmoid(o) * tanh(c_t)                           (the output)

  Toderici et al. (2017), section 3.1. `W` is `input_kernel` [k, k, C, 4 depth], `U` is
  `hidden_kernel` [k', k', depth, 4 depth]. Outputs lie in (-1, 1).
  """

  def __init__(self, depth: int, *, forget_bias: float = FORGET_BIAS, **kwargs: Any):
    super().__init__(depth, **kwargs)
    self.forget_bias = float(forget_bias)

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "forget_bias": self.forget_bias}

  def build(self, input_shape: Any) -> None:
    depth_in = self.input_depth(input_shape)
    self.input_kernel = self.add_kernel("input", self.kernel_size, depth_in, 4 * self.depth)
    self.hidden_kernel = self.add_kernel(
      "hidden", self.hidden_kernel_size, self.depth, 4 * self.depth
    )
    self.bias = self.add_bias(4 * self.depth)
    super().build(input_shape)

  def initial_state(self, inputs: tf.Tensor) -> LSTMState:
    return LSTMState(self.zeros(inputs), self.zeros(inputs))

  def call(self, inputs: tf.Tensor, state: LSTMState | None = None) -> tuple[tf.Tensor, LSTMState]:
    gates = self.input_conv(inputs, self.input_kernel, self.bias)
    if state is None:
      _, i, o, j = tf.split(gates, 4, axis=-1)
      c = tf.sigmoid(i) * tf.tanh(j)
    else:
      if isinstance(state, list):  # from a model that Keras loaded
        state = LSTMState(*state)
      gates += self.hidden_conv(state.h, self.hidden_kernel)
      f, i, o, j = tf.split(gates, 4, axis=-1)
      c = tf.sigmoid(f + self.forget_bias) * state.c + tf.sigmoid(i) * tf.tanh(j)
    h = tf.sigmoid(o) * tf.tanh(c)
    return h, LSTMState(h, c)
