"""What the tests of the server share: a tiny SavedModel, and servers of it in this process."""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf

from compression.serving.models import Model, Models

LIMIT_BYTES = 20_000
"""The largest request to a server of the tests."""

HOST = "127.0.0.1"


class Example(tf.Module):
  """Signatures of many kinds. `version` comes out of one, to tell versions from each other."""

  SIGNATURES = ("scale", "twice_bytes", "split", "total", "version")

  def __init__(self, version: int = 1):
    super().__init__()

    default = tf.constant(2.0)

    def scale(x: tf.Tensor, factor: tf.Tensor = default) -> dict[str, tf.Tensor]:
      check = tf.debugging.Assert(factor > 0, ["factor must be positive. Received:", factor])
      with tf.control_dependencies([check]):
        return {"y": x * factor}

    self.scale = tf.function(
      scale,
      input_signature=[
        tf.TensorSpec([None, 2], tf.float32, "x"),
        tf.TensorSpec([], tf.float32, "factor"),
      ],
    )
    self.twice_bytes = tf.function(
      lambda data_bytes: {"twice_bytes": data_bytes + data_bytes},
      input_signature=[tf.TensorSpec([None], tf.string, "data_bytes")],
    )
    self.split = tf.function(
      lambda x: {"half": x // 2, "text": tf.strings.as_string(x)},
      input_signature=[tf.TensorSpec([None], tf.int32, "x")],
    )
    self.total = tf.function(
      lambda x: {"sum": tf.reduce_sum(x), "text": tf.strings.as_string(tf.reduce_sum(x))},
      input_signature=[tf.TensorSpec([None], tf.int32, "x")],
    )
    self.version = tf.function(
      lambda x: {"version": tf.fill(tf.shape(x), version)},
      input_signature=[tf.TensorSpec([None], tf.int32, "x")],
    )


def save(folder: pathlib.Path, version: int = 1) -> pathlib.Path:
  """Writes the example into `folder/VERSION`; `scale` is its default. Returns that folder."""
  example = Example(version)
  signatures = {name: getattr(example, name) for name in Example.SIGNATURES}
  target = folder / str(version)
  tf.saved_model.save(example, str(target), {**signatures, "serving_default": example.scale})
  return target


def load(folder: pathlib.Path) -> Models:
  """The example, version 7, as `example`."""
  return Models([Model("example", 7, save(folder, 7))])


X = np.array([[1, 2], [3, 4]], np.float32)
"""An input of `scale`."""
