"""The convolutional GRU and Residual GRU compute the equations of their docstrings."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from compression.layers import ConvGRU, ConvResidualGRU, GRUState

UNITS = {"gru": ConvGRU, "residual_gru": ConvResidualGRU}


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("hidden_kernel_size", [1, 3])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("unit", UNITS)
def test_equations(
  reference, assert_follows, unit, strides, kernel_size, hidden_kernel_size, use_bias
):
  cell = UNITS[unit](
    4,
    kernel_size=kernel_size,
    hidden_kernel_size=hidden_kernel_size,
    strides=strides,
    use_bias=use_bias,
  )
  assert_follows(cell, reference.CELLS[unit])


@pytest.mark.parametrize("scales", [(0.3, 0.7), (0.0, 0.1), (0.1, 0.0), (-1.0, 2.0)])
@pytest.mark.parametrize("strides", [1, 2])
def test_the_scales_of_the_skip_connections(reference, assert_follows, strides, scales):
  scales = dict(zip(("hidden_scale", "input_scale"), scales))
  step = functools.partial(reference.residual_gru, **scales)
  assert_follows(ConvResidualGRU(4, hidden_kernel_size=3, strides=strides, **scales), step)


def test_the_scales_are_a_tenth_unless_told_otherwise():
  cell = ConvResidualGRU(4)
  assert (cell.hidden_scale, cell.input_scale) == (0.1, 0.1)


@pytest.mark.parametrize("strides", [1, 2])
def test_a_residual_gru_without_its_skips_is_a_gru(reference, assert_follows, strides):
  def gru(weights, x, state, strides):
    return reference.gru(weights, x, state, strides)

  cell = ConvResidualGRU(
    4, hidden_kernel_size=3, strides=strides, use_bias=True, hidden_scale=0, input_scale=0
  )
  assert_follows(cell, gru)


def test_a_closed_update_gate_keeps_the_state_and_an_open_one_replaces_it():
  cell = ConvGRU(1, use_bias=True)
  x, h = tf.zeros([1, 3, 3, 2]), tf.random.stateless_uniform([1, 3, 3, 1], [1, 2], -0.9, 0.9)
  cell.build(x.shape)
  for variable in cell.weights:
    variable.assign(tf.zeros_like(variable))
  cell.bias.assign([-100, 0, 0.5])  # of z, r, candidate
  np.testing.assert_allclose(cell(x, GRUState(h))[0], h, rtol=1e-6)
  cell.bias.assign([100, 0, 0.5])
  np.testing.assert_allclose(cell(x, GRUState(h))[0], np.full(h.shape, np.tanh(0.5)), rtol=1e-6)


def test_the_output_of_a_gru_is_its_state_and_lies_between_minus_one_and_one():
  cell, state = ConvGRU(4), None
  for seed in range(10):
    y, state = cell(tf.random.stateless_normal([1, 6, 6, 3], [1, seed]) * 30, state)
    np.testing.assert_array_equal(y, state.h)
    assert np.abs(y).max() <= 1


def test_the_output_of_a_residual_gru_is_not_its_state():
  cell = ConvResidualGRU(4)
  x = tf.random.stateless_normal([1, 6, 6, 3], [1, 2]) * 30
  y, state = cell(x)
  assert np.abs(y - state.h).max() > 0.1
  assert np.abs(y).max() > 1
