"""The transforms have the published shapes, and names that archives keep."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from compression.codecs.balle2017.network import DOWN, Balle2017Network

N = 5


def network() -> Balle2017Network:
  made = Balle2017Network(N)
  made.build()
  return made


def test_kernels_are_the_published_ones():
  shapes = {n: tuple(v.shape) for n, v in network().named_variables().items() if "kernel" in n}
  assert shapes == {
    "analysis/conv1/kernel": (9, 9, 3, N),
    "analysis/conv2/kernel": (5, 5, N, N),
    "analysis/conv3/kernel": (5, 5, N, N),
    "synthesis/conv1/kernel": (5, 5, N, N),
    "synthesis/conv2/kernel": (5, 5, N, N),
    "synthesis/conv3/kernel": (9, 9, 3, N),
  }
  names = set(network().named_variables())
  assert "analysis/conv3/bias" not in names and "synthesis/conv3/bias" in names
  assert {"analysis/gdn2/gamma_root", "synthesis/igdn1/beta_root"} <= names
  assert {n.split("/")[1] for n in names if n.startswith("training/")} == {"prior"}
  assert len(names) == len(network().weights)


def test_latents_are_a_sixteenth_and_images_come_back_in_their_size():
  made = network()
  x = tf.random.stateless_uniform([2, 48, 32, 3], [0, 1])
  noise = tf.zeros(made.noise_shape(tf.shape(x)))
  assert noise.shape == (2, 48 // DOWN, 32 // DOWN, N)
  coded = made(x, noise)
  assert coded.x_hat.shape == x.shape and coded.bits.shape == (2,)
  np.testing.assert_array_equal(made.g_a(x), made.g_a(x))
  rounded = made.rounded(x)
  np.testing.assert_allclose(rounded.x_hat, made.g_s(tf.round(made.g_a(x))), atol=1e-6)


def test_noise_is_added_to_what_the_prior_and_the_synthesis_see():
  made = network()
  x = tf.random.stateless_uniform([1, 16, 16, 3], [0, 1])
  noise = tf.fill([1, 1, 1, N], 0.25)
  coded = made(x, noise)
  np.testing.assert_allclose(coded.x_hat, made.g_s(made.g_a(x) + 0.25), atol=1e-6)
  np.testing.assert_allclose(coded.bits, made.prior(made.g_a(x) + 0.25), rtol=1e-6)


def test_every_weight_has_a_gradient():
  made = network()
  x = tf.random.stateless_uniform([1, 32, 32, 3], [0, 1])
  with tf.GradientTape() as tape:
    coded = made(x, tf.zeros([1, 2, 2, N]))
    loss = tf.reduce_sum(coded.bits) + tf.reduce_sum(tf.square(coded.x_hat - x))
  for variable, gradient in zip(
    made.trainable_variables, tape.gradient(loss, made.trainable_variables)
  ):
    assert gradient is not None and np.isfinite(gradient).all(), variable.name


def test_in_mixed_precision_latents_and_images_are_float32():
  made = Balle2017Network(N, dtype="mixed_bfloat16")
  made.build()
  coded = made(tf.zeros([1, 16, 16, 3]), tf.zeros([1, 1, 1, N]))
  assert coded.x_hat.dtype == coded.bits.dtype == tf.float32
