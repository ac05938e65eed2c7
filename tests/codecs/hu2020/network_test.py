"""The networks have the shapes that their table says, and names that archives keep."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.hu2020.network import DOWN, INTEGER, Hu2020Network, Latent
from compression.entropy.fixed_point import WEIGHT_BITS
from tests.codecs.hu2020.examples import CHANNELS, arrays, network

N = 64


def test_kernels_are_those_of_the_table():
  made = Hu2020Network(N)
  made.build()
  named = made.named_variables()
  shapes = {n[: -len("/kernel")]: tuple(v.shape) for n, v in named.items() if "kernel" in n}
  assert shapes == {
    "analysis/conv1": (5, 5, 3, 16),
    "analysis/conv2": (5, 5, 16, 32),
    "analysis/conv3": (5, 5, 32, 40),
    "analysis/conv4": (5, 5, 40, 64),
    "hyper_analysis2/conv1": (3, 3, 64, 32),
    "hyper_analysis2/conv2": (1, 1, 128, 64),
    "hyper_analysis2/conv3": (1, 1, 64, 64),
    "hyper_analysis2/conv4": (1, 1, 64, 32),
    "hyper_analysis1/conv1": (3, 3, 32, 16),
    "hyper_analysis1/conv2": (1, 1, 64, 32),
    "hyper_analysis1/conv3": (1, 1, 32, 32),
    "hyper_analysis1/conv4": (1, 1, 32, 16),
    "hyper_synthesis1/conv1": (1, 1, 16, 32),
    "hyper_synthesis1/conv2": (1, 1, 32, 32),
    "hyper_synthesis1/conv3": (1, 1, 32, 32),
    "hyper_synthesis1/conv4": (3, 3, 8, 32),
    "prediction2/conv1": (5, 5, 32, 32),
    "prediction2/conv2": (1, 1, 32, 32),
    "prediction2/conv3": (1, 1, 32, 64),
    "hyper_synthesis2/conv1": (1, 1, 32, 64),
    "hyper_synthesis2/conv2": (1, 1, 64, 64),
    "hyper_synthesis2/conv3": (1, 1, 64, 64),
    "hyper_synthesis2/conv4": (3, 3, 16, 32),
    "prediction3/conv1": (5, 5, 32, 32),
    "prediction3/conv2": (1, 1, 32, 64),
    "prediction3/conv3": (1, 1, 64, 128),
    "synthesis/conv1": (5, 5, 40, 64),
    "synthesis/conv2": (5, 5, 32, 40),
    "synthesis/conv3": (5, 5, 16, 32),
    "side/conv1": (5, 5, 16, 40),
    "side/conv2": (5, 5, 16, 16),
    "side/conv3": (5, 5, 8, 16),
    "output/conv1": (3, 3, 24, 12),
    "output/conv2": (3, 3, 12, 12),
    "output/conv3": (3, 3, 12, 24),
    "output/conv4": (5, 5, 6, 24),
    "output/conv5": (3, 3, 6, 4),
    "output/conv6": (1, 1, 4, 3),
  }
  assert {"analysis/gdn3/gamma_root", "synthesis/igdn1/beta_root"} <= set(named)
  assert {n.split("/")[1] for n in named if n.startswith("training/")} == {"prior"}
  assert len(named) == len(made.weights) - sum(len(layer.weights) for layer in made.helping)


@pytest.mark.parametrize("shape", [(16, 16), (48, 80), (64, 128)])
def test_latents_have_half_the_sides_rounded_up_and_images_come_back_in_their_size(shape):
  made = network()
  x = tf.random.stateless_uniform([2, *shape, 3], [0, 1])
  noise = tf.zeros(made.noise_shape(tf.shape(x)))
  coded = made(x, noise)
  assert coded.x_hat.shape == x.shape and coded.bits.shape == (2,)
  y = made.g_a(x)
  z2, z1 = made.hyper_analyses(y)
  sides = np.array(shape) // DOWN
  for each, channels in ((y, CHANNELS), (z2, CHANNELS // 2), (z1, CHANNELS // 4)):
    assert each.shape == (2, *sides, channels)
    sides = -(-sides // 2)
  rounded = made.rounded(x)
  np.testing.assert_allclose(rounded.x_hat, coded.x_hat, atol=1e-5)
  assert not np.allclose(rounded.bits, coded.bits)


def test_the_bits_of_a_latent_are_those_of_a_gaussian_with_a_unit_of_noise():
  values = np.arange(-40, 41, dtype=np.float32).reshape(1, 1, -1, 1)
  latent = Latent(tf.constant(values), tf.fill(values.shape, 0.25), tf.ones_like(values))
  q = latent.rounded()
  np.testing.assert_array_equal(q, values + np.float32(0.25))
  chances = 2.0 ** -np.array(
    [
      float(Latent(tf.constant([[[[v]]]]), tf.zeros([1, 1, 1, 1]), tf.ones([1, 1, 1, 1])).bits(0.0))
      for v in values.ravel()
    ]
  )
  assert chances.sum() == pytest.approx(1, abs=1e-5)
  deviation = np.sqrt((chances * values.ravel() ** 2).sum())
  assert deviation == pytest.approx(np.sqrt(2**2 + 1 / 12), rel=1e-3)


def test_every_weight_has_a_gradient():
  made = network(scale=1000.0)  # so that z1 is not all zeros
  x = tf.random.stateless_uniform([1, 64, 64, 3], [0, 1])
  with tf.GradientTape() as tape:
    coded = made(x, tf.zeros(made.noise_shape(tf.shape(x))))
    loss = tf.reduce_sum(coded.bits) + tf.reduce_sum(tf.square(coded.x_hat - x)) + coded.helping
  for variable, gradient in zip(
    made.trainable_variables, tape.gradient(loss, made.trainable_variables)
  ):
    assert gradient is not None and np.isfinite(gradient).all(), variable.name
    assert np.any(gradient), variable.name


def test_what_a_model_keeps_is_what_a_training_goes_on_from():
  made, kept = network(), arrays()
  for name, array in kept.items():
    assert (array.dtype.kind == "i") == (
      name.partition("/")[0] in INTEGER
      or (name.startswith(("prior/", "residuals")) and array.dtype.kind != "u")
      and name != "prior/offset"
    ), name
  found = made.from_archive(kept)
  assert set(found) == set(made.named_variables())
  for name, variable in made.named_variables().items():
    np.testing.assert_allclose(found[name], variable, atol=0.5 / 2**WEIGHT_BITS)


def test_another_scale_of_y_changes_nothing_else():
  made = network(scale=60.0)
  x = tf.random.stateless_uniform([1, 64, 64, 3], [0, 1])
  y, h = made.g_a(x), made.prediction3(tf.ones([1, 2, 2, CHANNELS // 2])).numpy()
  z2, picture = made.hyper_analyses(y)[0], made.synthesis(y / 16)
  made.rescale(0.5)
  np.testing.assert_allclose(made.g_a(x), y / 2, rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(made.hyper_analyses(y / 2)[0], z2, rtol=1e-3, atol=1e-4)
  np.testing.assert_allclose(made.synthesis(y / 32), picture, rtol=1e-3, atol=1e-4)
  changed = made.prediction3(tf.ones([1, 2, 2, CHANNELS // 2])).numpy()
  np.testing.assert_allclose(changed[..., :CHANNELS], h[..., :CHANNELS] / 2, rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(changed[..., CHANNELS:], h[..., CHANNELS:] - 1, rtol=1e-4, atol=1e-5)


def test_in_mixed_precision_latents_and_images_are_float32():
  made = Hu2020Network(CHANNELS, dtype="mixed_bfloat16")
  made.build()
  x = tf.zeros([1, 16, 16, 3])
  coded = made(x, tf.zeros(made.noise_shape(tf.shape(x))))
  assert coded.x_hat.dtype == coded.bits.dtype == tf.float32
