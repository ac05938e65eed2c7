"""Layers made of layers: one after the other, side by side, and down the rows of an image.

    CompositionOperator      x -> A -> B -> y
    TowerOperator            x -> (A, B) -> concatenation y
    LineOperator             row 0 -> A -> row 0 of y
                                      | state
                             row 1 -> A -> row 1 of y
                                      | state
                                     ...

They mirror those of the 2017 release's entropy coder. A layer is *recurrent* if it takes
(inputs, state) and returns (output, new state): it says so by a true attribute `is_recurrent`, or
has a method `initial_state`. The state of an operator is what its layers' states are, and None
stands for the state before the first step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from compression.layers.recurrent_cell import REGISTRATION


def is_recurrent(layer: tf.keras.layers.Layer) -> bool:
  """Whether the layer takes a state and returns a new one."""
  return bool(getattr(layer, "is_recurrent", hasattr(layer, "initial_state")))


def _apply(layer: tf.keras.layers.Layer, inputs: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
  """(output, new state), the state being () for a layer that is not recurrent."""
  return layer(inputs, state) if is_recurrent(layer) else (layer(inputs), ())


class _Blocks(tf.keras.layers.Layer):
  """A list of layers, saved with their configurations."""

  def __init__(self, blocks: Sequence[tf.keras.layers.Layer], **kwargs: Any):
    super().__init__(**kwargs)
    if not blocks:
      raise ValueError("there must be a layer at least. Received: none")
    self.blocks = list(blocks)

  @property
  def is_recurrent(self) -> bool:
    """Whether any of the layers is: then this one is too, with a tuple of all their states."""
    return any(is_recurrent(block) for block in self.blocks)

  def get_config(self) -> dict[str, Any]:
    blocks = [tf.keras.layers.serialize(block) for block in self.blocks]
    return {**super().get_config(), "blocks": blocks}

  @classmethod
  def from_config(cls, config: dict[str, Any]) -> _Blocks:
    blocks = [tf.keras.layers.deserialize(block) for block in config["blocks"]]
    return cls(**{**config, "blocks": blocks})

  def _states(self, state: Any) -> Sequence[Any]:
    if state is None:
      return [None] * len(self.blocks)
    if len(state) != len(self.blocks):
      raise ValueError(f"expected {len(self.blocks)} states. Received: {len(state)}")
    return state


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class CompositionOperator(_Blocks):
  """Each layer is applied to what the one before it returned.

  Of layers that are not recurrent, this is Keras' Sequential.

  Call arguments:
    inputs: what the first layer takes.
    state: a tuple with a state for each layer, () for those that have none; or None.

  Returns: what the last layer returns, y; if a layer is recurrent, (y, tuple of new states).

  Raises:
    ValueError: if there are no layers, or not as many states.
  """

  def call(self, inputs: tf.Tensor, state: Any = None) -> Any:
    y, states = inputs, []
    for block, block_state in zip(self.blocks, self._states(state)):
      y, block_state = _apply(block, y, block_state)
      states.append(block_state)
    return (y, tuple(states)) if self.is_recurrent else y


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class TowerOperator(_Blocks):
  """All layers are applied to the same input, and their outputs joined.

  Args:
    blocks: the layers.
    axis: along which the outputs are joined; the last is the depth.

  Call arguments:
    inputs: what every layer takes.
    state: a tuple with a state for each layer, () for those that have none; or None.

  Returns: the concatenation, y; if a layer is recurrent, (y, tuple of new states).

  Raises:
    ValueError: if there are no layers, or not as many states.
  """

  def __init__(self, blocks: Sequence[tf.keras.layers.Layer], axis: int = -1, **kwargs: Any):
    super().__init__(blocks, **kwargs)
    self.axis = int(axis)

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "axis": self.axis}

  def call(self, inputs: tf.Tensor, state: Any = None) -> Any:
    pairs = [
      _apply(block, inputs, block_state)
      for block, block_state in zip(self.blocks, self._states(state))
    ]
    y = tf.concat([output for output, _ in pairs], self.axis)
    return (y, tuple(new_state for _, new_state in pairs)) if self.is_recurrent else y


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class LineOperator(tf.keras.layers.Layer):
  """Applies a recurrent layer to the rows of an image, from the top down.

  The layer's time runs over the rows: each row is an image [N, 1, W, C], and the state goes from
  one to the next. The height need not be known before it runs. A layer whose attribute `row_wise`
  is true has its `transform_input` applied to the whole image at once, and only its `step` to each
  row; the result is the same, and comes sooner.

  Args:
    block: the layer; its dtype policy becomes this one's too, unless told otherwise.
    return_state: whether this layer is recurrent itself, from image to image.

  Call arguments:
    inputs: float [N, H, W, C] with H >= 1.
    state: the layer's state above the first row, or None.

  Returns: y [N, H, W', depth]; with `return_state`, (y, the state after the last row).
  """

  def __init__(
    self, block: tf.keras.layers.Layer, return_state: bool = False, dtype: Any = None, **kwargs: Any
  ):
    super().__init__(dtype=block.dtype_policy if dtype is None else dtype, **kwargs)
    self.input_spec = tf.keras.layers.InputSpec(ndim=4)
    self.block = block
    self.return_state = bool(return_state)

  @property
  def is_recurrent(self) -> bool:
    return self.return_state

  def get_config(self) -> dict[str, Any]:
    block = tf.keras.layers.serialize(self.block)
    return {**super().get_config(), "block": block, "return_state": self.return_state}

  @classmethod
  def from_config(cls, config: dict[str, Any]) -> LineOperator:
    return cls(**{**config, "block": tf.keras.layers.deserialize(config["block"])})

  def build(self, input_shape: Any) -> None:
    batch, _, width, depth = tf.TensorShape(input_shape)
    if not self.block.built:
      self.block.build(tf.TensorShape([batch, 1, width, depth]))
    super().build(input_shape)

  def call(self, inputs: tf.Tensor, state: Any = None) -> Any:
    rows, step = inputs, self._step
    if getattr(self.block, "row_wise", False):
      rows, step = self.block.transform_input(inputs), self.block.step
    height = tf.shape(rows)[1]
    rows = tf.expand_dims(tf.transpose(rows, [1, 0, 2, 3]), 2)  # [H, N, 1, W, C]
    rows = tf.TensorArray(rows.dtype, height).unstack(rows)
    # The first row outside the loop shows what the state is made of.
    y, state = step(rows.read(0), state)
    outputs = tf.TensorArray(y.dtype, height).write(0, y)

    def next_row(row: tf.Tensor, outputs: tf.TensorArray, state: Any) -> tuple:
      y, state = step(rows.read(row), state)
      return row + 1, outputs.write(row, y), state

    _, outputs, state = tf.while_loop(
      lambda row, *_: row < height,
      next_row,
      (tf.constant(1), outputs, state),
      (tf.TensorShape([]), None, tf.nest.map_structure(_any_size, state)),
    )
    y = tf.transpose(tf.squeeze(outputs.stack(), 2), [1, 0, 2, 3])
    y.set_shape([inputs.shape[0], inputs.shape[1], None, None])
    return (y, state) if self.return_state else y

  def _step(self, row: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
    return _apply(self.block, row, state)


def _any_size(tensor: tf.Tensor) -> tf.TensorShape:
  """A shape that fixes the rank and the depth only."""
  return tf.TensorShape([None] * (tensor.shape.rank - 1) + [tensor.shape[-1]])
