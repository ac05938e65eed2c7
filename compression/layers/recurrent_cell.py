"""What the four recurrent units of the paper share: separate input and hidden convolutions.

A unit is a function (input, state) -> (output, new state). It is convolutional in space and
recurrent over the iterations of the codec. The state is a NamedTuple that enters and leaves; the
layer holds none, so one layer serves any number of images, tiles, threads and exports.
"""

from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import tensorflow as tf

REGISTRATION = "compression"
"""The package name under which Keras finds these layers when it loads a saved model."""


class ConvRecurrentCell(tf.keras.layers.Layer):
  """Base of the convolutional recurrent units of Toderici et al. (CVPR 2017), section 3.

  Every `W x` is a convolution of the input with `kernel_size` and `strides`, every `U h` a
  convolution of the state with `hidden_kernel_size` and stride 1; both are padded with zeros to
  the same size (TensorFlow's SAME). The kernels of all gates that read the same tensor are one
  variable, stacked along the output axis in the order that the unit's docstring gives.

  Call arguments:
    inputs: float [N, H, W, C].
    state: the unit's state at the previous iteration, or None for the zero state. None costs
      less: what multiplies a zero state is left out of the computation.

  Returns: (output [N, ceil(H / strides), ceil(W / strides), depth], new state).

  Raises:
    ValueError: in the constructor or in `build`, if a size is not positive or C is unknown.
  """

  def __init__(
    self,
    depth: int,
    kernel_size: int = 3,
    hidden_kernel_size: int = 1,
    strides: int = 1,
    use_bias: bool = False,
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    self.input_spec = tf.keras.layers.InputSpec(ndim=4)  # tf.nn.conv2d aborts the process else
    sizes = {
      "depth": depth,
      "kernel_size": kernel_size,
      "hidden_kernel_size": hidden_kernel_size,
      "strides": strides,
    }
    for name, value in sizes.items():
      if not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"{name} must be a positive whole number. Received: {value!r}")
    self.depth = int(depth)
    self.kernel_size = int(kernel_size)
    self.hidden_kernel_size = int(hidden_kernel_size)
    self.strides = int(strides)
    self.use_bias = bool(use_bias)

  def get_config(self) -> dict[str, Any]:
    config = super().get_config()
    config.update(
      depth=self.depth,
      kernel_size=self.kernel_size,
      hidden_kernel_size=self.hidden_kernel_size,
      strides=self.strides,
      use_bias=self.use_bias,
    )
    return config

  def initial_state(self, inputs: tf.Tensor) -> NamedTuple:
    """The zero state for inputs of this shape: what `state=None` stands for, as tensors."""
    raise NotImplementedError(f"{type(self).__name__} must say what its zero state is")

  def zeros(self, inputs: tf.Tensor) -> tf.Tensor:
    """Zeros [N, ceil(H / strides), ceil(W / strides), depth] of the compute dtype."""
    shape = tf.shape(inputs)
    height = -(-shape[1] // self.strides)
    width = -(-shape[2] // self.strides)
    return tf.zeros([shape[0], height, width, self.depth], self.compute_dtype)

  def add_kernel(self, name: str, size: int, depth_in: int, depth_out: int) -> tf.Variable:
    """A kernel [size, size, depth_in, depth_out], variance 1 / fan-in, truncated normal."""
    return self.add_weight(
      name=f"{name}_kernel",
      shape=[size, size, depth_in, depth_out],
      initializer=tf.keras.initializers.VarianceScaling(1.0, "fan_in", "truncated_normal"),
    )

  def add_bias(self, depth_out: int) -> tf.Variable | None:
    """A bias of zeros for the input convolution, or None without `use_bias`."""
    if not self.use_bias:
      return None
    return self.add_weight(name="bias", shape=[depth_out], initializer="zeros")

  def input_depth(self, input_shape: Any) -> int:
    depth = tf.TensorShape(input_shape)[-1]
    if depth is None:
      raise ValueError(f"The depth of the input must be known. Received shape: {input_shape}")
    return int(depth)

  def input_conv(self, inputs: tf.Tensor, kernel: tf.Variable, bias: Any = None) -> tf.Tensor:
    """W x, with the layer's stride."""
    strides = self.strides
    if kernel.shape[0] == kernel.shape[1] == 1:
      # The same. The gradient of a strided one writes past its memory where oneDNN 3.2 has AVX2,
      # one thread and fewer than 8 channels, and the process dies.
      inputs, strides = inputs[:, ::strides, ::strides], 1
    y = tf.nn.conv2d(inputs, kernel, strides, "SAME")
    return y if bias is None else tf.nn.bias_add(y, bias)

  @staticmethod
  def hidden_conv(state: tf.Tensor, kernel: tf.Variable) -> tf.Tensor:
    """U h, stride 1."""
    return tf.nn.conv2d(state, kernel, 1, "SAME")

  def joint_conv(
    self,
    inputs: tf.Tensor,
    state: tf.Tensor,
    input_kernel: tf.Tensor,
    hidden_kernel: tf.Tensor,
    bias: Any = None,
  ) -> tf.Tensor:
    """W x + U h.

    Where both convolutions have the same size it is one, of x and h side by side: adding two large
    maps takes longer than joining them, and each gate has its own so that none need be split.
    """
    if self.strides == 1 and self.kernel_size == self.hidden_kernel_size:
      kernel = tf.concat([input_kernel, hidden_kernel], axis=2)
      y = tf.nn.conv2d(tf.concat([inputs, state], axis=-1), kernel, 1, "SAME")
      return y if bias is None else tf.nn.bias_add(y, bias)
    y = self.input_conv(inputs, input_kernel, bias)
    return y + self.hidden_conv(state, hidden_kernel)
