"""The weight of bits in the loss."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.training.tasks.recurrent.rate import RateTerm, bits_per_pixel


def test_weights_are_those_of_the_formula() -> None:
  weights = RateTerm(1.1, 0.65, 100).weights(32, 16)
  slopes = 6 * (0.105 * np.arange(1, 17)) ** -0.65
  np.testing.assert_allclose(weights[:6], 1.1 * slopes[:6], rtol=1e-6)
  np.testing.assert_allclose(weights[[10, 15]], [0.875 * slopes[10], 0.65 * slopes[15]], rtol=1e-6)
  np.testing.assert_allclose(RateTerm(1.1, 0.65, 9).weights(32, 3), weights[:3])
  # Twice the bits in a block reach a rate in half the iterations.
  np.testing.assert_allclose(
    RateTerm(1, 1, 0).weights(64, 4), RateTerm(1, 1, 0).weights(32, 8)[1::2], rtol=1e-6
  )


@pytest.mark.parametrize(("ramp", "step", "share"), [(10, 5, 0.5), (10, 30, 1), (0, 0, 1)])
def test_the_share_grows_along_the_ramp(ramp: int, step: int, share: float) -> None:
  assert float(RateTerm(1, 1, ramp).share(tf.constant(step, tf.int64))) == pytest.approx(share)


def test_the_share_is_never_zero() -> None:
  assert 0 < float(RateTerm(1, 1, 10).share(tf.constant(0))) < 1e-3


def test_bits_add_up_over_the_iterations() -> None:
  bits = tf.constant([[512.0, 256.0], [256.0, 0.0]])
  np.testing.assert_allclose(bits_per_pixel(bits, 2), [[1, 0.5], [1.5, 0.5]])
