"""What a graph refuses, it refuses by name."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent.codec import MAX_MEMORY_BYTES
from compression.codecs.recurrent.config import RecurrentConfig
from compression.codecs.recurrent.tiling import memory_bytes
from compression.exporting import checks

CONFIG = RecurrentConfig(iterations=5)


def _layout(tensor):
  return checks.require_layout("image", tensor, "uint8 [H, W, 3]", 3)


def _iterations(count):
  return checks.require_iterations(count, CONFIG)


def _memory(count, height, width):
  with tf.control_dependencies([checks.require_memory(count, height, width, CONFIG)]):
    return tf.constant(True)


def _saved_and_loaded(function, folder):
  """The function as a program sees it that does not have the signature of this one."""
  module = tf.Module()
  module.function = tf.function(function, [tf.TensorSpec([None, None, 3], tf.uint8)])
  tf.saved_model.save(module, str(folder), {"serving_default": module.function})
  return tf.saved_model.load(str(folder)).signatures["serving_default"]


def test_the_depth_is_checked_although_the_signature_fixes_it(tmp_path):
  loaded = _saved_and_loaded(_layout, tmp_path / "model")
  assert loaded(tensor=tf.zeros([2, 5, 3], tf.uint8))["output_0"].shape == [2, 5, 3]
  for shape in ([2, 5, 4], [2, 3, 6], [5, 3], [1, 2, 5, 3]):
    message = rf"image must be uint8 \[H, W, 3\] with a depth of 3. Received:\] \[{shape[0]} "
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
      loaded(tensor=tf.zeros(shape, tf.uint8))
  for shape in ([0, 5, 3], [2, 0, 3]):
    with pytest.raises(tf.errors.InvalidArgumentError, match="image must not be empty"):
      loaded(tensor=tf.zeros(shape, tf.uint8))


def test_iterations_are_those_of_the_model():
  graph = tf.function(_iterations)
  for count in (1, 5):
    assert graph(tf.constant(count)) == count
  for count in (-1, 0, 6):
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"must be 1 to 5.*\[{count}\]"):
      graph(tf.constant(count))


def test_memory_is_limited_as_in_the_codec_and_counts_the_whole_batch():
  limit = MAX_MEMORY_BYTES / memory_bytes(1000, CONFIG.width) * 1000
  side = int(np.sqrt(limit)) // 16 * 16
  graph = tf.function(_memory)
  assert graph(tf.constant(1), tf.constant(side), tf.constant(side - 1))
  for count, height, width in ((1, side + 160, side), (2, side, side), (70000, 65535, 65535)):
    with pytest.raises(tf.errors.InvalidArgumentError, match="pixels are too many to run at once"):
      graph(tf.constant(count), tf.constant(height), tf.constant(width))
