"""The initializers of the 2017 release's entropy coder, as Keras initializers.

They differ from Keras' own in that the dimensions that count as fan-in are named, and that the
standard deviation is that of the normal distribution before it is truncated (VarianceScaling makes
up for the truncation, which takes 12 % away).

Each call without a seed draws anew; with a seed, each call of the same shape draws the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from compression.layers.recurrent_cell import REGISTRATION

CONVOLUTION = (0, 1, 2)
"""The dimensions of a kernel [height, width, in, out] whose product is its fan-in."""


class _FanInInitializer(tf.keras.initializers.Initializer):
  """A normal distribution around 0 with variance `scale` / fan-in.

  Fan-in is the product of the dimensions `dims` of the shape.

  Raises:
    ValueError: when called, if a shape does not have these dimensions.
  """

  def __init__(self, dims: int | Sequence[int], scale: float, seed: int | None):
    self.dims = (dims,) if isinstance(dims, int) else tuple(dims)
    self.scale = float(scale)
    self.seed = seed

  def stddev(self, shape: Sequence[int]) -> float:
    """sqrt(scale / fan-in)."""
    shape = tuple(shape)
    if not all(-len(shape) <= dim < len(shape) for dim in self.dims):
      raise ValueError(f"the shape must have the dimensions {self.dims}. Received: {shape}")
    return math.sqrt(self.scale / max(1, math.prod(int(shape[dim]) for dim in self.dims)))

  def get_config(self) -> dict[str, Any]:
    return {"dims": list(self.dims), "seed": self.seed}


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class RsqrtInitializer(_FanInInitializer):
  """Truncated normal with standard deviation 1 / sqrt(fan-in).

  The default of the release. Values beyond two standard deviations are drawn again.

  Args:
    dims: the dimensions whose product is the fan-in: (0,) for a matrix [in, out], CONVOLUTION for
      a kernel.
    seed: seed of the draws.
  """

  def __init__(self, dims: int | Sequence[int] = (0,), seed: int | None = None):
    super().__init__(dims, 1.0, seed)

  def __call__(self, shape: Sequence[int], dtype: Any = None, **kwargs: Any) -> tf.Tensor:
    normal = tf.keras.initializers.TruncatedNormal(0.0, self.stddev(shape), self.seed)
    return normal(shape, dtype, **kwargs)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class RectifierInitializer(_FanInInitializer):
  """Normal with standard deviation sqrt(scale / fan-in), not truncated.

  He et al., *Delving Deep into Rectifiers* (ICCV 2015), for layers with ReLU: scale = 2. (Keras'
  HeNormal truncates.)

  Args:
    dims, seed: as those of RsqrtInitializer.
    scale: 2 makes up for the half that ReLU sets to zero.
  """

  def __init__(self, dims: int | Sequence[int] = (0,), scale: float = 2.0, seed: int | None = None):
    super().__init__(dims, scale, seed)

  def __call__(self, shape: Sequence[int], dtype: Any = None, **kwargs: Any) -> tf.Tensor:
    normal = tf.keras.initializers.RandomNormal(0.0, self.stddev(shape), self.seed)
    return normal(shape, dtype, **kwargs)

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "scale": self.scale}


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class GaussianInitializer(tf.keras.initializers.Initializer):
  """Truncated normal with a given standard deviation, whatever the shape.

  Values beyond two standard deviations are drawn again.
  """

  def __init__(self, stddev: float = 1.0, seed: int | None = None):
    self.stddev = float(stddev)
    self.seed = seed

  def __call__(self, shape: Sequence[int], dtype: Any = None, **kwargs: Any) -> tf.Tensor:
    normal = tf.keras.initializers.TruncatedNormal(0.0, self.stddev, self.seed)
    return normal(shape, dtype, **kwargs)

  def get_config(self) -> dict[str, Any]:
    return {"stddev": self.stddev, "seed": self.seed}
