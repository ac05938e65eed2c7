"""The loops of a graph give what those in Python give, for any number of iterations and images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent import recurrence
from compression.codecs.recurrent.network import DecoderState
from compression.exporting import loops

DEPTH = 3

IMAGES = tf.TensorSpec([None, None, None, DEPTH], tf.uint8)
COUNT = tf.TensorSpec([], tf.int32)
BITS = tf.TensorSpec([None, None, None, None, DEPTH], tf.bool)


class Halving:
  """Steps in place of networks: a bit a pixel, each worth half of the one before it.

  Numbers have few enough bits that nothing is rounded. E's state is what it has seen so far, D's
  what the next bit is worth.
  """

  model: Any

  def __init__(self) -> None:
    self.model = self

  def to_x(self, images: tf.Tensor) -> tf.Tensor:
    return tf.cast(images, tf.float32) - 127.5

  def to_pixels(self, x: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.round(x + 127.5), 0, 255), tf.uint8)

  def encode(self, x: tf.Tensor, x_hat: tf.Tensor | None, states: Any) -> tuple[tf.Tensor, Any]:
    r = x if x_hat is None else x - x_hat
    seen = r if states is None else states[0] / 2 + r
    return tf.where(seen >= 0, 1.0, -1.0), (seen,)

  def decode(self, b: tf.Tensor, state: DecoderState | None) -> DecoderState:
    if state is None:
      return DecoderState(64 * b, (32 * tf.ones_like(b),))
    return DecoderState(state.x_hat + state.states[0] * b, (state.states[0] / 2,))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
  return np.random.default_rng(1).integers(0, 256, [2, 4, 5, DEPTH], np.uint8)


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_they_give_what_the_loops_in_python_give(images: np.ndarray, count: int) -> None:
  steps: Any = Halving()
  every = list(recurrence.run(steps.encode, steps.decode, steps.to_x(images), count))
  expected_bits = np.stack([b > 0 for b, _ in every])
  expected_images = np.stack([steps.to_pixels(state.x_hat) for _, state in every])
  assert len(np.unique(expected_images)) > 2 ** (count - 1)  # the steps say something

  bits = tf.function(lambda *args: loops.encode(steps, *args), [IMAGES, COUNT])(images, count)
  np.testing.assert_array_equal(bits, expected_bits)
  decode_all = tf.function(lambda bits: loops.decode_all(steps, bits), [BITS])
  np.testing.assert_array_equal(decode_all(bits), expected_images)
  decode = tf.function(lambda bits: loops.decode(steps, bits), [BITS])
  np.testing.assert_array_equal(decode(bits), expected_images[-1])


def test_the_last_code_is_not_decoded_by_the_encoder(images: np.ndarray) -> None:
  ran = []

  class Counting(Halving):
    def decode(self, b: tf.Tensor, state: DecoderState | None) -> DecoderState:
      tf.py_function(lambda: ran.append(1), [], [])
      return super().decode(b, state)

  steps: Any = Counting()
  encode = tf.function(lambda *args: loops.encode(steps, *args), [IMAGES, COUNT])
  for count in (1, 2, 5):
    ran.clear()
    encode(images, count)
    assert len(ran) == count - 1
