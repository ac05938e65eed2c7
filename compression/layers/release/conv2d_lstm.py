"""The LSTMs of the 2017 release's entropy coder: convolutional, masked, and dense.

They differ from ConvLSTM, the codec's own, in the order of the gates, and in that the forget bias
is only the initial value of a bias that is learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from compression.common import masks
from compression.layers.lstm import FORGET_BIAS, LSTMState
from compression.layers.recurrent_cell import REGISTRATION
from compression.layers.release.initializers import CONVOLUTION, RsqrtInitializer
from compression.layers.release.masked_conv import check_padding, conv2d, pair, positive


class LSTMBlock(tf.keras.layers.Layer):
  """What they share: one step of an LSTM without peepholes.

      [f, i, j, o] = W x_t + b + U h_{t-1}                   (packed in this order)
      c_t = sigmoid(f) * c_{t-1} + sigmoid(i) * tanh(j)
      h_t = sigmoid(o) * tanh(c_t)                           (the output)

  Zaremba et al., *Recurrent Neural Network Regularization* (arXiv:1409.2329). `b` is a variable,
  at first `forget_bias` for f and 0 elsewhere. Outputs lie in (-1, 1).

  Call arguments:
    inputs: float [N, ..., C].
    state: LSTMState of the step before, or None for zeros, which costs less.

  Returns: (h [N, ..., depth], LSTMState(h, c)).
  """

  def __init__(
    self, depth: int, use_bias: bool, forget_bias: float, kernel_initializer: Any, **kwargs: Any
  ):
    super().__init__(**kwargs)
    self.depth = positive("depth", depth)
    self.use_bias = bool(use_bias)
    self.forget_bias = float(forget_bias)
    self.kernel_initializer = tf.keras.initializers.get(kernel_initializer)

  def get_config(self) -> dict[str, Any]:
    return {
      **super().get_config(),
      "depth": self.depth,
      "use_bias": self.use_bias,
      "forget_bias": self.forget_bias,
      "kernel_initializer": tf.keras.initializers.serialize(self.kernel_initializer),
    }

  def build_weights(self, input_shape: Any, sizes: Any = (), hidden_sizes: Any = ()) -> None:
    """Kernels [*sizes, C, 4 depth] and [*hidden_sizes, depth, 4 depth], bias [4 depth]."""
    depth_in = tf.TensorShape(input_shape)[-1]
    if depth_in is None:
      raise ValueError(f"The depth of the input must be known. Received shape: {input_shape}")
    gates = 4 * self.depth
    self.input_kernel = self.add_weight(
      name="input_kernel", shape=[*sizes, depth_in, gates], initializer=self.kernel_initializer
    )
    self.hidden_kernel = self.add_weight(
      name="hidden_kernel",
      shape=[*hidden_sizes, self.depth, gates],
      initializer=self.kernel_initializer,
    )
    self.bias = None
    if self.use_bias:
      first = np.repeat([self.forget_bias, 0.0, 0.0, 0.0], self.depth)
      self.bias = self.add_weight(
        name="bias", shape=[gates], initializer=tf.constant_initializer(first)
      )

  def transform_input(self, inputs: tf.Tensor) -> tf.Tensor:
    """W x + b."""
    raise NotImplementedError(f"{type(self).__name__} must say what W x + b is")

  def transform_hidden(self, hidden: tf.Tensor) -> tf.Tensor:
    """U h."""
    raise NotImplementedError(f"{type(self).__name__} must say what U h is")

  def step(self, gates: tf.Tensor, state: LSTMState | None) -> tuple[tf.Tensor, LSTMState]:
    """One step, given what `transform_input` returned for its input."""
    if state is None:
      _, i, j, o = tf.split(gates, 4, axis=-1)
      c = tf.sigmoid(i) * tf.tanh(j)
    else:
      state = LSTMState(*state)  # a list, from a model that Keras loaded
      f, i, j, o = tf.split(gates + self.transform_hidden(state.h), 4, axis=-1)
      c = tf.sigmoid(f) * state.c + tf.sigmoid(i) * tf.tanh(j)
    h = tf.sigmoid(o) * tf.tanh(c)
    return h, LSTMState(h, c)

  def call(self, inputs: tf.Tensor, state: LSTMState | None = None) -> tuple[tf.Tensor, LSTMState]:
    return self.step(self.transform_input(inputs), state)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class Conv2DLSTM(LSTMBlock):
  """The convolutional LSTM of the release; LSTMBlock gives the equations.

  `W` is `input_kernel` [kh, kw, C, 4 depth], with stride and padding; `U` is `hidden_kernel`
  [kh', kw', depth, 4 depth], stride 1 and zeros around; the state has the size of the output.

  Args:
    depth: of the output and of both parts of the state.
    kernel_size, hidden_kernel_size, strides: one number, or two for height and width.
    padding: of the input, one of `masked_conv.PADDINGS`.
    use_bias, forget_bias: see LSTMBlock.
    kernel_initializer: of both kernels; None for the release's, RsqrtInitializer over the fan-in.

  Call arguments and result: LSTMBlock's, with inputs [N, H, W, C].

  Raises:
    ValueError: in the constructor if a size or padding is none; in `build` if C is unknown.
  """

  def __init__(
    self,
    depth: int,
    kernel_size: int | Sequence[int] = 3,
    hidden_kernel_size: int | Sequence[int] = 1,
    strides: int | Sequence[int] = 1,
    padding: str = "SAME",
    *,
    use_bias: bool = True,
    forget_bias: float = FORGET_BIAS,
    kernel_initializer: Any = None,
    **kwargs: Any,
  ):
    if kernel_initializer is None:
      kernel_initializer = RsqrtInitializer(CONVOLUTION)
    super().__init__(depth, use_bias, forget_bias, kernel_initializer, **kwargs)
    self.input_spec = tf.keras.layers.InputSpec(ndim=4)  # tf.nn.conv2d aborts the process else
    self.kernel_size = pair("kernel_size", kernel_size)
    self.hidden_kernel_size = pair("hidden_kernel_size", hidden_kernel_size)
    self.strides = pair("strides", strides)
    self.padding = check_padding(padding)

  def get_config(self) -> dict[str, Any]:
    return {
      **super().get_config(),
      "kernel_size": self.kernel_size,
      "hidden_kernel_size": self.hidden_kernel_size,
      "strides": self.strides,
      "padding": self.padding,
    }

  def build(self, input_shape: Any) -> None:
    self.build_weights(input_shape, self.kernel_size, self.hidden_kernel_size)
    super().build(input_shape)

  @property
  def row_wise(self) -> bool:
    """Whether the input convolution takes each row by itself, so that all can go at once."""
    return self.kernel_size[0] == self.strides[0] == 1

  def initial_state(self, inputs: tf.Tensor) -> LSTMState:
    """The zero state for inputs of this shape: what `state=None` stands for, as tensors."""
    shape = tf.shape(inputs)
    sizes = [shape[0]]
    for axis, (kernel, stride) in enumerate(zip(self.kernel_size, self.strides), 1):
      size = shape[axis] - (kernel - 1 if self.padding == "VALID" else 0)
      sizes.append(-(-size // stride))
    zeros = tf.zeros([*sizes, self.depth], self.compute_dtype)
    return LSTMState(zeros, zeros)

  def masked_input_kernel(self) -> tf.Tensor:
    """The input kernel as it is used."""
    return tf.convert_to_tensor(self.input_kernel)

  def transform_input(self, inputs: tf.Tensor) -> tf.Tensor:
    y = conv2d(inputs, self.masked_input_kernel(), self.strides, self.padding)
    return y if self.bias is None else tf.nn.bias_add(y, self.bias)

  def transform_hidden(self, hidden: tf.Tensor) -> tf.Tensor:
    return tf.nn.conv2d(hidden, self.hidden_kernel, 1, "SAME")


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class RasterScanConv2DLSTM(Conv2DLSTM):
  """Conv2DLSTM whose input kernel sees no place after its own in raster scan order.

      T T T
      T x F      x: T   (not strict: its own place is seen)
      F F F

  The hidden kernel is not masked: run down the rows of an image by LineOperator, the state belongs
  to the row above. Arguments as those of Conv2DLSTM; the sides of the input kernel are odd.
  """

  def build(self, input_shape: Any) -> None:
    self._mask = masks.raster_scan(self.kernel_size, strict=False)
    super().build(input_shape)

  def masked_input_kernel(self) -> tf.Tensor:
    kernel = super().masked_input_kernel()
    return kernel * tf.cast(self._mask, kernel.dtype)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class DenseLSTM(LSTMBlock):
  """The fully connected LSTM of the release, `LSTM` there; LSTMBlock gives the equations.

  `W` is `input_kernel` [C, 4 depth], `U` is `hidden_kernel` [depth, 4 depth]. Keras' LSTMCell
  computes the same with its gates in the order i, f, j, o.

  Args:
    depth, use_bias, forget_bias: see LSTMBlock.
    kernel_initializer: of both kernels; None for the release's, RsqrtInitializer over the fan-in.

  Call arguments and result: LSTMBlock's, with inputs [N, C].

  Raises:
    ValueError: in the constructor if depth is not positive; in `build` if C is unknown.
  """

  def __init__(
    self,
    depth: int,
    *,
    use_bias: bool = True,
    forget_bias: float = FORGET_BIAS,
    kernel_initializer: Any = None,
    **kwargs: Any,
  ):
    if kernel_initializer is None:
      kernel_initializer = RsqrtInitializer()
    super().__init__(depth, use_bias, forget_bias, kernel_initializer, **kwargs)
    self.input_spec = tf.keras.layers.InputSpec(ndim=2)

  def build(self, input_shape: Any) -> None:
    self.build_weights(input_shape)
    super().build(input_shape)

  def initial_state(self, inputs: tf.Tensor) -> LSTMState:
    """The zero state for inputs of this shape: what `state=None` stands for, as tensors."""
    zeros = tf.zeros([tf.shape(inputs)[0], self.depth], self.compute_dtype)
    return LSTMState(zeros, zeros)

  def transform_input(self, inputs: tf.Tensor) -> tf.Tensor:
    y = tf.matmul(inputs, self.input_kernel)
    return y if self.bias is None else tf.nn.bias_add(y, self.bias)

  def transform_hidden(self, hidden: tf.Tensor) -> tf.Tensor:
    return tf.matmul(hidden, self.hidden_kernel)
