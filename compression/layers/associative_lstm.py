"""The convolutional Associative LSTM of Toderici et al. (CVPR 2017), section 3.1.

After Danihelka et al., *Associative Long Short-Term Memory* (ICML 2016): memory is a complex
vector, and the input and output keys `r_i`, `r_o` write to and read from it by rotation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from compression.layers.lstm import FORGET_BIAS
from compression.layers.recurrent_cell import REGISTRATION, ConvRecurrentCell

KEY_BIAS = 1.0
"""Added to the real part of both keys before they are bounded, not learned: a new unit writes and
reads without much rotation. Keys near zero would shrink every signal so much, squared by four
layers of the decoder, that a new network could not be trained."""


class AssociativeLSTMState(NamedTuple):
  """`h` and `c`, each [N, H, W, depth]: the real parts in the first half, then the imaginary."""

  h: tf.Tensor
  c: tf.Tensor


class _Complex(NamedTuple):
  """A complex tensor as two real ones: what bfloat16, TFLite and convolutions can hold."""

  re: tf.Tensor
  im: tf.Tensor

  def times(self, other: _Complex) -> _Complex:
    return _Complex(
      self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re
    )

  def scaled(self, factor: tf.Tensor) -> _Complex:
    return _Complex(self.re * factor, self.im * factor)

  def plus(self, other: _Complex) -> _Complex:
    return _Complex(self.re + other.re, self.im + other.im)

  def joined(self) -> tf.Tensor:
    return tf.concat([self.re, self.im], axis=-1)


def bound(z: _Complex) -> _Complex:
  """z where |z| <= 1, else z / |z|.

  max(1, |z|^2) before the root keeps the gradient finite at z = 0.
  """
  factor = tf.math.rsqrt(tf.maximum(tf.ones_like(z.re), z.re * z.re + z.im * z.im))
  return z.scaled(factor)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class ConvAssociativeLSTM(ConvRecurrentCell):
  """Associative LSTM: an LSTM with complex memory and keys.

      [f, i, o, j, r_i, r_o] = W x_t + U h~_{t-1}            (packed in this order)
      f, i, o = sigmoid(f + forget_bias), sigmoid(i), sigmoid(o)
      j, r_i, r_o = bound(j), bound(r_i + key_bias), bound(r_o + key_bias)
      c_t = f * c_{t-1} + r_i * i * j
      h_t = o * bound(r_o * c_t);   h~_t = (Re h_t, Im h_t)  (the output)

  Toderici et al. (2017), section 3.1; f, i, o are real, the rest complex with depth / 2 units,
  each packed as its real part followed by its imaginary part. So the input kernel has 9 / 2 depth
  outputs. The paper uses this unit in the decoder only. Outputs lie in the unit disc.

  Raises:
    ValueError: if `depth` is odd.
  """

  def __init__(
    self,
    depth: int,
    *,
    forget_bias: float = FORGET_BIAS,
    key_bias: float = KEY_BIAS,
    **kwargs: Any,
  ):
    super().__init__(depth, **kwargs)
    if self.depth % 2:
      raise ValueError(f"depth must be even, for complex units. Received: {depth!r}")
    self.forget_bias = float(forget_bias)
    self.key_bias = float(key_bias)

  def get_config(self) -> dict[str, Any]:
    biases = {"forget_bias": self.forget_bias, "key_bias": self.key_bias}
    return {**super().get_config(), **biases}

  def build(self, input_shape: Any) -> None:
    gates_depth = 9 * self.depth // 2
    self.input_kernel = self.add_kernel(
      "input", self.kernel_size, self.input_depth(input_shape), gates_depth
    )
    self.hidden_kernel = self.add_kernel("hidden", self.hidden_kernel_size, self.depth, gates_depth)
    self.bias = self.add_bias(gates_depth)
    super().build(input_shape)

  def initial_state(self, inputs: tf.Tensor) -> AssociativeLSTMState:
    return AssociativeLSTMState(self.zeros(inputs), self.zeros(inputs))

  def call(
    self, inputs: tf.Tensor, state: AssociativeLSTMState | None = None
  ) -> tuple[tf.Tensor, AssociativeLSTMState]:
    gates = self.input_conv(inputs, self.input_kernel, self.bias)
    if state is not None:
      if isinstance(state, list):  # from a model that Keras loaded
        state = AssociativeLSTMState(*state)
      gates += self.hidden_conv(state.h, self.hidden_kernel)
    f, i, o, j_re, j_im, ri_re, ri_im, ro_re, ro_im = tf.split(gates, 9, axis=-1)
    ri_re += self.key_bias
    ro_re += self.key_bias
    j, r_i, r_o = (
      bound(_Complex(*parts)) for parts in ((j_re, j_im), (ri_re, ri_im), (ro_re, ro_im))
    )
    c = r_i.times(j).scaled(tf.sigmoid(i))
    if state is not None:
      c_previous = _Complex(*tf.split(state.c, 2, axis=-1))
      c = c.plus(c_previous.scaled(tf.sigmoid(f + self.forget_bias)))
    h = bound(r_o.times(c)).scaled(tf.sigmoid(o)).joined()
    return h, AssociativeLSTMState(h, c.joined())
