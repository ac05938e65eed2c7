"""Weights in 8 bits: rounded so that what a convolution gives changes least, and marked as such."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.exporting import eight_bits
from compression.exporting.eight_bits import Sight


@pytest.mark.parametrize("size", [(7, 5), (1, 1), (2, 9)])
@pytest.mark.parametrize("kernel, strides", [((3, 3), (1, 1)), ((1, 1), (1, 1)), ((3, 3), (2, 2))])
def test_what_a_kernel_sees_is_what_tensorflow_multiplies(
  size: tuple[int, int], kernel: tuple[int, int], strides: tuple[int, int]
) -> None:
  rng = np.random.default_rng(1)
  values = rng.normal(size=[*size, 4])
  weights = rng.normal(size=[*kernel, 4, 6])
  seen = eight_bits.seen(values, Sight(0, kernel, strides))
  expected = tf.nn.conv2d(values[np.newaxis], weights, strides, "SAME")[0]
  np.testing.assert_allclose(np.tensordot(seen, weights, 3), expected, atol=1e-12)


def _kernel(rng: np.random.Generator) -> np.ndarray:
  """One whose outputs differ in size, with one of zeros."""
  kernel = rng.normal(size=[5, 3, 3, 4]) * np.logspace(-3, 2, 5)[:, np.newaxis, np.newaxis, None]
  kernel[2] = 0
  return kernel.astype(np.float32)


def _restored(kernel: np.ndarray, moments: np.ndarray | None) -> np.ndarray:
  levels, scales = eight_bits.rounded(kernel, moments)
  assert levels.dtype == np.int8 and levels.min() >= -127
  assert scales.dtype == np.float32 and (scales > 0).all()
  return levels * scales[:, np.newaxis, np.newaxis, np.newaxis].astype(np.float64)


def test_without_moments_every_weight_takes_the_nearest_level() -> None:
  kernel = _kernel(np.random.default_rng(2))
  restored = _restored(kernel, None)
  most = np.abs(kernel).max((1, 2, 3))
  # Half a step, and what float32 leaves of the scale.
  assert (np.abs(restored - kernel).max((1, 2, 3)) <= most / 127 * 0.5001).all()
  np.testing.assert_allclose(np.abs(restored).max((1, 2, 3)), most, rtol=1e-6)


def test_with_moments_the_error_of_the_output_is_smaller() -> None:
  """Inputs that go together, and far from zero, as those of states do."""
  rng = np.random.default_rng(3)
  kernel = _kernel(rng)
  x = rng.normal(size=[5000, 6]) @ rng.normal(size=[6, 36]) + rng.normal(size=36)
  x += 0.1 * rng.normal(size=x.shape)
  errors = [
    (((_restored(kernel, moments) - kernel).reshape(5, -1) @ x.T) ** 2).mean(1)
    for moments in (None, x[:4000].T @ x[:4000])
  ]
  used = [0, 1, 3, 4]
  assert (errors[1][used] < errors[0][used] / 4).all() and errors[1][2] == 0


@pytest.mark.parametrize("dead", [slice(0, 7), slice(None)])
def test_inputs_that_are_always_zero_do_no_harm(dead: slice) -> None:
  rng = np.random.default_rng(4)
  kernel = _kernel(rng)
  x = rng.normal(size=[100, 36])
  x[:, dead] = 0
  restored = _restored(kernel, x.T @ x)
  assert np.isfinite(restored).all()
  most = np.abs(kernel).max((1, 2, 3))
  assert (np.abs(restored - kernel).max((1, 2, 3)) <= most / 10).all()
