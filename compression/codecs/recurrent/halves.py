"""The encoder E and the decoder D, layer by layer: Toderici et al. (CVPR 2017), figure 1.

Every recurrent layer below keeps a state from iteration to iteration. The states of a network are
a tuple with one NamedTuple a recurrent layer; None stands for the zero states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from compression.codecs.recurrent.config import RecurrentConfig
from compression.layers import (
  ConvAssociativeLSTM,
  ConvGRU,
  ConvLSTM,
  ConvRecurrentCell,
  ConvResidualGRU,
)
from compression.layers.recurrent_cell import REGISTRATION

IMAGE_DEPTH = 3

States = Optional[tuple[NamedTuple, ...]]

_CELLS = {
  "lstm": ConvLSTM,
  "associative_lstm": ConvAssociativeLSTM,
  "gru": ConvGRU,
  "residual_gru": ConvResidualGRU,
}
_ENCODER_CELLS = {**_CELLS, "associative_lstm": ConvLSTM}  # the paper's: associative in D only


class RecurrentLayer(NamedTuple):
  """A row of the paper's table: full depth, stride and hidden kernel (the input kernel is 3x3)."""

  depth: int
  strides: int
  hidden_kernel_size: int


ENCODER_LAYERS = (RecurrentLayer(256, 2, 1), RecurrentLayer(512, 2, 1), RecurrentLayer(512, 2, 1))
DECODER_LAYERS = (
  RecurrentLayer(512, 1, 1),
  RecurrentLayer(512, 1, 1),
  RecurrentLayer(256, 1, 3),
  RecurrentLayer(128, 1, 3),
)
ENCODER_CONV_DEPTH = 64
DECODER_CONV_DEPTH = 512


class Half(tf.keras.layers.Layer):
  """What E and D share: a configuration, a row of cells and the passing of states."""

  def __init__(self, config: RecurrentConfig | dict[str, Any], **kwargs: Any):
    super().__init__(**kwargs)
    self.config = (
      config if isinstance(config, RecurrentConfig) else RecurrentConfig.from_dict(config)
    )

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "config": self.config.to_dict()}

  @property
  def chain(self) -> list[tf.keras.layers.Layer]:
    """The layers that have weights, in the order of the data."""
    raise NotImplementedError

  def make_cells(
    self,
    kind: type[ConvRecurrentCell],
    layers: Sequence[RecurrentLayer],
    kernel_size: int = 3,
    **of_kind: Any,
  ) -> list[ConvRecurrentCell]:
    return [
      kind(
        self.config.depth(layer.depth),
        kernel_size=kernel_size,
        hidden_kernel_size=layer.hidden_kernel_size,
        strides=layer.strides,
        use_bias=self.config.use_bias,
        name=f"rnn{index + 1}",
        dtype=self.dtype_policy,
        **of_kind,
      )
      for index, layer in enumerate(layers)
    ]

  def conv(self, depth: int, kernel_size: int, strides: int, name: str) -> tf.keras.layers.Conv2D:
    return tf.keras.layers.Conv2D(
      depth,
      kernel_size,
      strides,
      "same",
      use_bias=self.config.use_bias,
      kernel_initializer=tf.keras.initializers.VarianceScaling(1.0, "fan_in", "truncated_normal"),
      name=name,
      dtype=self.dtype_policy,
    )


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class Encoder(Half):
  """E and the linear half of B: residual -> u, the tanh before the sign.

      conv     3x3 / 2        64 w
      rnn1..3  3x3 / 2, 1x1   256 w, 512 w, 512 w
      binarizer 1x1, tanh     bits

  Call arguments:
    inputs: float [N, H, W, 3]; H and W multiples of 16.
    states: the states after the previous iteration, or None at the first.

  Returns: (u float32 [N, H/16, W/16, bits] in [-1, 1], new states).
  """

  def __init__(
    self, config: RecurrentConfig | dict[str, Any], name: str = "encoder", **kwargs: Any
  ):
    super().__init__(config, name=name, **kwargs)
    self.conv_in = self.conv(self.config.depth(ENCODER_CONV_DEPTH), 3, 2, "conv")
    self.cells = self.make_cells(_ENCODER_CELLS[self.config.unit], ENCODER_LAYERS)
    self.binarizer = self.conv(self.config.bits, 1, 1, "binarizer")

  @property
  def chain(self) -> list[tf.keras.layers.Layer]:
    return [self.conv_in, *self.cells, self.binarizer]

  def build(self, input_shape: Any) -> None:
    self.conv_in.build(tf.TensorShape([None, None, None, IMAGE_DEPTH]))
    depth = self.conv_in.filters
    for cell in self.cells:
      cell.build(tf.TensorShape([None, None, None, depth]))
      depth = cell.depth
    self.binarizer.build(tf.TensorShape([None, None, None, depth]))
    super().build(input_shape)

  def call(self, inputs: tf.Tensor, states: States = None) -> tuple[tf.Tensor, States]:
    y = self.conv_in(inputs)
    new_states = []
    for index, cell in enumerate(self.cells):
      y, state = cell(y, None if states is None else states[index])
      new_states.append(state)
    u = tf.tanh(tf.cast(self.binarizer(y), tf.float32))
    return u, tuple(new_states)

  def initial_states(self, inputs: tf.Tensor) -> tuple[NamedTuple, ...]:
    """The zero states for inputs [N, H, W, 3]."""
    shape = tf.shape(inputs)
    return zero_states(self.cells, shape[0], shape[1] // 2, shape[2] // 2)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class Decoder(Half):
  """D: code -> image.

      conv_in  1x1        512 w
      rnn1     3x3, 1x1   512 w, then depth_to_space(2) -> 128 w
      rnn2     3x3, 1x1   512 w, then depth_to_space(2) -> 128 w
      rnn3     3x3, 3x3   256 w, then depth_to_space(2) ->  64 w
      rnn4     3x3, 3x3   128 w, then depth_to_space(2) ->  32 w
      conv_out 1x1, tanh  3

  Call arguments:
    inputs: the code b in {-1, +1}, [N, H/16, W/16, bits].
    states: the states after the previous iteration, or None at the first.

  Returns: (float32 [N, H, W, 3] in [-1, 1], new states).
  """

  def __init__(
    self, config: RecurrentConfig | dict[str, Any], name: str = "decoder", **kwargs: Any
  ):
    super().__init__(config, name=name, **kwargs)
    self.conv_in = self.conv(self.config.depth(DECODER_CONV_DEPTH), 1, 1, "conv_in")
    self.cells = self.make_cells(_CELLS[self.config.unit], DECODER_LAYERS)
    self.conv_out = self.conv(IMAGE_DEPTH, 1, 1, "conv_out")

  @property
  def chain(self) -> list[tf.keras.layers.Layer]:
    return [self.conv_in, *self.cells, self.conv_out]

  def build(self, input_shape: Any) -> None:
    self.conv_in.build(tf.TensorShape([None, None, None, self.config.bits]))
    depth = self.conv_in.filters
    for cell in self.cells:
      cell.build(tf.TensorShape([None, None, None, depth]))
      depth = cell.depth // 4  # depth_to_space(2)
    self.conv_out.build(tf.TensorShape([None, None, None, depth]))
    super().build(input_shape)

  def call(self, inputs: tf.Tensor, states: States = None) -> tuple[tf.Tensor, States]:
    y = self.conv_in(inputs)
    new_states = []
    for index, cell in enumerate(self.cells):
      y, state = cell(y, None if states is None else states[index])
      new_states.append(state)
      if index < len(self.cells) - 1:
        y = tf.nn.depth_to_space(y, 2)
    return tf.tanh(tf.cast(self.to_image(y), tf.float32)), tuple(new_states)

  def to_image(self, y: tf.Tensor) -> tf.Tensor:
    """The last depth_to_space(2) and the 1x1 convolution to three channels.

    Computed the other way round, which is the same: 12 channels are moved instead of 32 w. The
    kernel is repeated for each of the 4 pixels of a block, along a block diagonal.
    """
    kernel = tf.cast(self.conv_out.kernel, self.compute_dtype)[0, 0]
    blocks = tf.eye(4, dtype=kernel.dtype)[:, None, :, None] * kernel[None, :, None, :]
    blocks = tf.reshape(blocks, [1, 1, 4 * kernel.shape[0], 4 * IMAGE_DEPTH])
    y = tf.nn.conv2d(y, blocks, 1, "SAME")
    y = tf.nn.depth_to_space(y, 2)
    return y if self.conv_out.bias is None else tf.nn.bias_add(y, self.conv_out.bias)

  def initial_states(self, codes: tf.Tensor) -> tuple[NamedTuple, ...]:
    """The zero states for codes [N, h, w, bits]."""
    shape = tf.shape(codes)
    states: list[NamedTuple] = []
    for index, cell in enumerate(self.cells):
      states += zero_states([cell], shape[0], shape[1] * 2**index, shape[2] * 2**index)
    return tuple(states)


def zero_states(
  cells: Sequence[ConvRecurrentCell], batch: Any, height: Any, width: Any
) -> tuple[NamedTuple, ...]:
  """Those of cells that come one after the other, for an input of that size."""
  states = []
  for cell in cells:
    states.append(cell.initial_state(tf.zeros([batch, height, width, 1])))
    height, width = -(-height // cell.strides), -(-width // cell.strides)
  return tuple(states)
