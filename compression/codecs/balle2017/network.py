"""The transforms g_a and g_s of Ballé, Laparra, Simoncelli (2017) in Keras, and the prior.

analysis   kernel  down         synthesis   kernel  up
conv1      9x9     4     N      conv1       5x5     2     N
gdn1                     N      igdn1                     N
conv2      5x5     2     N      conv2       5x5     2     N
gdn2                     N      igdn2                     N
conv3      5x5     2     N      conv3       9x9     4     3
without bias
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from compression.entropy.latents import tables
from compression.entropy.latents.factorized import FactorizedPrior
from compression.layers.gdn import GDN
from compression.layers.recurrent_cell import REGISTRATION
from compression.layers.stacks import Coded, named_variables, own_name

DOWN = 16
"""Pixels along a side of what a place of the latent stands for."""

_COLOURS = 3


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class Balle2017Network(tf.keras.Model):
  """Both transforms and the prior.

  Args:
    channels: N of the paper, of all layers and of the latent.

  Call arguments:
    inputs: x, float32 [n, H, W, 3] in 0..1; H and W multiples of 16.
    noise: float32 [n, H/16, W/16, N] in [-1/2, 1/2): what takes the place of rounding in training.

  Returns: Coded.
  """

  def __init__(self, channels: int = 64, **kwargs: Any):
    super().__init__(**kwargs)
    self.channels = int(channels)
    policy = self.dtype_policy
    conv, up = tf.keras.layers.Conv2D, tf.keras.layers.Conv2DTranspose
    with_same: dict[str, Any] = {"padding": "same", "dtype": policy}
    n = self.channels
    gray = tf.keras.initializers.Constant(0.5)
    self.analysis = tf.keras.Sequential(
      [
        conv(n, 9, 4, name="conv1", **with_same),
        GDN(name="gdn1", dtype=policy),
        conv(n, 5, 2, name="conv2", **with_same),
        GDN(name="gdn2", dtype=policy),
        conv(n, 5, 2, use_bias=False, name="conv3", **with_same),
      ],
      name="analysis",
    )
    self.synthesis = tf.keras.Sequential(
      [
        up(n, 5, 2, name="conv1", **with_same),
        GDN(inverse=True, name="igdn1", dtype=policy),
        up(n, 5, 2, name="conv2", **with_same),
        GDN(inverse=True, name="igdn2", dtype=policy),
        up(_COLOURS, 9, 4, bias_initializer=gray, name="conv3", **with_same),
      ],
      name="synthesis",
    )
    self.prior = FactorizedPrior(name="prior")

  def build(self, input_shape: Any = None) -> None:
    del input_shape
    self.analysis.build([None, None, None, _COLOURS])
    self.synthesis.build([None, None, None, self.channels])
    self.prior.build([None, None, None, self.channels])
    self.built = True

  def call(self, inputs: tf.Tensor, noise: tf.Tensor) -> Coded:
    y_tilde = self.g_a(inputs) + noise
    return Coded(self.g_s(y_tilde), self.prior(y_tilde))

  def rounded(self, x: tf.Tensor) -> Coded:
    """As `call`, but rounded: to whole numbers, while files round around the prior's medians."""
    y_hat = tf.round(self.g_a(x))
    return Coded(self.g_s(y_hat), self.prior(y_hat))

  def noise_shape(self, shape: tf.Tensor) -> list[tf.Tensor | int]:
    """The shape of the noise for images [n, H, W, 3] of a shape."""
    return [shape[0], shape[1] // DOWN, shape[2] // DOWN, self.channels]

  def g_a(self, x: tf.Tensor) -> tf.Tensor:
    """float32 [n, H, W, 3] in 0..1 -> y, float32 [n, H/16, W/16, N]."""
    return tf.cast(self.analysis(x), tf.float32)

  def g_s(self, y_hat: tf.Tensor) -> tf.Tensor:
    """y^ -> x^, float32."""
    return tf.cast(self.synthesis(y_hat), tf.float32)

  def named_variables(self) -> dict[str, tf.Variable]:
    """By their names in archives: "analysis/conv1/kernel", ..., "training/prior/matrix1", ...

    What the prior learned is not needed once its integers are made, but to go on training.
    """
    named = named_variables([self.analysis, self.synthesis])
    for variable in self.prior.weights:
      named[f"training/prior/{own_name(variable)}"] = variable
    return named

  def to_archive(self, tiles: np.ndarray) -> dict[str, np.ndarray]:
    """What a model keeps: the weights, and the integers of the prior. Needs no tiles."""
    del tiles
    arrays = {name: variable.numpy() for name, variable in self.named_variables().items()}
    return {**arrays, **tables.of_training(arrays)}

  def from_archive(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights among what a model keeps, to go on training from."""
    return tables.without(arrays)
