"""First weights of `hu2020`: principal components, of photos and of what is rectified of latents.

The transforms begin as those of `principal.py`; the last layers of the synthesis pass on what it
makes. The hyper analyses begin with how large latents are around a place, for that says most about
those that are not known:

    conv1    y_i and -y_i, of the first channels, in units of their spread
    conv2    max(y_i, 0) and max(-y_i, 0), at each of the four places
    conv3    their means over the places and both signs: |y_i|; and themselves
    conv4    principal components of all that

and the predictions with what each channel has on average: mu 0, its spread, whatever h says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from compression.codecs.hu2020.network import GAIN, Hu2020Network, even
from compression.training.tasks.rate_distortion import principal
from compression.training.tasks.rate_distortion.principal import OF_LOGISTIC, PEAK, Stage

_GAINS = (0.5, 0.7, 0.7)
"""The gains of the first three convolutions, at which GDN changes little."""

_HYPER_SPREAD = 3.0
"""The spread of the first component of z2 and of z1: some bits; later components have less."""

_LEAST_SPREAD = 0.2
_RANDOM = 0.1
_PASSED_ON = 0.5
_PLACES = 4


def start(network: Hu2020Network, tiles: np.ndarray, lmbda: float) -> None:
  """Sets the first weights; arguments as those of `principal.start`."""
  analysis, synthesis, output = (
    _layers(stack) for stack in (network.analysis, network.synthesis, network.output_layers)
  )
  values = tf.constant(tiles, tf.float32) / PEAK
  mean = tf.reduce_mean(values, [0, 1, 2]).numpy()
  inverses = (output["conv4"], synthesis["conv3"], synthesis["conv2"])
  stages = [
    Stage(analysis[f"conv{number}"], inverse, gain, analysis[f"gdn{number}"])
    for number, (inverse, gain) in enumerate(zip(inverses, _GAINS), 1)
  ]
  last = 1 / (principal.first_step(lmbda) * math.prod(_GAINS) * GAIN)
  stages.append(Stage(analysis["conv4"], synthesis["conv1"], last))
  seen = principal.set_stages(stages, values)
  _pass_on(output, mean)
  z2 = _set_hyper_analysis(network.hyper_analysis2, seen)
  z1 = _set_hyper_analysis(network.hyper_analysis1, z2)
  _set_prediction(network.prediction3, seen * GAIN)
  _set_prediction(network.prediction2, z2)
  network.prior.set_scales(_spread(z1) / OF_LOGISTIC)


def _pass_on(output: Mapping[str, Any], mean: np.ndarray) -> None:
  """Lets the colours that conv4 makes be those of the image; the others come in as they learn."""
  colours = len(mean)
  output["conv3"].kernel.assign(tf.zeros_like(output["conv3"].kernel))
  output["conv4"].bias.assign(np.pad(mean, (0, output["conv4"].filters - colours)))
  for name in ("conv5", "conv6"):
    kernel = _RANDOM * output[name].kernel.numpy()
    kernel[..., :colours] = 0
    middle = kernel.shape[0] // 2
    kernel[middle, middle, :colours, :colours] = np.eye(colours)
    output[name].kernel.assign(kernel)


def _set_hyper_analysis(stack: tf.keras.Sequential, y: tf.Tensor) -> tf.Tensor:
  """Sets one, for latents [N, h, w, C] like these; returns what it gives."""
  layers, y = _layers(stack), even(y)
  kernel = _RANDOM * layers["conv1"].kernel.numpy() / _spread(y)[:, None]
  half = min(layers["conv1"].filters // 2, y.shape[-1])
  at = np.arange(half)
  kernel[1, 1, at, at] += 1 / _spread(y)[:half]
  kernel[1, 1, at, layers["conv1"].filters // 2 + at] -= 1 / _spread(y)[:half]
  layers["conv1"].kernel.assign(kernel)
  between, wide = layers["conv2"].filters, layers["conv1"].filters
  count = between // (2 * _PLACES)
  kernels = [_RANDOM * layers[name].kernel.numpy()[0, 0] for name in ("conv2", "conv3")]
  for unit in range(2 * _PLACES * count):
    place, sign, channel = np.unravel_index(unit, (_PLACES, 2, count))
    kernels[0][place * wide + sign * (wide // 2) + channel, unit] += 1
    kernels[1][unit, channel] += 1 / (2 * _PLACES)
  rest = np.arange(count, between)
  kernels[1][rest, rest] += _PASSED_ON
  for name, values in zip(("conv2", "conv3"), kernels):
    layers[name].kernel.assign(values[None, None])
  features = tf.keras.Sequential(stack.layers[:-1])(y)
  components, middle = principal.components(features.numpy(), 1)
  chosen = components[: layers["conv4"].filters]
  spread = ((features.numpy() - middle) @ chosen[0]).std()
  chosen = chosen * (_HYPER_SPREAD / max(spread, np.finfo(np.float32).tiny))
  layers["conv4"].kernel.assign(chosen.T[None, None])
  layers["conv4"].bias.assign(-chosen @ middle)
  return layers["conv4"](features)


def _set_prediction(stack: tf.keras.Sequential, latent: tf.Tensor) -> None:
  scales = np.log2(_spread(latent))
  stack.layers[-1].bias.assign(np.concatenate([np.zeros_like(scales), scales]))


def _spread(values: tf.Tensor) -> np.ndarray:
  """The standard deviation of each channel."""
  return np.maximum(values.numpy().std((0, 1, 2)), _LEAST_SPREAD)


def _layers(stack: tf.keras.Sequential) -> dict[str, Any]:
  return {layer.name: layer for layer in stack.layers}
