"""The binarizer gives bits, on average what it is given, and passes gradients straight through."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.layers import Binarizer

U = tf.constant(np.random.default_rng(1).uniform(-1, 1, [2, 4, 5, 8]).astype(np.float32))


@pytest.mark.parametrize("stochastic", [False, True])
@pytest.mark.parametrize("training", [None, False])
def test_inference_gives_the_sign_and_plus_one_at_zero(stochastic, training):
  u = [-1, -0.3, -1e-30, -0.0, 0, 1e-30, 0.7, 1]
  b = Binarizer(stochastic)(tf.constant(u), training=training)
  np.testing.assert_array_equal(b, [-1, -1, -1, 1, 1, 1, 1, 1])


def test_without_randomness_training_is_inference():
  binarizer = Binarizer(stochastic=False)
  np.testing.assert_array_equal(binarizer(U, training=True), binarizer(U, training=False))


@pytest.mark.parametrize("training", [False, True])
def test_bits_are_exactly_one_or_minus_one(training):
  u = tf.concat([tf.reshape(U, [-1]), [1e-8, -1e-8, 0.1, -0.1, 1, -1]], axis=0)
  b = Binarizer(seed=1)(u, training=training).numpy()
  assert set(np.unique(b)) == {-1, 1}
  assert b.dtype == np.float32


@pytest.mark.parametrize("training", [False, True])
def test_the_gradient_is_exactly_that_of_the_identity(training):
  binarizer = Binarizer(seed=1)
  weights = tf.random.stateless_normal(U.shape, [1, 2])
  with tf.GradientTape() as tape:
    tape.watch(U)
    loss = tf.reduce_sum(binarizer(U, training=training) * weights)
  np.testing.assert_array_equal(tape.gradient(loss, U), weights)


def test_random_bits_are_on_average_what_they_stand_for():
  draws = 40_000
  values = np.array([-1, -0.9, -0.5, -0.1, 0, 0.2, 0.6, 0.99, 1], np.float32)
  b = Binarizer(seed=1)(tf.constant(np.tile(values, [draws, 1])), training=True)
  error = np.abs(np.mean(b, axis=0, dtype=np.float64) - values)
  deviation = np.sqrt((1 - values.astype(np.float64) ** 2) / draws)
  assert (error <= 5 * deviation).all()  # so that at -1 and 1 there is no chance in it
  assert (deviation[1:-1] > 0).all()


def test_random_bits_are_independent():
  b = Binarizer(seed=1)(tf.zeros([100, 100]), training=True).numpy()
  assert abs(np.mean(b[:-1] * b[1:])) < 0.05
  assert abs(np.mean(b[:, :-1] * b[:, 1:])) < 0.05


def test_draws_differ_from_call_to_call_and_agree_for_the_same_seed():
  first, second, other = Binarizer(seed=5), Binarizer(seed=5), Binarizer(seed=6)
  calls = [first(U, training=True).numpy() for _ in range(2)]
  assert (calls[0] != calls[1]).any()
  for call in calls:
    np.testing.assert_array_equal(second(U, training=True), call)
  assert (other(U, training=True).numpy() != calls[0]).any()


def test_draws_without_a_seed_differ():
  bits = [Binarizer()(U, training=True).numpy() for _ in range(2)]
  assert (bits[0] != bits[1]).any()


def test_a_traced_function_draws_anew_at_every_call():
  binarizer = Binarizer(seed=1)
  step = tf.function(lambda u: binarizer(u, training=True))
  assert (step(U).numpy() != step(U).numpy()).any()


def test_mixed_precision_leaves_it_in_float32():
  policy = tf.keras.mixed_precision.global_policy()
  tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
  try:
    binarizer = Binarizer(stochastic=False)
    assert binarizer.compute_dtype == "float32"
    u = tf.constant([-1e-30, 0.0, 1e-30])
    b = binarizer(u)
    assert b.dtype == tf.float32
    np.testing.assert_array_equal(b, [-1, 1, 1])
    assert binarizer(tf.cast(U, tf.bfloat16)).dtype == tf.float32
  finally:
    tf.keras.mixed_precision.set_global_policy(policy)


def test_the_configuration_makes_the_same_layer():
  for stochastic, seed in ((True, 3), (False, None)):
    binarizer = Binarizer(stochastic, seed, name="bits")
    copy = Binarizer.from_config(binarizer.get_config())
    assert copy.get_config() == binarizer.get_config()
    np.testing.assert_array_equal(copy(U, training=True), binarizer(U, training=True))


def test_it_has_no_weights_to_save_or_train():
  binarizer = Binarizer(seed=1)
  binarizer(U, training=True)
  assert binarizer.weights == []


def test_a_keras_model_with_it_is_saved_and_loaded(tmp_path):
  inputs = tf.keras.Input([None, None, 8])
  model = tf.keras.Model(inputs, Binarizer(seed=3)(inputs))
  model.save(tmp_path / "model.keras")
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  np.testing.assert_array_equal(loaded(U), model(U))
