"""The interlaced convolution: which places see which, at any size."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.common import masks
from compression.layers.interlaced_conv import InterlacedConv2D

PASS = {(0, 0): 0, (1, 1): 1, (0, 1): 2, (1, 0): 3}


def test_the_masks_as_drawn():
  drawn = ["FFF FFF FFF", "TFT FFF TFT", "FTF TFT FTF", "TTT TFT TTT"]
  found = masks.interlaced((3, 3))[..., 0, 0].reshape(4, 9)
  for row, text in zip(found, drawn):
    np.testing.assert_array_equal(row, [letter == "T" for letter in text.replace(" ", "")])


def test_a_kernel_without_a_centre_is_refused():
  with pytest.raises(ValueError, match="centre"):
    masks.interlaced((3, 4))
  with pytest.raises(ValueError):
    InterlacedConv2D(2, 0)


@pytest.mark.parametrize("height, width", [(1, 1), (1, 4), (5, 1), (2, 2), (5, 6), (6, 5), (7, 7)])
@pytest.mark.parametrize("size", [3, (5, 3)])
def test_it_is_four_masked_convolutions(height, width, size):
  rng = np.random.default_rng(0)
  x = rng.normal(size=[2, height, width, 3]).astype(np.float32)
  layer = InterlacedConv2D(4, size)
  layer.build(x.shape)
  layer.bias.assign(rng.normal(size=[4, 4]))
  kernel = layer.kernel.numpy() * masks.interlaced(layer.kernel_size)
  expected = np.empty([2, height, width, 4], np.float32)
  for (top, left), number in PASS.items():
    every = tf.nn.conv2d(x, kernel[number], 1, "SAME") + layer.bias[number]
    expected[:, top::2, left::2] = every[:, top::2, left::2]
  np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_no_place_sees_its_own_pass_or_a_later_one():
  layer = InterlacedConv2D(3, 5)
  x = np.random.default_rng(1).normal(size=[1, 8, 9, 2]).astype(np.float32)
  before = layer(x).numpy()
  for row in range(8):
    for column in range(9):
      changed = x.copy()
      changed[0, row, column] += 1
      places = np.argwhere(np.abs(layer(changed).numpy() - before).max(-1)[0] > 1e-6)
      number = PASS[row % 2, column % 2]
      assert all(PASS[r % 2, c % 2] > number for r, c in places)
      assert len(places) > 0 or number == 3


def test_what_the_masks_hide_gets_no_gradient():
  layer = InterlacedConv2D(3, 3)
  x = tf.random.stateless_normal([1, 6, 6, 2], [1, 2])
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(layer(x) ** 2)
  gradient = tape.gradient(loss, layer.kernel).numpy()
  hidden = np.broadcast_to(masks.interlaced((3, 3)) == 0, gradient.shape)
  assert not gradient[hidden].any() and gradient[~hidden].all()


def test_it_is_saved_and_loaded(tmp_path):
  inputs = tf.keras.Input([None, None, 2])
  model = tf.keras.Model(inputs, InterlacedConv2D(3, (3, 5))(inputs))
  model.save(tmp_path / "model.keras")
  again = tf.keras.models.load_model(tmp_path / "model.keras")
  x = tf.random.stateless_normal([1, 5, 4, 2], [1, 2])
  np.testing.assert_allclose(again(x), model(x), rtol=1e-6, atol=1e-6)


def test_an_input_without_a_depth_is_refused():
  with pytest.raises(ValueError, match="depth of the input must be known"):
    InterlacedConv2D(3, 3).build([None, None, None, None])
