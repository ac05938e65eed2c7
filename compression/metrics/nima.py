"""NIMA: how much people would like an image, without the original beside it.

H. Talebi and P. Milanfar, "NIMA: Neural Image Assessment" (IEEE TIP 2018, arXiv 1709.05424): a
network that learned the histograms of scores, 1 to 10, which photographers gave to the photos of
AVA. This is the smallest of the paper's, MobileNet with ten outputs, as titu1994's
neural-image-assessment trained it in Keras; its releases on GitHub have the weights
(mobilenet_weights.h5), which no package registry has: users bring the file.

What it says of compressed photos is the taste of photographers, not how near they are to the
original: a smooth photo can score higher than a faithful one.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np

from compression.common.errors import ImageError, ModelError

SCORES = 10
MIN_SIDE = 32
"""MobileNet's stride: below it, its last layer sees mostly what is around an image."""

_DROPOUT = 0.75  # where the weights were trained; nothing is dropped here


def nima(image: Any, weights: str | os.PathLike[str]) -> float | np.ndarray:
  """The mean score, 1 to 10; higher is better.

    NIMA = sum over s = 1..10 of s p_s, with p the network's softmax

  Images keep their size, as in the program that the weights are from.

  Args:
    image: uint8 [H, W, 3] or [N, H, W, 3], 0..255.
    weights: a file as Keras saves weights, .h5.

  Returns:
    For [H, W, 3] a float; for [N, H, W, 3] float64 [N], one for each image. Computed in float32.

  Raises:
    ImageError: if the array is no uint8 image, or a side is under MIN_SIDE.
    ModelError: if the file cannot be read, or is of another network.
  """
  image = np.asarray(image)
  if image.dtype != np.uint8 or image.ndim not in (3, 4) or image.shape[-1] != 3:
    raise ImageError(
      "NIMA takes uint8 images [height, width, 3] or [count, height, width, 3]. "
      f"Received: shape {image.shape}, dtype {image.dtype}"
    )
  if min(image.shape[-3:-1]) < MIN_SIDE:
    raise ImageError(f"NIMA takes sides of at least {MIN_SIDE}. Received: shape {image.shape}")
  network = load(os.fspath(weights))
  batch = image if image.ndim == 4 else image[None]
  scores = [
    float(network((one[None] / np.float32(127.5) - 1).astype(np.float32)).numpy()[0] @ _values())
    for one in batch
  ]
  return np.array(scores) if image.ndim == 4 else scores[0]


def build() -> Any:
  """The network: float32 [N, H, W, 3] in -1..1 -> probabilities of scores [N, 10]."""
  import tensorflow as tf  # here, so that other measures need not wait for it

  base = tf.keras.applications.MobileNet(
    input_shape=(None, None, 3), include_top=False, pooling="avg", weights=None
  )
  values = tf.keras.layers.Dropout(_DROPOUT)(base.output)
  values = tf.keras.layers.Dense(SCORES, activation="softmax")(values)
  return tf.keras.Model(base.input, values)


@functools.lru_cache(maxsize=1)
def load(file: str) -> Any:
  """`build` with the weights of a file; raises ModelError."""
  import h5py  # which TensorFlow brings

  if not os.path.isfile(file):
    raise ModelError(f"{file}: no such file")
  try:
    h5py.File(file, "r").close()  # before the network is built, which takes seconds
    network = build()
    network.load_weights(file)
  except Exception as error:  # of nearly any kind, where the file is damaged
    reason = " ".join(str(error).split())[:200]
    raise ModelError(f"{file}: are no Keras weights of NIMA with MobileNet: {reason}") from error
  return network


def _values() -> np.ndarray:
  return np.arange(1, SCORES + 1)
