"""The loops of `codecs.recurrent.recurrence` in a graph, over a number of iterations that is open.

Their steps are the very functions that the codec runs, so that they compute the same numbers in the
same order, for any number of images at once. The first iteration stands before the loop, as its
functions are others.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from compression.codecs.recurrent.runner import Steps


def encode(steps: Steps, images: tf.Tensor, iterations: tf.Tensor) -> tf.Tensor:
  """The bits of images.

  Args:
    steps: of the networks.
    images: uint8 [N, H, W, 3], H and W multiples of 16.
    iterations: int32 [], T, at least 1.

  Returns: bool [T, N, H/16, W/16, bits]; True is +1.
  """
  x = steps.model.to_x(images)
  first, states = steps.encode(x, None, None)

  def step(t: tf.Tensor, states: Any, state: Any, bits: tf.TensorArray) -> tuple:
    b, states = steps.encode(x, state.x_hat, states)
    state = tf.cond(t < iterations - 1, lambda: steps.decode(b, state), lambda: state)
    return t + 1, states, state, bits.write(t, b > 0)

  def several() -> tf.Tensor:
    start = (states, steps.decode(first, None), _array(iterations, first > 0))
    return _loop(iterations, step, start)[-1].stack()

  return tf.cond(iterations > 1, several, lambda: (first > 0)[tf.newaxis])


def decode(steps: Steps, bits: tf.Tensor) -> tf.Tensor:
  """The images of all the bits: bool [T, N, h, w, bits] -> uint8 [N, 16 h, 16 w, 3]."""

  def step(t: tf.Tensor, state: Any) -> tuple:
    return t + 1, steps.decode(_signs(bits[t]), state)

  start = steps.decode(_signs(bits[0]), None)
  return steps.model.to_pixels(_loop(tf.shape(bits)[0], step, (start,))[-1].x_hat)


def decode_all(steps: Steps, bits: tf.Tensor) -> tf.Tensor:
  """The images after each iteration: bool [T, N, h, w, bits] -> uint8 [T, N, 16 h, 16 w, 3]."""

  def step(t: tf.Tensor, state: Any, images: tf.TensorArray) -> tuple:
    state = steps.decode(_signs(bits[t]), state)
    return t + 1, state, images.write(t, steps.model.to_pixels(state.x_hat))

  count, state = tf.shape(bits)[0], steps.decode(_signs(bits[0]), None)
  start = (state, _array(count, steps.model.to_pixels(state.x_hat)))
  return _loop(count, step, start)[-1].stack()


def _signs(bits: tf.Tensor) -> tf.Tensor:
  """bool -> float32 -1 or +1."""
  return tf.where(bits, 1.0, -1.0)


def _array(size: tf.Tensor, first: tf.Tensor) -> tf.TensorArray:
  """An array of so many tensors like the first one, which it holds."""
  return tf.TensorArray(first.dtype, size=size, element_shape=first.shape).write(0, first)


def _loop(count: tf.Tensor, step: Any, start: tuple) -> tuple:
  """Runs `step` on the iteration, from 1 to `count`, and on what it gave for the one before."""
  # Iterations depend on each other: running them side by side would only take memory.
  return tf.while_loop(
    lambda t, *_: t < count, step, (tf.constant(1), *start), parallel_iterations=1
  )
