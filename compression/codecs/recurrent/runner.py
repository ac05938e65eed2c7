"""Runs a codec on images: its steps, traced once, driven iteration by iteration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent import recurrence
from compression.codecs.recurrent.halves import IMAGE_DEPTH, States
from compression.codecs.recurrent.network import DecoderState, RecurrentNetwork


class EncodedLayer(NamedTuple):
  """One iteration of encoding.

  Attributes:
    bits: bool [h, w, bits], the code (True is +1).
    state: what the decoder will hold after this layer, or None if it was not asked for.
  """

  bits: np.ndarray
  state: DecoderState | None


def _specs(tensors: Any) -> Any:
  """The signature of these tensors with the number of images and their sizes left open."""
  return tf.nest.map_structure(
    lambda t: tf.TensorSpec([None, None, None, t.shape[-1]], t.dtype), tensors
  )


class Steps:
  """The steps of networks for `recurrence`, traced once for all images, in Python and in graphs.

  Each is two functions, as the first iteration leaves out what multiplies a zero state.

  Args:
    model: the networks, with their weights.
  """

  def __init__(self, model: RecurrentNetwork):
    if not model.built:
      model.build()
    self.model = model
    image = tf.TensorSpec([None, None, None, IMAGE_DEPTH], tf.float32)
    code = tf.TensorSpec([None, None, None, model.config.bits], tf.float32)
    encoder_states = _specs(model.encoder.initial_states(tf.zeros([1, 16, 16, IMAGE_DEPTH])))
    decoder_states = _specs(model.decoder.initial_states(tf.zeros([1, 1, 1, model.config.bits])))

    @tf.function(input_signature=[image], autograph=False)
    def encode_first(x: tf.Tensor) -> Any:
      return model.encode_step(x, None, None)

    @tf.function(input_signature=[image, image, encoder_states], autograph=False)
    def encode_next(x: tf.Tensor, x_hat: tf.Tensor, states: States) -> Any:
      return model.encode_step(x, x_hat, states)

    @tf.function(input_signature=[code], autograph=False)
    def decode_first(b: tf.Tensor) -> DecoderState:
      return model.decode_step(b, None)

    @tf.function(input_signature=[code, DecoderState(image, decoder_states)], autograph=False)
    def decode_next(b: tf.Tensor, state: DecoderState) -> DecoderState:
      return model.decode_step(b, state)

    self.functions = (encode_first, encode_next, decode_first, decode_next)

  def encode(
    self, x: tf.Tensor, x_hat: tf.Tensor | None, states: States
  ) -> tuple[tf.Tensor, States]:
    """As `RecurrentNetwork.encode_step`."""
    first, following, _, _ = self.functions
    return first(x) if states is None else following(x, x_hat, states)

  def decode(self, b: tf.Tensor, state: DecoderState | None) -> DecoderState:
    """As `RecurrentNetwork.decode_step`."""
    _, _, first, following = self.functions
    return first(b) if state is None else following(b, state)


class Runner:
  """Encodes and decodes single images whose sides are multiples of 16.

  Args:
    model: the networks, with their weights.
  """

  def __init__(self, model: RecurrentNetwork):
    self.model = model
    self.steps = Steps(model)

  def encode(
    self, image: np.ndarray, iterations: int, keep_last: bool = False
  ) -> Iterator[EncodedLayer]:
    """Yields the code of each iteration.

    Args:
      image: uint8 [H, W, 3], H and W multiples of 16.
      iterations: how many to run.
      keep_last: whether the decoder runs after the last iteration too, only for its image.
    """
    x = self.model.to_x(image[np.newaxis])
    steps = recurrence.run(self.steps.encode, self.steps.decode, x, iterations, keep_last)
    for b, state in steps:
      yield EncodedLayer(b[0].numpy() > 0, state)

  def decode(self, bits: np.ndarray) -> Iterator[DecoderState]:
    """Yields the decoder's state, with its reconstruction, after each iteration.

    Args:
      bits: bool [T, h, w, bits].
    """
    signs = (tf.constant(layer[np.newaxis] * np.float32(2) - 1) for layer in bits)
    return recurrence.replay(self.steps.decode, signs)

  def pixels(self, state: DecoderState) -> np.ndarray:
    """The reconstruction that a state holds, uint8 [H, W, 3]."""
    return self.model.to_pixels(state.x_hat[0]).numpy()
