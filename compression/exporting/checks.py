"""What an exported graph refuses: every refusal is an InvalidArgument that says what came.

A graph has no exceptions of its own. Whatever depends on a check takes its input through `after`,
as TensorFlow may else run it first and fail with a message of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from compression.codecs.recurrent.codec import MAX_MEMORY_BYTES
from compression.codecs.recurrent.config import BLOCK, RecurrentConfig
from compression.codecs.recurrent.tiling import memory_bytes

_SHOWN = 8
"""How many numbers of a tensor a message shows at most."""


def require(condition: tf.Tensor, message: str, *received: Any) -> tf.Operation:
  """An operation that fails unless `condition`, a bool [], holds; `received` ends the message."""
  data = [f"{message}. Received:", *received] if received else [message]
  return tf.debugging.Assert(condition, data, summarize=_SHOWN)


def after(checks: Sequence[tf.Operation], tensor: tf.Tensor) -> tf.Tensor:
  """The same tensor, which exists only if the checks passed."""
  with tf.control_dependencies(checks):
    return tf.identity(tensor)


def require_layout(name: str, tensor: tf.Tensor, layout: str, depth: int) -> tf.Tensor:
  """The tensor [..., depth], if it has that depth and is not empty.

  A server does not compare requests with signatures, and TensorFlow replaces tests of a dimension
  that a signature fixes by their result there. The number of elements it cannot know.
  """
  shape = tf.shape(tensor, tf.int64)
  elements = tf.size(tensor, tf.int64)
  leading = tf.reduce_prod(shape[: len(tensor.shape) - 1])
  right = tf.logical_and(
    tf.equal(elements, leading * depth), tf.equal(tf.size(shape), len(tensor.shape))
  )
  checks = [
    require(right, f"{name} must be {layout} with a depth of {depth}", shape),
    require(elements > 0, f"{name} must not be empty", shape),
  ]
  return tf.ensure_shape(after(checks, tensor), tensor.shape)


def require_iterations(iterations: tf.Tensor, config: RecurrentConfig) -> tf.Tensor:
  """int32 [], if it is 1 to the model's."""
  right = tf.logical_and(iterations >= 1, iterations <= config.iterations)
  check = require(right, f"iterations must be 1 to {config.iterations}", iterations)
  return after([check], iterations)


def require_memory(
  images: tf.Tensor | int, height: tf.Tensor, width: tf.Tensor, config: RecurrentConfig
) -> tf.Operation:
  """Fails where so many images of that size would take more than MAX_MEMORY_BYTES at once.

  Graphs run images whole, without the tiles of the Python API: a request could else stop a server.
  """
  pixels = tf.cast(images, tf.int64)
  for side in (height, width):
    pixels *= tf.cast(side + (-side) % BLOCK, tf.int64)
  limit = int(MAX_MEMORY_BYTES / memory_bytes(2**20, config.width) * 2**20)
  return require(pixels <= limit, f"more than {limit} pixels are too many to run at once", pixels)
