"""The loops of a graph compute what the codec computes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent.config import UNITS
from compression.exporting import loops
from tests.exporting.examples import small_codec

# Open, as those of the exports and of the codec itself: where sizes are known, TensorFlow joins
# other operations, which round otherwise.
IMAGES = tf.TensorSpec([None, None, None, 3], tf.uint8)
COUNT = tf.TensorSpec([], tf.int32)
BITS = tf.TensorSpec([None, None, None, None, 32], tf.bool)


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_they_give_the_bits_and_pixels_of_the_codec(photo, unit):
  codec = small_codec(unit=unit, framework="residual_scaling", use_bias=True)
  encode = tf.function(lambda *args: loops.encode(codec.model, *args), [IMAGES, COUNT])
  decode = tf.function(lambda bits: loops.decode(codec.model, bits), [BITS])
  decode_all = tf.function(lambda bits: loops.decode_all(codec.model, bits), [BITS])
  images = np.stack([photo[:48, 64:96], photo[200:248, 200:232], photo[-48:, -32:]])
  for count in (1, 2, 4):
    expected = np.stack([codec.encode(image, count) for image in images], 1)
    bits = encode(images, count)
    np.testing.assert_array_equal(bits, expected)
    assert 0.02 < expected.mean() < 0.98  # that is, the networks say something
    each = np.stack([list(codec.decode(expected[:, n])) for n in range(3)], 1)
    np.testing.assert_array_equal(decode_all(bits), each)
    np.testing.assert_array_equal(decode(bits), each[-1])


def test_fewer_iterations_are_the_first_ones_of_more(photo):
  codec = small_codec(unit="gru")
  encode = tf.function(lambda *args: loops.encode(codec.model, *args), [IMAGES, COUNT])
  images = photo[np.newaxis, :32, :32]
  np.testing.assert_array_equal(encode(images, 2), encode(images, 4)[:2])
