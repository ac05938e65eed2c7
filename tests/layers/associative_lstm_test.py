"""The Associative LSTM computes the equations of its docstring, with complex numbers."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from compression.layers import ConvAssociativeLSTM, associative_lstm


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("hidden_kernel_size", [1, 3])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("strides", [1, 2])
def test_equations(reference, assert_follows, strides, kernel_size, hidden_kernel_size, use_bias):
  cell = ConvAssociativeLSTM(
    6,
    kernel_size=kernel_size,
    hidden_kernel_size=hidden_kernel_size,
    strides=strides,
    use_bias=use_bias,
  )
  assert_follows(cell, reference.associative_lstm)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0, -2.0])
def test_the_forget_bias_is_added_to_the_forget_gate(reference, assert_follows, forget_bias):
  step = functools.partial(reference.associative_lstm, forget_bias=forget_bias)
  assert_follows(ConvAssociativeLSTM(4, forget_bias=forget_bias), step)


def test_outputs_lie_in_the_unit_disc():
  cell, state = ConvAssociativeLSTM(6), None
  x = tf.random.stateless_normal([1, 6, 6, 3], [1, 2]) * 30
  for _ in range(10):
    y, state = cell(x, state)
    real, imaginary = np.split(y, 2, axis=-1)
    assert np.hypot(real, imaginary).max() <= 1 + 1e-6
  real, imaginary = np.split(state.c, 2, axis=-1)
  assert np.hypot(real, imaginary).max() > 1


@pytest.mark.parametrize("depth", [1, 3, 7])
def test_odd_depths_are_refused(depth):
  with pytest.raises(ValueError, match=f"must be even.* Received: {depth}"):
    ConvAssociativeLSTM(depth)


@pytest.mark.parametrize("key_bias", [0.0, 1.0, -2.0])
def test_the_key_bias_is_added_to_the_real_part_of_both_keys(reference, assert_follows, key_bias):
  step = functools.partial(reference.associative_lstm, key_bias=key_bias)
  assert_follows(ConvAssociativeLSTM(4, key_bias=key_bias), step)


# bound(z)


def bound(re: tf.Tensor, im: tf.Tensor) -> associative_lstm._Complex:
  return associative_lstm.bound(associative_lstm._Complex(re, im))


def polar(radii: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
  """Points of these moduli in all directions."""
  angles = np.linspace(-np.pi, np.pi, 37)
  z = radii[:, np.newaxis] * np.exp(1j * angles)
  return tf.constant(z.real, tf.float32), tf.constant(z.imag, tf.float32)


def test_bound_is_the_identity_inside_the_unit_disc():
  re, im = polar(np.array([0, 1e-30, 1e-3, 0.5, 0.999]))
  bounded = bound(re, im)
  np.testing.assert_allclose(bounded.re, re, rtol=1e-6)
  np.testing.assert_allclose(bounded.im, im, rtol=1e-6)


def test_bound_has_modulus_1_and_the_same_direction_outside():
  re, im = polar(np.array([1.001, 1.5, 3, 100, 1e6, 1e15]))
  bounded = bound(re, im)
  np.testing.assert_allclose(np.hypot(bounded.re, bounded.im), 1, rtol=1e-6)
  cosine = bounded.re * re + bounded.im * im
  np.testing.assert_allclose(cosine, np.hypot(re, im), rtol=1e-5)


def test_bound_agrees_with_complex_numbers(reference):
  rng = np.random.default_rng(1)
  z = rng.normal(0, 1, 1000) + 1j * rng.normal(0, 1, 1000)
  bounded = bound(tf.constant(z.real, tf.float32), tf.constant(z.imag, tf.float32))
  expected = reference.bound(z)
  np.testing.assert_allclose(bounded.re, expected.real, atol=1e-6)
  np.testing.assert_allclose(bounded.im, expected.imag, atol=1e-6)


@pytest.mark.parametrize("radius", [0, 1e-30, 0.5, 1, 2, 1e6])
def test_bound_has_finite_gradients_everywhere(radius):
  re, im = polar(np.array([radius], float))
  with tf.GradientTape() as tape:
    tape.watch([re, im])
    bounded = bound(re, im)
  for gradient in tape.gradient(bounded, [re, im]):
    assert np.isfinite(gradient).all()


def test_the_gradient_of_bound_at_0_is_that_of_the_identity():
  re, im = tf.zeros([1]), tf.zeros([1])
  with tf.GradientTape(persistent=True) as tape:
    tape.watch([re, im])
    bounded = bound(re, im)
  jacobian = [tape.gradient(y, [re, im]) for y in bounded]
  np.testing.assert_allclose(np.squeeze(jacobian), np.eye(2), atol=1e-6)


def test_a_zero_input_to_a_zero_state_has_finite_gradients():
  cell = ConvAssociativeLSTM(4)
  x = tf.zeros([1, 4, 4, 3])
  with tf.GradientTape() as tape:
    tape.watch(x)
    _, state = cell(x, cell.initial_state(x))
    y, _ = cell(x, state)
  for gradient in tape.gradient(y, [x, *cell.trainable_variables]):
    assert np.isfinite(gradient).all()
