"""One iteration of the encoder for TensorFlow Lite, which the page compresses photos with.

It has one signature, `encode_step`:

    residual  float32 [1, 16 h, 16 w, 3], x - x_hat: what is still missing; x at first
    bits      float32 [1, h, w, bits], u of which the code is the sign

and every state, in and out under the same name, as those of the decoder (`tflite.py`). Nothing in a
file depends on how its encoder rounded: each iteration sees what the decoder made of those before.
"""

from __future__ import annotations

import tensorflow as tf

from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import BLOCK
from compression.codecs.recurrent.halves import IMAGE_DEPTH
from compression.codecs.recurrent.litert import State
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.exporting import eight_bits, tflite

SIGNATURE = "encode_step"
RESIDUAL = "residual"

_FLOAT_SHARE = 1 / 30
"""The first unit stays in float32, too, in which the last iterations' small residuals would drown:
else files of 16 iterations of `mobile` have 2 to 4% more bytes, and not 0.4%."""


class EncoderStep(tf.Module):
  """E_t, with the states as inputs and outputs by name.

  The first iteration is as the others: no model that is primed comes here (`tflite.DecoderStep`).
  """

  def __init__(self, codec: RecurrentCodec):
    super().__init__(name="encoder")
    model = RecurrentNetwork(codec.config)
    model.build()
    for variable, value in zip(model.variables, codec.network.variables):
      variable.assign(value)
    encoder = model.encoder
    zeros = encoder.initial_states(tf.zeros([1, BLOCK, BLOCK, IMAGE_DEPTH]))
    self.states = [
      State(f"{cell.name}_{field}", BLOCK // tensor.shape[1], tensor.shape[-1])
      for cell, state in zip(encoder.cells, zeros)
      for field, tensor in state._asdict().items()
    ]
    self.weights = encoder.variables

    def encode_step(residual: tf.Tensor, **states: tf.Tensor) -> dict[str, tf.Tensor]:
      before = tf.nest.pack_sequence_as(zeros, [states[state.name] for state in self.states])
      u, after = encoder(residual, before)
      return {"bits": u, **dict(zip((state.name for state in self.states), tf.nest.flatten(after)))}

    self.encode_step = tf.function(encode_step, autograph=False).get_concrete_function(
      tflite.spec(IMAGE_DEPTH, RESIDUAL),
      **{state.name: tflite.spec(state.depth, state.name) for state in self.states},
    )


def convert(step: EncoderStep) -> bytes:
  """The file, most weights of which have 8 bits."""
  content = tflite.convert(step, step.encode_step, SIGNATURE)
  return eight_bits.convert(content, float_share=_FLOAT_SHARE)
