"""The three reconstruction frameworks: how D's output becomes an image, and what E sees next.

Toderici et al. (CVPR 2017), section 3.2, in the symbols of `network.py`:

    one-shot           x^_t = D_t(b_t)                        E sees r = x - x^
    additive           x^_t = D_t(b_t) + x^_{t-1}             E sees r
    residual scaling   x^_t = D_t(b_t) / ZOH(g_{t-1}) + x^_{t-1}     E sees r * ZOH(g),
                       g_t = G(x^_t), g_0 = 1
"""

from __future__ import annotations

import tensorflow as tf

from compression.codecs.recurrent.config import RecurrentConfig
from compression.layers import GainEstimator, zero_order_hold


class OneShot:
  """Every iteration reconstructs the whole image."""

  gain_estimator: GainEstimator | None = None

  def encoder_input(self, x: tf.Tensor, x_hat: tf.Tensor | None) -> tf.Tensor:
    """What E sees: the residual of the reconstruction so far (None before the first)."""
    return x if x_hat is None else x - x_hat

  def reconstruct(self, decoded: tf.Tensor, x_hat: tf.Tensor | None) -> tf.Tensor:
    """The new reconstruction, from D's output and the reconstruction before it."""
    return decoded


class Additive(OneShot):
  """Every iteration adds to the reconstruction before it."""

  def reconstruct(self, decoded: tf.Tensor, x_hat: tf.Tensor | None) -> tf.Tensor:
    return decoded if x_hat is None else decoded + x_hat


class ResidualScaling(Additive):
  """Additive, with the residual scaled up by a gain estimated from the reconstruction so far."""

  def __init__(self) -> None:
    self.gain_estimator = GainEstimator(name="gain_estimator")

  def _gain(self, x_hat: tf.Tensor) -> tf.Tensor:
    assert self.gain_estimator is not None
    return zero_order_hold(self.gain_estimator(x_hat), x_hat)

  def encoder_input(self, x: tf.Tensor, x_hat: tf.Tensor | None) -> tf.Tensor:
    return x if x_hat is None else (x - x_hat) * self._gain(x_hat)

  def reconstruct(self, decoded: tf.Tensor, x_hat: tf.Tensor | None) -> tf.Tensor:
    return decoded if x_hat is None else x_hat + decoded / self._gain(x_hat)


def make_framework(config: RecurrentConfig) -> OneShot:
  frameworks = {"one_shot": OneShot, "additive": Additive, "residual_scaling": ResidualScaling}
  return frameworks[config.framework]()
