"""The codec's iterations as loops in the graph, so that one graph serves any number of them.

The first iteration has no states, and leaves out what would multiply them, exactly as
`codecs.recurrent.runner` does: the loops compute the same numbers in the same order, for any number
of images at once. Sizes of images must be open in the signature, as they are there; where TensorFlow
knows them, it joins other operations, which round otherwise.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from compression.codecs.recurrent.halves import IMAGE_DEPTH
from compression.codecs.recurrent.network import DecoderState, RecurrentNetwork


def encode(model: RecurrentNetwork, images: tf.Tensor, iterations: tf.Tensor) -> tf.Tensor:
  """The bits of images.

  Args:
    images: uint8 [N, H, W, 3], H and W multiples of 16.
    iterations: int32 [], T, at least 1.

  Returns: bool [T, N, H/16, W/16, bits]; True is +1.
  """
  x = model.to_x(images)
  b, states = model.encode_step(x, None, None)
  bits = _array(tf.bool, iterations, b.shape).write(0, b > 0)
  state = _zero_state(model, b)

  def step(t: tf.Tensor, b: tf.Tensor, states: Any, state: DecoderState, bits: Any) -> Any:
    state = _decode(model, b, state, t == 1)
    b, states = model.encode_step(x, state.x_hat, states)
    return t + 1, b, states, state, bits.write(t, b > 0)

  loop = (tf.constant(1), b, states, state, bits)
  return _loop(iterations, step, loop)[-1].stack()


def decode(model: RecurrentNetwork, bits: tf.Tensor) -> tf.Tensor:
  """The images of all the bits: bool [T, N, h, w, bits] -> uint8 [N, 16 h, 16 w, 3]."""
  state = _zero_state(model, _signs(bits[0]))

  def step(t: tf.Tensor, state: DecoderState) -> Any:
    return t + 1, _decode(model, _signs(bits[t]), state, t == 0)

  _, state = _loop(tf.shape(bits)[0], step, (tf.constant(0), state))
  return model.to_pixels(state.x_hat)


def decode_all(model: RecurrentNetwork, bits: tf.Tensor) -> tf.Tensor:
  """The images after each iteration: bool [T, N, h, w, bits] -> uint8 [T, N, 16 h, 16 w, 3]."""
  count = tf.shape(bits)[0]
  state = _zero_state(model, _signs(bits[0]))
  images = _array(tf.uint8, count, state.x_hat.shape)

  def step(t: tf.Tensor, state: DecoderState, images: Any) -> Any:
    state = _decode(model, _signs(bits[t]), state, t == 0)
    return t + 1, state, images.write(t, model.to_pixels(state.x_hat))

  return _loop(count, step, (tf.constant(0), state, images))[-1].stack()


def _decode(
  model: RecurrentNetwork, b: tf.Tensor, state: DecoderState, first: tf.Tensor
) -> DecoderState:
  return tf.cond(first, lambda: model.decode_step(b, None), lambda: model.decode_step(b, state))


def _zero_state(model: RecurrentNetwork, b: tf.Tensor) -> DecoderState:
  """What stands in the place of a state before the first iteration; nobody reads its values."""
  states = model.decoder.initial_states(b)
  last = states[-1][0]  # of the last recurrent layer, which is at half the sides of the image
  shape = tf.shape(last)
  x_hat = tf.zeros([shape[0], 2 * shape[1], 2 * shape[2], IMAGE_DEPTH])
  return DecoderState(x_hat, states)


def _signs(bits: tf.Tensor) -> tf.Tensor:
  """bool -> float32 -1 or +1."""
  return tf.where(bits, 1.0, -1.0)


def _array(dtype: tf.DType, size: tf.Tensor, shape: tf.TensorShape) -> tf.TensorArray:
  return tf.TensorArray(dtype, size=size, element_shape=[None, None, None, shape[-1]])


def _loop(count: tf.Tensor, step: Any, start: tuple) -> tuple:
  """Runs `step` until the first of its variables, the iteration, is `count`."""
  shapes = [tf.TensorShape([])] + [
    tf.TensorShape(None)
    if isinstance(variable, tf.TensorArray)
    else tf.nest.map_structure(_open_shape, variable)
    for variable in start[1:]
  ]
  # Iterations depend on each other: running them side by side would only take memory.
  return tf.while_loop(
    lambda t, *_: t < count, step, start, shape_invariants=tuple(shapes), parallel_iterations=1
  )


def _open_shape(tensor: tf.Tensor) -> tf.TensorShape:
  return tf.TensorShape([None, None, None, tensor.shape[-1]])
