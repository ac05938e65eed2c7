"""The convolutional LSTM computes the equations of its docstring."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from compression.layers import ConvLSTM


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("hidden_kernel_size", [1, 3])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("strides", [1, 2])
def test_equations(reference, assert_follows, strides, kernel_size, hidden_kernel_size, use_bias):
  cell = ConvLSTM(
    4,
    kernel_size=kernel_size,
    hidden_kernel_size=hidden_kernel_size,
    strides=strides,
    use_bias=use_bias,
  )
  assert_follows(cell, reference.lstm)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0, -2.0])
def test_the_forget_bias_is_added_to_the_forget_gate(reference, assert_follows, forget_bias):
  step = functools.partial(reference.lstm, forget_bias=forget_bias)
  assert_follows(ConvLSTM(4, forget_bias=forget_bias), step)


def test_the_forget_bias_is_one_unless_told_otherwise():
  assert ConvLSTM(4).forget_bias == 1


def test_outputs_lie_between_minus_one_and_one_and_cells_need_not():
  cell, state = ConvLSTM(4), None
  x = tf.random.stateless_normal([1, 6, 6, 3], [1, 2]) * 30
  for _ in range(10):
    y, state = cell(x, state)
  assert np.abs(y).max() <= 1 < np.abs(state.c).max()
