"""The convolutional GRU and Residual GRU of Toderici et al. (CVPR 2017), section 3.1."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from compression.layers.recurrent_cell import REGISTRATION, ConvRecurrentCell

RESIDUAL_SCALE = 0.1
"""a_h and a_x of the paper: how much of the skip connections is added."""


class GRUState(NamedTuple):
  """hidden `h`, [N, H, W, depth]."""

  h: tf.Tensor


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class ConvGRU(ConvRecurrentCell):
  """GRU: the update gate z chooses between the old h and a candidate.

      z_t = sigmoid(W_z x_t + U_z h_{t-1});   r_t = sigmoid(W_r x_t + U_r h_{t-1})
      h_t = (1 - z_t) * h_{t-1} + z_t * tanh(W x_t + U (r_t * h_{t-1}))    (the output)

  Toderici et al. (2017), section 3.1. `input_kernel` [k, k, C, 3 depth] holds W_z, W_r, W;
  `gates_kernel` [k', k', depth, 2 depth] holds U_z, U_r; `candidate_kernel` [k', k', depth, depth]
  is U. Outputs lie in (-1, 1).
  """

  def build(self, input_shape: Any) -> None:
    depth_in, depth, hidden = self.input_depth(input_shape), self.depth, self.hidden_kernel_size
    self.input_kernel = self.add_kernel("input", self.kernel_size, depth_in, 3 * depth)
    self.gates_kernel = self.add_kernel("gates", hidden, depth, 2 * depth)
    self.candidate_kernel = self.add_kernel("candidate", hidden, depth, depth)
    self.bias = self.add_bias(3 * depth)
    super().build(input_shape)

  def initial_state(self, inputs: tf.Tensor) -> GRUState:
    return GRUState(self.zeros(inputs))

  def call(self, inputs: tf.Tensor, state: GRUState | None = None) -> tuple[tf.Tensor, GRUState]:
    if isinstance(state, list):  # from a model that Keras loaded
      state = GRUState(*state)
    h = self.update(inputs, state)
    return h, GRUState(h)

  def update(self, inputs: tf.Tensor, state: GRUState | None) -> tf.Tensor:
    """h_t of the equations above."""
    z_in, r_in, candidate_in = tf.split(self.input_kernel, 3, axis=-1)
    biases = (None,) * 3 if self.bias is None else tf.split(self.bias, 3)
    if state is None:
      z = tf.sigmoid(self.input_conv(inputs, z_in, biases[0]))
      return z * tf.tanh(self.input_conv(inputs, candidate_in, biases[2]))
    h = state.h
    z_hidden, r_hidden = tf.split(self.gates_kernel, 2, axis=-1)
    z = tf.sigmoid(self.joint_conv(inputs, h, z_in, z_hidden, biases[0]))
    r = tf.sigmoid(self.joint_conv(inputs, h, r_in, r_hidden, biases[1]))
    candidate = tf.tanh(
      self.joint_conv(inputs, r * h, candidate_in, self.candidate_kernel, biases[2])
    )
    return self.keep(h) + z * (candidate - h)

  def keep(self, h: tf.Tensor) -> tf.Tensor:
    """What of h_{t-1} enters h_t whatever the gates say."""
    return h


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class ConvResidualGRU(ConvGRU):
  """Residual GRU: a GRU with two skip connections, the unit of the released model.

      h_t = (1 - z_t) * h_{t-1} + z_t * tanh(W x_t + U (r_t * h_{t-1})) + a_h * W_h h_{t-1}
      o_t = h_t + a_x * W_ox x_t                             (the output)

  with z and r as in the GRU. Toderici et al. (2017), section 3.1, a_h = a_x = 0.1. W_h is
  `hidden_skip_kernel` [1, 1, depth, depth]; W_ox is `input_skip_kernel` [1, 1, C, depth] with the
  layer's stride. Neither the state nor the output is bounded.
  """

  joint_skip = True
  """Saves a pass over the map; but where convolutions round to 8 bits, they round h too."""

  def __init__(
    self,
    depth: int,
    *,
    hidden_scale: float = RESIDUAL_SCALE,
    input_scale: float = RESIDUAL_SCALE,
    **kwargs: Any,
  ):
    super().__init__(depth, **kwargs)
    self.hidden_scale = float(hidden_scale)
    self.input_scale = float(input_scale)

  def get_config(self) -> dict[str, Any]:
    scales = {"hidden_scale": self.hidden_scale, "input_scale": self.input_scale}
    return {**super().get_config(), **scales}

  def build(self, input_shape: Any) -> None:
    depth_in = self.input_depth(input_shape)
    self.hidden_skip_kernel = self.add_kernel("hidden_skip", 1, self.depth, self.depth)
    self.input_skip_kernel = self.add_kernel("input_skip", 1, depth_in, self.depth)
    super().build(input_shape)

  def call(self, inputs: tf.Tensor, state: GRUState | None = None) -> tuple[tf.Tensor, GRUState]:
    if isinstance(state, list):  # from a model that Keras loaded
      state = GRUState(*state)
    h = self.update(inputs, state)
    # The factor goes to the kernel, which is small, and not to the map, which is large.
    output = h + self.input_conv(inputs, self.input_skip_kernel * self.input_scale)
    return output, GRUState(h)

  def keep(self, h: tf.Tensor) -> tf.Tensor:
    """h + a_h * W_h h, as one convolution if `joint_skip`."""
    kernel = self.hidden_skip_kernel * self.hidden_scale
    if not self.joint_skip:
      return h + self.hidden_conv(h, kernel)
    return self.hidden_conv(h, kernel + tf.eye(self.depth, dtype=self.compute_dtype))
