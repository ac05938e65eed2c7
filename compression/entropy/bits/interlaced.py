"""The interlaced entropy coder's probability model: few steps to a layer, groups of depths.

Our own, beside the release's `progressive`. A layer is the code of one iteration, D bits at each
place.

* The places of a layer are coded in four passes whatever its size, each seeing all of the earlier
  ones, on all sides (`compression.layers.InterlacedConv2D`), as in a checkerboard (He et al., CVPR
  2021). The first layers, which have few or none before them to go by, are coded in raster order.
* The D bits of a place are coded in groups, each seeing the earlier ones through a masked network
  (MADE: Germain et al., ICML 2015): within a place, bits know most about each other.
* All earlier layers are seen as a state, which a simple recurrent network makes of them.

    codes x_k --> masked convolution --+
                                       +--> relu --> 1x1 relu --> h
    s_k --------> 3x3 -----------------+
    h, x_k --> masked 1x1 relu --> g                 (x_k: earlier groups)
    h, g, x_k --> masked 1x1 --> logits z_k          P(x = +1) = 1 / (1 + exp(-z))

    s_{k+1} = relu(3x3(x_k) + 1x1(s_k))              s_0 = 0

Later layers share their kernels, not their biases: their bits are nearly random, and a model with
kernels for each learns them by heart.

All is convolutions, sums and relu, so that the exact integer form
(`compression.entropy.bits.integer_interlaced`) needs no table but that of the probabilities.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import tensorflow as tf

from compression.entropy.bits.configs import InterlacedConfig
from compression.entropy.bits.probability_model import ProbabilityModel, split_layers
from compression.layers.interlaced_conv import InterlacedConv2D
from compression.layers.recurrent_cell import REGISTRATION
from compression.layers.release.masked_conv import (
  GroupRasterScanConv2D,
  PaddedConv2D,
  RasterScanConv2D,
)


class InterlacedOutput(NamedTuple):
  """What the model says about codes of T layers.

  logits: float32 [T, N, h, w, D], log(P(x = +1) / P(x = -1)).
  code_lengths: float32 [T], bits per bit; their mean is the loss.
  """

  logits: tf.Tensor
  code_lengths: tf.Tensor


class LayerBiases(tf.keras.layers.Layer):
  """What belongs to one layer alone: the biases before h [hidden], z [D] and s [state]."""

  def __init__(self, config: InterlacedConfig, **kwargs: Any):
    super().__init__(**kwargs)
    self.config = config

  def build(self, input_shape: Any = None) -> None:
    config = self.config
    self.hidden = self.add_weight(name="hidden", shape=[config.hidden], initializer="zeros")
    self.logits = self.add_weight(name="logits", shape=[config.layer_depth], initializer="zeros")
    self.state = self.add_weight(name="state", shape=[config.state], initializer="zeros")
    super().build(input_shape)


class LayerKernels(tf.keras.layers.Layer):
  """A set of kernels: the predictor of a layer, and its step of the state.

  Args:
    config: the architecture.
    raster: whether the layer is coded in raster order.
    has_state: False for the first layer, whose state is zero.

  Call arguments:
    codes: float [N, h, w, D] in {-1, +1}.
    layer_state: float [N, h, w, state], s_k; None for the first layer.
    biases: of the layer.

  Returns: (logits [N, h, w, D], s_{k+1}).
  """

  def __init__(self, config: InterlacedConfig, raster: bool, has_state: bool, **kwargs: Any):
    super().__init__(**kwargs)
    self.raster, self.has_state = raster, has_state
    depth, hidden, state = config.layer_depth, config.hidden, config.state
    bits, units = depth // config.groups, config.group_hidden // config.groups
    order = RasterScanConv2D if raster else InterlacedConv2D
    self.parts: dict[str, tf.keras.layers.Layer] = {
      "neighbours": order(hidden, config.context),
      "hidden": PaddedConv2D(hidden, 1, use_bias=True),
      "group_hidden": PaddedConv2D(config.group_hidden, 1, use_bias=True),
      "group_bits": _grouped(config.group_hidden, bits, units),
      "logits": PaddedConv2D(depth, 1),
      "logits_group": _grouped(depth, units, bits, strict=False),
      "logits_bits": _grouped(depth, bits, bits),
      "state_bits": PaddedConv2D(state, 3),
    }
    if has_state:
      self.parts["context"] = PaddedConv2D(hidden, 3)
      self.parts["state_state"] = PaddedConv2D(state, 1)
    self._depths_in = {
      "hidden": hidden,
      "group_hidden": hidden,
      "logits": hidden,
      "logits_group": config.group_hidden,
      "context": state,
      "state_state": state,
    }
    self._depth = depth  # of what the others see

  def build(self, input_shape: Any = None) -> None:
    for name, layer in self.parts.items():
      depth_in = self._depths_in.get(name, self._depth)
      layer.build(tf.TensorShape([None, None, None, depth_in]))
    super().build(input_shape)

  def call(
    self, codes: tf.Tensor, layer_state: tf.Tensor | None, biases: LayerBiases
  ) -> tuple[tf.Tensor, tf.Tensor]:
    part = self.parts
    neighbours, state = part["neighbours"](codes), part["state_bits"](codes)
    if self.has_state:
      neighbours += part["context"](layer_state)
      state += part["state_state"](layer_state)
    h = tf.nn.relu(part["hidden"](tf.nn.relu(neighbours + biases.hidden)))
    g = tf.nn.relu(part["group_hidden"](h) + part["group_bits"](codes))
    logits = part["logits"](h) + part["logits_group"](g) + part["logits_bits"](codes)
    return logits + biases.logits, tf.nn.relu(state + biases.state)


def _grouped(depth: int, group_in: int, group_out: int, strict: bool = True) -> PaddedConv2D:
  """A layer of a masked network: group n of the outputs sees the groups k < n, or k <= n."""
  return GroupRasterScanConv2D(depth, 1, strict=strict, group_in=group_in, group_out=group_out)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class Interlaced(ProbabilityModel):
  """The probability model for all layers; the module's docstring draws one.

  Args:
    config: the architecture.

  Call arguments:
    codes: float [N, h, w, T D] in {-1, +1}; layer k is the channels k D to (k + 1) D - 1. T is at
      most `layer_count`.

  Returns: InterlacedOutput.

  Raises:
    ConfigError: in the constructor.
    ValueError: if the codes have a depth that does not fit the configuration.
  """

  config_class = InterlacedConfig

  def __init__(self, config: InterlacedConfig, **kwargs: Any):
    super().__init__(config, **kwargs)
    self.kernels = [
      LayerKernels(config, raster=i < config.raster_layers, has_state=i > 0, name=f"kernels{i}")
      for i in range(config.sets)
    ]
    self.biases = [LayerBiases(config, name=f"biases{k}") for k in range(config.layer_count)]

  def build(self, input_shape: Any = None) -> None:
    """Makes all weights, also of layers that the first codes do not have."""
    layers: list[tf.keras.layers.Layer] = [*self.kernels, *self.biases]
    for layer in layers:
      if not layer.built:
        layer.build()
    self.built = True

  def call(self, codes: tf.Tensor, training: bool | None = None) -> InterlacedOutput:
    config, state = self.config, None
    logits, lengths = [], []
    layers = split_layers(codes, config.layer_depth, config.layer_count)
    for k, (layer_codes, biases) in enumerate(zip(layers, self.biases)):
      z, state = self.kernels[config.set_of(k)](layer_codes, state, biases)
      z = tf.cast(z, tf.float32)
      # -log2 P(x) = log2(1 + exp(-x z)), without rounding P to 0 or 1
      nats = tf.reduce_mean(tf.nn.softplus(-tf.cast(layer_codes, tf.float32) * z))
      logits.append(z)
      lengths.append(nats / math.log(2.0))
    return InterlacedOutput(tf.stack(logits), tf.stack(lengths))


def named_variables(model: Interlaced) -> dict[str, tf.Variable]:
  """Every variable of the model by its name in archives. Builds the model if need be.

  kernels{i}/neighbours, hidden, group_hidden, group_bits, logits, logits_group, logits_bits,
  state_bits, and but for the first context, state_state: each /kernel, some /bias
  biases{k}/hidden, logits, state
  """
  if not model.built:
    model.build()
  named = {}
  for kernels in model.kernels:
    for name, part in kernels.parts.items():
      named[f"{kernels.name}/{name}/kernel"] = part.kernel
      if part.bias is not None:
        named[f"{kernels.name}/{name}/bias"] = part.bias
  for biases in model.biases:
    for name in ("hidden", "logits", "state"):
      named[f"{biases.name}/{name}"] = getattr(biases, name)
  return named
