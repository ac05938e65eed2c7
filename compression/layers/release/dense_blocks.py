"""The fully connected blocks of the 2017 release's entropy coder, and what they are in Keras.

release            here        in Keras
Linear(d)          Linear      Dense(d, use_bias=False), with another initializer
NN(d, act)(x)      NN          Dense(d, act), likewise
NN(d, act)(x, y)   NN          nothing: one matrix for each input, and their sum
BiasAdd            BiasAdd     nothing
PassThrough        -           Activation("linear"), or no layer
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from compression.layers.recurrent_cell import REGISTRATION
from compression.layers.release.initializers import RsqrtInitializer
from compression.layers.release.masked_conv import positive


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class Linear(tf.keras.layers.Dense):
  """y = x W: Keras' Dense without bias, `kernel` [C, depth] by RsqrtInitializer.

  Arguments as those of Dense, but for `use_bias`, which must not be true.

  Call arguments:
    inputs: float [..., C].

  Returns: float [..., depth].

  Raises:
    ValueError: if a bias is asked for.
  """

  def __init__(
    self, units: int, kernel_initializer: Any = None, use_bias: bool = False, **kwargs: Any
  ):
    if use_bias:
      raise ValueError("Linear has no bias: NN has. Received: use_bias=True")
    initializer = kernel_initializer or RsqrtInitializer()
    super().__init__(units, use_bias=False, kernel_initializer=initializer, **kwargs)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class BiasAdd(tf.keras.layers.Layer):
  """y = x + b: one learned number for each depth.

  Args:
    initializer: of `bias` [C], as Keras understands it.

  Call arguments:
    inputs: float [..., C].

  Returns: float of the same shape.

  Raises:
    ValueError: in `build`, if C is unknown.
  """

  def __init__(self, initializer: Any = "zeros", **kwargs: Any):
    super().__init__(**kwargs)
    self.initializer = tf.keras.initializers.get(initializer)

  def get_config(self) -> dict[str, Any]:
    initializer = tf.keras.initializers.serialize(self.initializer)
    return {**super().get_config(), "initializer": initializer}

  def build(self, input_shape: Any) -> None:
    depth = _depth(input_shape)
    self.bias = self.add_weight(name="bias", shape=[depth], initializer=self.initializer)
    super().build(input_shape)

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    return inputs + self.bias


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class NN(tf.keras.layers.Layer):
  """y = activation(x_1 W_1 + ... + x_m W_m + b): a dense layer of one or several inputs.

  Weights: `kernel_1` [C_1, depth] to `kernel_m`, and `bias` [depth]. How many inputs there are is
  fixed by the first call.

  Args:
    depth: of the output.
    use_bias: whether to add a bias.
    activation: of the output, a function or its name in Keras; None for none.
    kernel_initializer: None for the release's, RsqrtInitializer over the fan-in.
    bias_initializer: as Keras understands it.

  Call arguments:
    inputs: float [..., C], or a list of such with equal sizes but for the depths.

  Returns: float [..., depth].

  Raises:
    ValueError: in the constructor if depth is not positive; in `build` if a depth is unknown; when
      called with another number of inputs than at first.
  """

  def __init__(
    self,
    depth: int,
    *,
    use_bias: bool = True,
    activation: Any = None,
    kernel_initializer: Any = None,
    bias_initializer: Any = "zeros",
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    self.depth = positive("depth", depth)
    self.use_bias = bool(use_bias)
    self.activation = tf.keras.activations.get(activation)
    self.kernel_initializer = tf.keras.initializers.get(kernel_initializer or RsqrtInitializer())
    self.bias_initializer = tf.keras.initializers.get(bias_initializer)

  def get_config(self) -> dict[str, Any]:
    return {
      **super().get_config(),
      "depth": self.depth,
      "use_bias": self.use_bias,
      "activation": tf.keras.activations.serialize(self.activation),
      "kernel_initializer": tf.keras.initializers.serialize(self.kernel_initializer),
      "bias_initializer": tf.keras.initializers.serialize(self.bias_initializer),
    }

  def build(self, input_shape: Any) -> None:
    several = isinstance(input_shape, (list, tuple)) and any(
      isinstance(shape, (list, tuple, tf.TensorShape)) for shape in input_shape
    )
    shapes: Sequence[Any] = input_shape if several else [input_shape]
    self.kernels = [
      self.add_weight(
        name=f"kernel_{number}",
        shape=[_depth(shape), self.depth],
        initializer=self.kernel_initializer,
      )
      for number, shape in enumerate(shapes, 1)
    ]
    self.bias = None
    if self.use_bias:
      self.bias = self.add_weight(
        name="bias", shape=[self.depth], initializer=self.bias_initializer
      )
    super().build(input_shape)

  def call(self, inputs: tf.Tensor | Sequence[tf.Tensor]) -> tf.Tensor:
    several = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    if len(several) != len(self.kernels):
      raise ValueError(f"expected {len(self.kernels)} inputs. Received: {len(several)}")
    y = tf.add_n([tf.tensordot(x, kernel, 1) for x, kernel in zip(several, self.kernels)])
    return self.activation(y if self.bias is None else y + self.bias)


def _depth(shape: Any) -> int:
  depth = tf.TensorShape(shape)[-1]
  if depth is None:
    raise ValueError(f"The depth of the input must be known. Received shape: {shape}")
  return int(depth)
