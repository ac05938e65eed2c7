"""A convolution that sees the earlier passes of the interlaced order: four kernels in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from compression.common import masks
from compression.layers.recurrent_cell import REGISTRATION
from compression.layers.release.initializers import CONVOLUTION, RsqrtInitializer
from compression.layers.release.masked_conv import pair, positive

_CELL = 2  # the side of what the order repeats


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class InterlacedConv2D(tf.keras.layers.Layer):
  """y[p] = K_p * x + bias_p at the places of pass p, K_p masked to what earlier passes have coded.

      order of the passes    0 2
                             3 1        `compression.common.masks.interlaced` draws the masks

  Weights: `kernel` [4, height, width, C, depth]; what the masks hide has no effect and no gradient;
  `bias` [4, depth]. Outside the image there are zeros.

  Args:
    depth: of the output.
    kernel_size: one number, or two for height and width; odd, and one more than 1.

  Call arguments:
    inputs: float [N, H, W, C], any H and W from 1 up.

  Returns: float [N, H, W, depth], of the compute dtype. What is not yet coded may hold anything.

  Raises:
    ValueError: in the constructor if a size is none; in `build` if C is unknown or a side is even.
  """

  def __init__(self, depth: int, kernel_size: int | Sequence[int], **kwargs: Any):
    super().__init__(**kwargs)
    self.input_spec = tf.keras.layers.InputSpec(ndim=4)  # tf.nn.conv2d aborts the process else
    self.depth = positive("depth", depth)
    self.kernel_size = pair("kernel_size", kernel_size)

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "depth": self.depth, "kernel_size": self.kernel_size}

  def build(self, input_shape: Any) -> None:
    depth_in = tf.TensorShape(input_shape)[-1]
    if depth_in is None:
      raise ValueError(f"The depth of the input must be known. Received shape: {input_shape}")
    self._mask = masks.interlaced(self.kernel_size)
    passes = len(masks.PASSES)
    self.kernel = self.add_weight(
      name="kernel",
      shape=[passes, *self.kernel_size, depth_in, self.depth],
      initializer=_each_pass(RsqrtInitializer(CONVOLUTION)),
    )
    self.bias = self.add_weight(name="bias", shape=[passes, self.depth], initializer="zeros")
    super().build(input_shape)

  def masked_kernel(self) -> tf.Tensor:
    """The kernels as they are used, [4, height, width, C, depth]."""
    kernel = tf.convert_to_tensor(self.kernel)
    return kernel * tf.cast(self._mask, kernel.dtype)

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    kernels = self.masked_kernel()
    batch, height, width, _ = tf.unstack(tf.shape(inputs))
    rows, columns = (height + 1) // _CELL, (width + 1) // _CELL
    around = [size // 2 for size in self.kernel_size]
    padded = tf.pad(
      inputs,
      [
        [0, 0],
        [around[0], around[0] + rows * _CELL - height],
        [around[1], around[1] + columns * _CELL - width],
        [0, 0],
      ],
    )
    cells: dict[tuple[int, int], tf.Tensor] = {}
    for number, (top, left) in enumerate(masks.PASSES):
      if number == 0:  # sees nothing
        y = tf.zeros([batch, rows, columns, self.depth], inputs.dtype)
      else:
        view = padded[:, top:, left:]
        y = tf.nn.conv2d(view, kernels[number], _CELL, "VALID")[:, :rows, :columns]
      cells[top, left] = y + self.bias[number]
    # [N, rows, columns, 4 depth] in the order of depth_to_space
    grid = tf.concat([cells[place] for place in sorted(cells)], axis=-1)
    return tf.nn.depth_to_space(grid, _CELL)[:, :height, :width]


def _each_pass(initializer: tf.keras.initializers.Initializer) -> Any:
  """Each kernel as that of a convolution of its own."""

  def initialize(shape: Sequence[int], dtype: Any = None) -> tf.Tensor:
    return tf.stack([initializer(shape[1:], dtype) for _ in range(shape[0])])

  return initialize
