"""The progressive entropy coder's probability model, of the 2017 release: a BRNN per layer.

Toderici et al. (CVPR 2017), section 3.3, and the release's `progressive`. A layer is the code of
one iteration, D bits at each place. For every bit x in {-1, +1} of layer k the model predicts
p = E[x], that is P(x = +1) = (p + 1) / 2, from all earlier layers, and from the places of its own
layer that come before its own in raster scan order; the D bits of a place are predicted together.

    codes x_k --> 7x7, strictly masked --+
                                         +--> line LSTM --> 1x1 --> 1x1 --> p_k
    s_k --------> 3x3 -------------------+    (down the rows)

    codes x_k --> 3x3 --> 3x3 --> LSTM --> 1x1 --> 1x1 --> s_{k+1}        s_0 = 0
                                  (over the layers, shared by them)

All are followed by tanh, and but for the last to D deep, 2 D deep. No probability is written to a
file from here: float arithmetic differs from machine to machine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from compression.entropy.bits.configs import ProgressiveConfig
from compression.entropy.bits.probability_model import ProbabilityModel, split_layers
from compression.layers.recurrent_cell import REGISTRATION
from compression.layers.release.code_length import CodeLength, sign_to_zero_one
from compression.layers.release.conv2d_lstm import Conv2DLSTM, RasterScanConv2DLSTM
from compression.layers.release.masked_conv import PaddedConv2D, RasterScanConv2D
from compression.layers.release.operators import CompositionOperator, LineOperator

CLIP = 0.999
"""Predictions are cut off at +-CLIP, so that no bit takes more than log2(2 / 0.001) = 10.97."""

CONTEXT = 7
"""Side of the masked kernel: a prediction sees three rows up, three columns left and right."""


class ProgressiveOutput(NamedTuple):
  """What the model says about codes of T layers.

  predictions: float32 [T, N, h, w, D], E[x] cut off at +-CLIP.
  layer_states: [T, N, h, w, D] in (-1, 1), s_1 to s_T: the state after each layer.
  code_lengths: float32 [T], bits per bit; their mean is the loss.
  """

  predictions: tf.Tensor
  layer_states: tf.Tensor
  code_lengths: tf.Tensor


def _conv(layer: type, depth: int, size: int, name: str, **arguments: Any) -> PaddedConv2D:
  return layer(depth, size, use_bias=True, activation="tanh", name=name, **arguments)


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class BRNNPredictor(tf.keras.layers.Layer):
  """Predicts one layer's bits from the bits before them and from the state of the layers before.

  Args:
    depth: D, bits at each place.

  Call arguments:
    codes: float [N, h, w, D] in {-1, +1}.
    layer_state: float [N, h, w, D], or None for zeros, which costs less.

  Returns: float [N, h, w, D], E[x] in [-1, 1], not cut off.
  """

  def __init__(self, depth: int, **kwargs: Any):
    super().__init__(**kwargs)
    self.depth = int(depth)
    hidden = 2 * self.depth
    self.adaptation0 = _conv(RasterScanConv2D, hidden, CONTEXT, "adaptation0", strict=True)
    self.adaptation1 = _conv(PaddedConv2D, hidden, 3, "adaptation1")
    self.line_lstm = LineOperator(RasterScanConv2DLSTM(hidden, (1, 3), (1, 3)), name="line_lstm")
    self.conv1 = _conv(PaddedConv2D, hidden, 1, "conv1")
    self.conv2 = _conv(PaddedConv2D, self.depth, 1, "conv2")

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "depth": self.depth}

  def build(self, input_shape: Any) -> None:
    for layer, depth in (
      (self.adaptation0, self.depth),
      (self.adaptation1, self.depth),
      (self.line_lstm, 4 * self.depth),
      (self.conv1, 2 * self.depth),
      (self.conv2, 2 * self.depth),
    ):
      layer.build(tf.TensorShape([None, None, None, depth]))
    super().build(input_shape)

  def call(self, codes: tf.Tensor, layer_state: tf.Tensor | None = None) -> tf.Tensor:
    before = self.adaptation0(codes)
    if layer_state is None:
      bias = tf.cast(self.adaptation1.bias, before.dtype)
      earlier = tf.broadcast_to(self.adaptation1.activation(bias), tf.shape(before))
    else:
      earlier = self.adaptation1(layer_state)
    h = self.line_lstm(tf.concat([before, earlier], axis=-1))
    return self.conv2(self.conv1(h))


@tf.keras.utils.register_keras_serializable(package=REGISTRATION)
class Progressive(ProbabilityModel):
  """The probability model for all layers; the module's docstring draws one.

  Under Keras' global policy mixed_bfloat16 the networks compute in bfloat16; predictions and code
  lengths are float32.

  Args:
    config: the architecture.

  Call arguments:
    codes: float [N, h, w, T D] in {-1, +1}; layer k is the channels k D to (k + 1) D - 1. T is at
      most `layer_count`.

  Returns: ProgressiveOutput, with T cut to `coded_layer_count`, if that is not 0.

  Raises:
    ConfigError: in the constructor.
    ValueError: if the codes have a depth that does not fit the configuration.
  """

  config_class = ProgressiveConfig

  def __init__(self, config: ProgressiveConfig, **kwargs: Any):
    super().__init__(config, **kwargs)
    depth, layers = config.layer_depth, range(config.layer_count)
    self.predictors = [BRNNPredictor(depth, name=f"predictor{k}") for k in layers]
    self.state_blocks = [
      CompositionOperator(
        [_conv(PaddedConv2D, 2 * depth, 3, "conv1"), _conv(PaddedConv2D, depth, 3, "conv2")],
        name=f"state{k}",
      )
      for k in layers
    ]
    self.layer_rnn = CompositionOperator(
      [
        Conv2DLSTM(2 * depth, kernel_size=1, hidden_kernel_size=1, name="layer_lstm"),
        _conv(PaddedConv2D, 2 * depth, 1, "conv1"),
        _conv(PaddedConv2D, depth, 1, "conv2"),
      ],
      name="layer_rnn",
    )
    self.code_length = CodeLength(name="code_length")

  def build(self, input_shape: Any = None) -> None:
    """Makes all weights, also of layers that the first codes do not have."""
    codes = tf.TensorShape([None, None, None, self.config.layer_depth])
    for predictor in self.predictors:
      if not predictor.built:
        predictor.build(codes)
    for operator in (*self.state_blocks, self.layer_rnn):
      shape = codes
      for block in operator.blocks:
        if not block.built:
          block.build(shape)
        shape = tf.TensorShape([None, None, None, block.depth])
      operator.built = True
    self.built = True

  def next_layer_state(self, layer: int, codes: tf.Tensor, rnn_state: Any) -> tuple[tf.Tensor, Any]:
    """(s_{k+1}, new state of the LSTM over the layers) after the codes of layer k.

    Args:
      layer: k, from 0.
      codes: float [N, h, w, D] of that layer.
      rnn_state: None before the first layer.
    """
    return self.layer_rnn(self.state_blocks[layer](codes), rnn_state)

  def call(self, codes: tf.Tensor, training: bool | None = None) -> ProgressiveOutput:
    predictions, layer_states, code_lengths = [], [], []
    layer_state, rnn_state = None, None
    config = self.config
    layers = split_layers(codes, config.layer_depth, config.layer_count, config.coded_layer_count)
    for k, layer_codes in enumerate(layers):
      prediction = tf.cast(self.predictors[k](layer_codes, layer_state), tf.float32)
      prediction = tf.clip_by_value(prediction, -CLIP, CLIP)
      layer_state, rnn_state = self.next_layer_state(k, layer_codes, rnn_state)
      length = self.code_length(sign_to_zero_one(layer_codes), sign_to_zero_one(prediction))
      predictions.append(prediction)
      layer_states.append(layer_state)
      code_lengths.append(length)
    return ProgressiveOutput(tf.stack(predictions), tf.stack(layer_states), tf.stack(code_lengths))


def named_variables(model: Progressive) -> dict[str, tf.Variable]:
  """Every variable of the model by its name in archives. Builds the model if need be.

  predictor{k}/adaptation0, adaptation1, conv1, conv2    /kernel, /bias
  predictor{k}/line_lstm                                 /input_kernel, /hidden_kernel, /bias
  state{k}/conv1, conv2                                  /kernel, /bias
  layer_lstm                                             /input_kernel, /hidden_kernel, /bias
  layer_rnn/conv1, conv2                                 /kernel, /bias
  """
  if not model.built:
    model.build()
  lstm, *convolutions = model.layer_rnn.blocks
  layers: dict[str, tf.keras.layers.Layer] = {"layer_lstm": lstm}
  layers.update({f"layer_rnn/{layer.name}": layer for layer in convolutions})
  for k, (predictor, state_block) in enumerate(zip(model.predictors, model.state_blocks)):
    for name in ("adaptation0", "adaptation1", "conv1", "conv2"):
      layers[f"predictor{k}/{name}"] = getattr(predictor, name)
    layers[f"predictor{k}/line_lstm"] = predictor.line_lstm.block
    layers.update({f"state{k}/{layer.name}": layer for layer in state_block.blocks})
  return {
    f"{name}/{kind}": getattr(layer, kind)
    for name, layer in layers.items()
    for kind in ("kernel", "input_kernel", "hidden_kernel", "bias")
    if hasattr(layer, kind)
  }
