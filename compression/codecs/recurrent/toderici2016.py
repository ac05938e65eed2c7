"""The four networks of the first paper, which the one of 2017 is measured against.

Toderici et al., *Variable Rate Image Compression with Recurrent Neural Networks* (ICLR 2016,
arXiv:1511.06085), section 3. The recurrence, the binarizer and the symbols are those of
`network.py`; what E and D are made of, and so what they remember, differs:

    fc, fc_lstm      each 8x8 patch by itself: 192 numbers -> 4 bits -> 192 numbers

        patch -> 512, tanh -> [cell 512] -> [cell 512] -> 4, tanh -> sign        E
        bits  -> 512, tanh -> [cell 512] -> [cell 512] -> 192                    D

    conv, conv_lstm  the whole image, 16 pixels to a place of the code and back

        x -> 3x3 / 2, 64 -> [256] -> [512] -> [512] -> 1x1, bits, tanh -> sign   E, each cell / 2
        b -> 1x1, 512 -> [512] -> [512] -> [256] -> 3x3 x 2, 64 -> 1x1, 3        D, each cell x 2

             cell           D's last layer   x^_t, r_t = x - x^_t       memory
    fc       W_t y, tanh    linear           additive: D adds to it     none
    fc_lstm  LSTM           tanh             one-shot: D says it anew   of the patch
    conv     3x3_t, tanh    linear           additive                   none
    conv_lstm LSTM, 3x3     tanh             one-shot                   of the place

A network without memory predicts what is missing (gamma = 1 in the paper's eq. 5), one with memory
the patch itself (gamma = 0). Residuals shrink from iteration to iteration, and D without memory
knows no more of that than signs: each iteration has weights of its own (the second of the two ways
in the paper's section 3.2), E_t and D_t. One pair for all would stall after some iterations.

What differs from the paper. The 8x8 patches of fc stand side by side, four to a 16x16 block of the
file: `bits` = 16 is the paper's 4 bits a patch. The convolutional code has the shape of 2017's, as
that of 2016 was for thumbnails of 32x32 only. Files, and the coder of their bits, are those of all
recurrent networks here; the paper counts bits as they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from compression.codecs.recurrent.config import WITHOUT_MEMORY, RecurrentConfig
from compression.codecs.recurrent.halves import (
  DECODER_CONV_DEPTH,
  ENCODER_CONV_DEPTH,
  ENCODER_LAYERS,
  IMAGE_DEPTH,
  Half,
  RecurrentLayer,
  States,
  zero_states,
)
from compression.layers import ConvLSTM, ConvRecurrentCell
from compression.layers.recurrent_cell import REGISTRATION

PATCH = 8
"""Pixels along a side of what the fully connected networks see."""

_OF_BLOCK = 2  # patches along a side of a block
_DENSE = 512
_DENSE_CELLS = 2


class Iteration(NamedTuple):
  """What a layer with weights for each iteration carries on.

  Attributes:
    t: how many iterations were before, float32 [1, 1, 1, 1], for any number of images.
  """

  t: tf.Tensor


class NoState(NamedTuple):
  """What a layer carries on that is the same at all iterations."""


def _of_iteration(weights: Any, count: int, state: Any) -> tf.Tensor:
  """Those of the iteration that comes now, out of `count` stacked along the last axis.

  An iteration that has none of its own has those of the last.
  """
  if count == 1:
    return weights
  depth = weights.shape[-1] // count
  if state is None:
    return weights[..., :depth]
  index = tf.minimum(tf.cast(state.t[0, 0, 0, 0], tf.int32), count - 1)
  leading = len(weights.shape) - 1
  return tf.slice(weights, [0] * leading + [index * depth], [-1] * leading + [depth])


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class IterationConv(tf.keras.layers.Layer):
  """The convolution that begins or ends a network: y = W_t x + b_t, padded to SAME.

  Args:
    depth: of the output.
    kernel_size, strides: of the convolution.
    iterations: that have weights of their own, stacked along the last axis; 1 for one for all.
    use_bias: whether there is b_t.

  Call arguments:
    inputs: float [N, H, W, C].
    state: an Iteration; None at the first.
  """

  def __init__(
    self,
    depth: int,
    kernel_size: int,
    strides: int,
    iterations: int = 1,
    use_bias: bool = False,
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    self.depth, self.kernel_size, self.strides = int(depth), int(kernel_size), int(strides)
    self.iterations, self.use_bias = int(iterations), bool(use_bias)

  def get_config(self) -> dict[str, Any]:
    own = ("depth", "kernel_size", "strides", "iterations", "use_bias")
    return {**super().get_config(), **{name: getattr(self, name) for name in own}}

  def build(self, input_shape: Any) -> None:
    depth = self.depth * self.iterations
    self.kernel = self.add_weight(
      name="kernel",
      shape=[self.kernel_size, self.kernel_size, int(tf.TensorShape(input_shape)[-1]), depth],
      initializer=tf.keras.initializers.VarianceScaling(1.0, "fan_in", "truncated_normal"),
    )
    self.bias = None
    if self.use_bias:
      self.bias = self.add_weight(name="bias", shape=[depth], initializer="zeros")
    super().build(input_shape)

  def call(self, inputs: tf.Tensor, state: Iteration | None = None) -> tf.Tensor:
    kernel = _of_iteration(self.kernel, self.iterations, state)
    y = tf.nn.conv2d(inputs, kernel, self.strides, "SAME")
    if self.bias is None:
      return y
    return tf.nn.bias_add(y, _of_iteration(self.bias, self.iterations, state))


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class ConvTanh(ConvRecurrentCell):
  """A convolution and tanh, where others have a recurrent unit: y = tanh(W_t x + b_t).

  Args:
    iterations: that have weights of their own, stacked along the last axis. With 1 for all there
      is no state.
    *args, **kwargs: of ConvRecurrentCell.
  """

  def __init__(self, *args: Any, iterations: int = 1, **kwargs: Any):
    super().__init__(*args, **kwargs)
    self.iterations = int(iterations)

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "iterations": self.iterations}

  def build(self, input_shape: Any) -> None:
    depth, depth_in = self.depth * self.iterations, self.input_depth(input_shape)
    self.input_kernel = self.add_kernel("input", self.kernel_size, depth_in, depth)
    self.bias = self.add_bias(depth)
    super().build(input_shape)

  def initial_state(self, inputs: tf.Tensor) -> Iteration | NoState:
    return NoState() if self.iterations == 1 else Iteration(tf.zeros([1, 1, 1, 1]))

  def call(
    self, inputs: tf.Tensor, state: Iteration | NoState | None = None
  ) -> tuple[tf.Tensor, Iteration | NoState]:
    kernel = _of_iteration(self.input_kernel, self.iterations, state)
    bias = self.bias
    if bias is not None:
      bias = _of_iteration(bias, self.iterations, state)
    y = tf.tanh(self.input_conv(inputs, kernel, bias))
    if state is None:
      state = self.initial_state(inputs)
    return y, Iteration(state.t + 1) if isinstance(state, Iteration) else state


class _Transposed(ConvRecurrentCell):
  """Makes a cell upsample: the stride is that of a transposed convolution of the input."""

  def input_conv(self, inputs: tf.Tensor, kernel: tf.Variable, bias: Any = None) -> tf.Tensor:
    """W^T x, each side times the stride; the kernel is [k, k, C, depth] as that of W."""
    count, height, width, _ = tf.unstack(tf.shape(inputs))
    shape = [count, height * self.strides, width * self.strides, kernel.shape[3]]
    swapped = tf.transpose(kernel, [0, 1, 3, 2])
    y = tf.nn.conv2d_transpose(inputs, swapped, shape, self.strides, "SAME")
    return y if bias is None else tf.nn.bias_add(y, bias)

  def zeros(self, inputs: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(inputs)
    sides = [shape[1] * self.strides, shape[2] * self.strides]
    return tf.zeros([shape[0], *sides, self.depth], self.compute_dtype)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class DeconvTanh(_Transposed, ConvTanh):
  """ConvTanh whose convolution is transposed."""


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class DeconvLSTM(_Transposed, ConvLSTM):
  """ConvLSTM whose convolution of the input is transposed; that of the state is not."""


class _Parts(NamedTuple):
  """The cells of E and of D that the name of a network stands for."""

  down: type[ConvRecurrentCell]
  up: type[ConvRecurrentCell]


_PARTS = {
  "toderici2016_fc": _Parts(ConvTanh, ConvTanh),
  "toderici2016_fc_lstm": _Parts(ConvLSTM, ConvLSTM),
  "toderici2016_conv": _Parts(ConvTanh, DeconvTanh),
  "toderici2016_conv_lstm": _Parts(ConvLSTM, DeconvLSTM),
}


class _Half2016(Half):
  """What E and D of 2016 share: a first layer, cells and their states, a last layer."""

  def __init__(self, config: RecurrentConfig | dict[str, Any], **kwargs: Any):
    super().__init__(config, **kwargs)
    self.parts = _PARTS[self.config.unit]
    self.is_dense = self.config.unit in ("toderici2016_fc", "toderici2016_fc_lstm")
    self.has_memory = self.config.unit not in WITHOUT_MEMORY
    self.cells: list[ConvRecurrentCell] = []
    self.first: IterationConv
    self.last: IterationConv

  @property
  def chain(self) -> list[tf.keras.layers.Layer]:
    return [self.first, *self.cells, self.last]

  def dense_cells(self, kind: type[ConvRecurrentCell]) -> list[ConvRecurrentCell]:
    """Those of a patch: all kernels are 1x1, on the grid of the patches."""
    row = RecurrentLayer(_DENSE, 1, 1)
    return self.make_cells(kind, (row,) * _DENSE_CELLS, kernel_size=1, **self.of_iterations())

  def of_iterations(self) -> dict[str, int]:
    """What a layer is told of how many iterations have weights of their own."""
    return {} if self.has_memory else {"iterations": self.config.iterations}

  def conv(self, depth: int, kernel_size: int, strides: int, name: str) -> IterationConv:
    return IterationConv(
      depth,
      kernel_size,
      strides,
      use_bias=self.config.use_bias,
      name=name,
      dtype=self.dtype_policy,
      **self.of_iterations(),
    )

  def build_chain(self, depth: int) -> None:
    for layer in self.chain:
      layer.build(tf.TensorShape([None, None, None, depth]))
      depth = layer.depth

  def run(self, y: tf.Tensor, states: States) -> tuple[tf.Tensor, States]:
    """All layers, one after the other; what comes out of the last is float32."""
    of_cells = [None] * len(self.cells) if states is None else states
    y = tf.tanh(self.first(y, of_cells[0]))
    new_states = []
    for cell, state in zip(self.cells, of_cells):
      y, state = cell(y, state)
      new_states.append(state)
    return tf.cast(self.last(y, of_cells[0]), tf.float32), tuple(new_states)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class Encoder2016(_Half2016):
  """E and the linear half of B; arguments and what is returned are those of `halves.Encoder`."""

  def __init__(
    self, config: RecurrentConfig | dict[str, Any], name: str = "encoder", **kwargs: Any
  ):
    super().__init__(config, name=name, **kwargs)
    if self.is_dense:
      self.first = self.conv(self.config.depth(_DENSE), 1, 1, "conv")
      self.cells = self.dense_cells(self.parts.down)
      self.last = self.conv(self.config.bits // _OF_BLOCK**2, 1, 1, "binarizer")
    else:
      self.first = self.conv(self.config.depth(ENCODER_CONV_DEPTH), 3, 2, "conv")
      self.cells = self.make_cells(self.parts.down, ENCODER_LAYERS, **self.of_iterations())
      self.last = self.conv(self.config.bits, 1, 1, "binarizer")

  def build(self, input_shape: Any) -> None:
    self.build_chain(IMAGE_DEPTH * PATCH**2 if self.is_dense else IMAGE_DEPTH)
    super().build(input_shape)

  def call(self, inputs: tf.Tensor, states: States = None) -> tuple[tf.Tensor, States]:
    if self.is_dense:
      inputs = tf.nn.space_to_depth(inputs, PATCH)
    y, states = self.run(inputs, states)
    u = tf.tanh(y)
    return tf.nn.space_to_depth(u, _OF_BLOCK) if self.is_dense else u, states

  def initial_states(self, inputs: tf.Tensor) -> tuple[NamedTuple, ...]:
    """The zero states for inputs [N, H, W, 3]."""
    shape, scale = tf.shape(inputs), PATCH if self.is_dense else 2
    return zero_states(self.cells, shape[0], shape[1] // scale, shape[2] // scale)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class Decoder2016(_Half2016):
  """D; arguments and what is returned are those of `halves.Decoder`, but for the range.

  Returns: (float32 [N, H, W, 3], new states): in [-1, 1] with memory, any number without.
  """

  def __init__(
    self, config: RecurrentConfig | dict[str, Any], name: str = "decoder", **kwargs: Any
  ):
    super().__init__(config, name=name, **kwargs)
    self.first = self.conv(self.config.depth(DECODER_CONV_DEPTH), 1, 1, "conv_in")
    if self.is_dense:
      self.cells = self.dense_cells(self.parts.up)
      self.last = self.conv(IMAGE_DEPTH * PATCH**2, 1, 1, "conv_out")
    else:
      self.cells = self.make_cells(self.parts.up, ENCODER_LAYERS[::-1], **self.of_iterations())
      self.cells.append(
        DeconvTanh(
          self.config.depth(ENCODER_CONV_DEPTH),
          strides=2,
          use_bias=self.config.use_bias,
          name=f"rnn{len(self.cells) + 1}",
          dtype=self.dtype_policy,
          **self.of_iterations(),
        )
      )
      self.last = self.conv(IMAGE_DEPTH, 1, 1, "conv_out")

  def build(self, input_shape: Any) -> None:
    self.build_chain(self.config.bits // _OF_BLOCK**2 if self.is_dense else self.config.bits)
    super().build(input_shape)

  def call(self, inputs: tf.Tensor, states: States = None) -> tuple[tf.Tensor, States]:
    if self.is_dense:
      inputs = tf.nn.depth_to_space(inputs, _OF_BLOCK)
    y, states = self.run(inputs, states)
    if self.is_dense:
      y = tf.nn.depth_to_space(y, PATCH)
    return tf.tanh(y) if self.has_memory else y, states

  def initial_states(self, codes: tf.Tensor) -> tuple[NamedTuple, ...]:
    """The zero states for codes [N, h, w, bits]."""
    shape, scale = tf.shape(codes), _OF_BLOCK if self.is_dense else 1
    count, height, width = shape[0], shape[1] * scale, shape[2] * scale
    states: list[NamedTuple] = []
    for cell in self.cells:
      states.append(cell.initial_state(tf.zeros([count, height, width, 1])))
      if not self.is_dense:
        height, width = height * cell.strides, width * cell.strides
    return tuple(states)
