"""Runs a codec on images: one traced step, driven iteration by iteration.

The four functions below (E and D, at the first iteration and at the later ones) are traced once
for all image sizes. The first ones leave out what multiplies a zero state.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent.halves import IMAGE_DEPTH
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
  """The signature of these tensors with sizes left open in space."""
  return tf.nest.map_structure(
    lambda t: tf.TensorSpec([1, None, None, t.shape[-1]], t.dtype), tensors
  )


class Runner:
  """Encodes and decodes single images whose sides are multiples of 16.

  Args:
    model: the networks, with their weights.
  """

  def __init__(self, model: RecurrentNetwork):
    if not model.built:
      model.build()
    self.model = model
    image = tf.TensorSpec([1, None, None, IMAGE_DEPTH], tf.float32)
    code = tf.TensorSpec([1, None, None, model.config.bits], tf.float32)
    encoder_states = _specs(model.encoder.initial_states(tf.zeros([1, 16, 16, IMAGE_DEPTH])))
    decoder_states = _specs(model.decoder.initial_states(tf.zeros([1, 1, 1, model.config.bits])))

    @tf.function(input_signature=[image])
    def encode_first(x: tf.Tensor) -> Any:
      return model.encode_step(x, None, None)

    @tf.function(input_signature=[image, image, encoder_states])
    def encode_next(x: tf.Tensor, x_hat: tf.Tensor, states: Any) -> Any:
      return model.encode_step(x, x_hat, states)

    @tf.function(input_signature=[code])
    def decode_first(b: tf.Tensor) -> Any:
      return model.decode_step(b, None)

    @tf.function(input_signature=[code, DecoderState(image, decoder_states)])
    def decode_next(b: tf.Tensor, state: DecoderState) -> Any:
      return model.decode_step(b, state)

    self._encode_first, self._encode_next = encode_first, encode_next
    self._decode_first, self._decode_next = decode_first, decode_next

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
    states, state = None, None
    for t in range(iterations):
      if state is None:
        b, states = self._encode_first(x)
      else:
        b, states = self._encode_next(x, state.x_hat, states)
      last = t == iterations - 1
      if keep_last or not last:
        state = self._decode(b, state)
      yield EncodedLayer(b[0].numpy() > 0, state if keep_last or not last else None)

  def decode(self, bits: np.ndarray) -> Iterator[DecoderState]:
    """Yields the decoder's state, with its reconstruction, after each iteration.

    Args:
      bits: bool [T, h, w, bits].
    """
    state = None
    for layer in bits:
      state = self._decode(tf.constant(layer[np.newaxis] * np.float32(2) - 1), state)
      yield state

  def _decode(self, b: tf.Tensor, state: DecoderState | None) -> DecoderState:
    if state is None:
      return self._decode_first(b)
    return self._decode_next(b, state)

  def pixels(self, state: DecoderState) -> np.ndarray:
    """The reconstruction that a state holds, uint8 [H, W, 3]."""
    return self.model.to_pixels(state.x_hat[0]).numpy()
