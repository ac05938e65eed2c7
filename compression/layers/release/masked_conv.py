"""The convolutions of the 2017 release's entropy coder: padded in four ways, masked in four.

    PaddedConv2D               sees the whole kernel
      RasterScanConv2D         the places before its own in raster scan order
      DepthOrderConv2D         the input depths before its own output depth
      GroupRasterScanConv2D    both, in groups of depths
      InFillingConv2D          everything but its own place

`compression.common.masks` draws what each sees.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from compression.common import masks
from compression.layers.recurrent_cell import REGISTRATION
from compression.layers.release.initializers import CONVOLUTION, RsqrtInitializer

PADDINGS = ("SAME", "VALID", "REFLECT", "SYMMETRIC")
"""Zeros; none; mirrored without and with the outermost cell."""


def positive(name: str, value: Any) -> int:
  """A positive whole number. Raises ValueError."""
  if not isinstance(value, numbers.Integral) or value < 1:
    raise ValueError(f"{name} must be a positive whole number. Received: {value!r}")
  return int(value)


def pair(name: str, value: Any) -> tuple[int, int]:
  """A positive whole number, or two of them for height and width -> both. Raises ValueError."""
  if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
    return positive(name, value[0]), positive(name, value[1])
  return positive(name, value), positive(name, value)


def check_padding(padding: Any) -> str:
  """One of PADDINGS, in capitals. Raises ValueError."""
  if not isinstance(padding, str) or padding.upper() not in PADDINGS:
    raise ValueError(f"padding must be one of {', '.join(PADDINGS)}. Received: {padding!r}")
  return padding.upper()


def conv2d(x: tf.Tensor, kernel: tf.Tensor, strides: tuple[int, int], padding: str) -> tf.Tensor:
  """A convolution with one of PADDINGS.

  REFLECT and SYMMETRIC pad as many cells as SAME, along each axis

      r = (size - 1) mod stride;  total = max(kernel - 1 - r, 0)
      floor(total / 2) before, the rest after

  Args:
    x: float [N, H, W, C].
    kernel: float [height, width, C, depth].

  Returns: float [N, ceil(H / stride), ceil(W / stride), depth]; for VALID of the size that needs
    no padding.

  Raises:
    InvalidArgumentError: when run, if REFLECT has to pad as many cells as there are, or SYMMETRIC
      more.
  """
  if padding in ("REFLECT", "SYMMETRIC"):
    sizes = tf.shape(x)
    paddings: list[tuple[Any, Any]] = [(0, 0)]
    for axis, stride in enumerate(strides, 1):
      size = sizes[axis] if x.shape[axis] is None else x.shape[axis]
      reach = kernel.shape[axis - 1] - 1
      total = reach if stride == 1 else tf.maximum(reach - (size - 1) % stride, 0)
      paddings.append((total // 2, total - total // 2))
    x = tf.pad(x, [*paddings, (0, 0)], padding)
    padding = "VALID"
  return tf.nn.conv2d(x, kernel, strides, padding)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class PaddedConv2D(tf.keras.layers.Layer):
  """y = activation(K * x + bias), with zeros, nothing or mirrored cells around x.

  `Conv2D` of the 2017 release. Like Keras' Conv2D with the paddings REFLECT and SYMMETRIC added and
  another initializer. Weights: `kernel` [height, width, C, depth] and, if asked for, `bias`
  [depth]. Subclasses multiply the kernel by a mask wherever they use it: what the mask hides in the
  variable has no effect, and no gradient.

  Args:
    depth: of the output.
    kernel_size, strides: one number, or two for height and width.
    padding: one of PADDINGS.
    use_bias: whether to add a bias.
    activation: of the output, a function or its name in Keras; None for none.
    kernel_initializer: None for the release's, RsqrtInitializer over the fan-in.
    bias_initializer: as Keras understands it.

  Call arguments:
    inputs: float [N, H, W, C].

  Returns: float [N, H', W', depth], of the compute dtype; see `conv2d` for the size.

  Raises:
    ValueError: in the constructor if a size or padding is none; in `build` if C is unknown, or the
      kernel can have no such mask.
  """

  _upper_half = False  # whether the mask hides all rows below the centre, sides being odd

  def __init__(
    self,
    depth: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: str = "SAME",
    *,
    use_bias: bool = False,
    activation: Any = None,
    kernel_initializer: Any = None,
    bias_initializer: Any = "zeros",
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    self.input_spec = tf.keras.layers.InputSpec(ndim=4)  # tf.nn.conv2d aborts the process else
    self.depth = positive("depth", depth)
    self.kernel_size = pair("kernel_size", kernel_size)
    self.strides = pair("strides", strides)
    self.padding = check_padding(padding)
    self.use_bias = bool(use_bias)
    self.activation = tf.keras.activations.get(activation)
    self.kernel_initializer = tf.keras.initializers.get(
      RsqrtInitializer(CONVOLUTION) if kernel_initializer is None else kernel_initializer
    )
    self.bias_initializer = tf.keras.initializers.get(bias_initializer)

  def get_config(self) -> dict[str, Any]:
    return {
      **super().get_config(),
      "depth": self.depth,
      "kernel_size": self.kernel_size,
      "strides": self.strides,
      "padding": self.padding,
      "use_bias": self.use_bias,
      "activation": tf.keras.activations.serialize(self.activation),
      "kernel_initializer": tf.keras.initializers.serialize(self.kernel_initializer),
      "bias_initializer": tf.keras.initializers.serialize(self.bias_initializer),
    }

  def mask(self, depth_in: int) -> np.ndarray | None:
    """What the kernel is multiplied by, float32 0/1 that broadcasts to it; None for nothing."""
    return None

  def build(self, input_shape: Any) -> None:
    depth_in = tf.TensorShape(input_shape)[-1]
    if depth_in is None:
      raise ValueError(f"The depth of the input must be known. Received shape: {input_shape}")
    self._mask = self.mask(depth_in)
    self.kernel = self.add_weight(
      name="kernel",
      shape=[*self.kernel_size, depth_in, self.depth],
      initializer=self.kernel_initializer,
    )
    self.bias = None
    if self.use_bias:
      self.bias = self.add_weight(
        name="bias", shape=[self.depth], initializer=self.bias_initializer
      )
    super().build(input_shape)

  def masked_kernel(self) -> tf.Tensor:
    """The kernel as it is used."""
    kernel = tf.convert_to_tensor(self.kernel)
    return kernel if self._mask is None else kernel * tf.cast(self._mask, kernel.dtype)

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    kernel = self.masked_kernel()
    height, width = self.kernel_size
    if self._upper_half and height > 1 and self.strides == (1, 1) and self.padding == "SAME":
      # The same without the rows of the kernel that are all 0: a third of the time is saved.
      around = [[0, 0], [height // 2, 0], [width // 2, width // 2], [0, 0]]
      y = tf.nn.conv2d(tf.pad(inputs, around), kernel[: height // 2 + 1], 1, "VALID")
    else:
      y = conv2d(inputs, kernel, self.strides, self.padding)
    return self.activation(y if self.bias is None else tf.nn.bias_add(y, self.bias))


class _OrderedConv2D(PaddedConv2D):
  """What the orders share: `strict` hides the place, or the depth, that is being predicted."""

  def __init__(self, *args: Any, strict: bool = True, **kwargs: Any):
    super().__init__(*args, **kwargs)
    self.strict = bool(strict)

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "strict": self.strict}


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class RasterScanConv2D(_OrderedConv2D):
  """Sees the places before its own in raster scan order; without `strict` also its own.

      T T T T T
      T T T T T
      T T x F F      x: F, without `strict` T
      F F F F F
      F F F F F

  Arguments as those of PaddedConv2D; the sides of the kernel are odd.
  """

  _upper_half = True

  def mask(self, depth_in: int) -> np.ndarray:
    return masks.raster_scan(self.kernel_size, self.strict)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class DepthOrderConv2D(_OrderedConv2D):
  """Output depth n sees the input depths k < n, without `strict` k <= n, at all places.

  With `strict` the first output depth sees nothing: it is the activation of its bias.
  Arguments as those of PaddedConv2D.
  """

  def mask(self, depth_in: int) -> np.ndarray:
    return masks.depth_order(depth_in, self.depth, self.strict)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class GroupRasterScanConv2D(_OrderedConv2D):
  """Sees the places before its own, and of its own the earlier groups of input depths.

  Output group n sees at its own place the input groups k < n, without `strict` k <= n. With groups
  as large as the depths this is RasterScanConv2D; a 1x1 kernel with groups of 1 is
  DepthOrderConv2D. Arguments as those of PaddedConv2D; the sides of the kernel are odd.

  Args:
    strict: see above.
    group_in, group_out: how many depths of the input and of the output form a group.
  """

  _upper_half = True

  def __init__(self, *args: Any, group_in: int = 1, group_out: int = 1, **kwargs: Any):
    super().__init__(*args, **kwargs)
    self.group_in = int(group_in)
    self.group_out = int(group_out)

  def get_config(self) -> dict[str, Any]:
    groups = {"group_in": self.group_in, "group_out": self.group_out}
    return {**super().get_config(), **groups}

  def mask(self, depth_in: int) -> np.ndarray:
    return masks.group_raster_scan(
      self.kernel_size, depth_in, self.depth, self.group_in, self.group_out, self.strict
    )


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class InFillingConv2D(PaddedConv2D):
  """Sees everything around its own place, but not that.

      T T T
      T x T      x: F
      T T T

  Arguments as those of PaddedConv2D; the sides of the kernel are odd, and one is more than 1.
  """

  def mask(self, depth_in: int) -> np.ndarray:
    return masks.in_filling(self.kernel_size)
