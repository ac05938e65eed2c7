"""How fast a step of the recurrence is, against what the machine can do."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, NamedTuple

from compression.common.timing import measure

if TYPE_CHECKING:
  import numpy as np

  from compression.entropy.bits import EntropyCoder

HEIGHT, WIDTH = 512, 768
"""Pixels, those of a Kodak image."""

_ENCODER_GMAC, _DECODER_GMAC = 59.8, 166.0
"""Multiply-adds an iteration at width 1 and 768x512, Residual GRU; width scales them squared."""

_PLAIN_SHAPES = ((256, 384, 64, 64), (128, 192, 128, 128), (64, 96, 256, 256))
"""Height, width, input and output depth of the convolutions that stand for the machine's rate."""


class Step(NamedTuple):
  """Seconds of one recurrence step and the share of the plain rate that it reaches."""

  encoder: float
  decoder: float
  encoder_share: float
  decoder_share: float


def plain_rate(repeat: int) -> float:
  """GFLOP/s of plain float32 3x3 convolutions, the best over a few shapes."""
  import tensorflow as tf

  rates = []
  for height, width, depth_in, depth_out in _PLAIN_SHAPES:
    x = tf.random.normal([1, height, width, depth_in])
    kernel = tf.random.normal([3, 3, depth_in, depth_out])
    conv = tf.function(lambda x, kernel: tf.nn.conv2d(x, kernel, 1, "SAME"))
    seconds = measure(lambda: conv(x, kernel).numpy()[0, 0, 0, 0], repeat)  # noqa: B023
    rates.append(2 * 9 * height * width * depth_in * depth_out / seconds / 1e9)
  return max(rates)


class EntropyCoding(NamedTuple):
  """Seconds to turn the bits of an image into bytes and back, and peak bytes of memory for it."""

  encode: float
  decode: float
  memory: int


def entropy_coding(coder: EntropyCoder, bits: np.ndarray, repeat: int) -> EntropyCoding:
  """The seconds that bits [T, h, w, D] take."""
  payloads = coder.encode(bits)
  _, high, wide, depth = bits.shape
  shape = (high, wide, depth)
  encode = measure(lambda: coder.encode(bits), repeat)
  decode = measure(lambda: coder.decode(payloads, shape), repeat)
  tracemalloc.start()  # it sees what NumPy takes; apart, as it slows down what it sees
  coder.decode(payloads, shape)
  _, memory = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  return EntropyCoding(encode, decode, memory)


def step(width: float, rate: float, repeat: int, precision: str) -> Step:
  """One iteration after the first, at 768x512."""
  import tensorflow as tf

  from compression.codecs.recurrent.config import RecurrentConfig
  from compression.codecs.recurrent.network import RecurrentNetwork

  model = RecurrentNetwork(RecurrentConfig(width=width), dtype=precision)
  model.build()
  encode, decode = tf.function(model.encode_step), tf.function(model.decode_step)
  x = tf.random.uniform([1, HEIGHT, WIDTH, 3], -1, 1)
  b, states = encode(x, None, None)
  state = decode(b, None)
  encoder = measure(lambda: encode(x, state.x_hat, states)[0].numpy(), repeat)
  decoder = measure(lambda: decode(b, state).x_hat.numpy(), repeat)
  scale = 2 * width**2 / rate
  return Step(encoder, decoder, _ENCODER_GMAC * scale / encoder, _DECODER_GMAC * scale / decoder)
