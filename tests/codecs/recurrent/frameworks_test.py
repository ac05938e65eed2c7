"""The three reconstruction frameworks compute the equations of section 3.2 of the paper."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent.config import FRAMEWORKS, UNITS, RecurrentConfig
from compression.codecs.recurrent.frameworks import (
  Additive,
  OneShot,
  ResidualScaling,
  make_framework,
)
from tests.codecs.recurrent.examples import MARGIN

ITERATIONS = 3


def noise(seed: int, *shape: int) -> tf.Tensor:
  return tf.constant(np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32))


def test_every_framework_can_be_made():
  made = {name: type(make_framework(RecurrentConfig(framework=name))) for name in FRAMEWORKS}
  assert made == {"one_shot": OneShot, "additive": Additive, "residual_scaling": ResidualScaling}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_first_iteration_is_the_same_in_all(name):
  framework = make_framework(RecurrentConfig(framework=name))
  x, decoded = noise(1, 1, 32, 48, 3), noise(2, 1, 32, 48, 3)
  np.testing.assert_array_equal(framework.encoder_input(x, None), x)
  np.testing.assert_array_equal(framework.reconstruct(decoded, None), decoded)


def test_one_shot_reconstructs_the_whole_image():
  x, decoded, x_hat = (noise(seed, 1, 32, 48, 3) for seed in (1, 2, 3))
  np.testing.assert_allclose(OneShot().encoder_input(x, x_hat), x - x_hat, rtol=1e-6)
  np.testing.assert_array_equal(OneShot().reconstruct(decoded, x_hat), decoded)


def test_additive_adds_to_the_reconstruction():
  x, decoded, x_hat = (noise(seed, 1, 32, 48, 3) for seed in (1, 2, 3))
  np.testing.assert_allclose(Additive().encoder_input(x, x_hat), x - x_hat, rtol=1e-6)
  np.testing.assert_allclose(Additive().reconstruct(decoded, x_hat), x_hat + decoded, rtol=1e-6)


@pytest.mark.parametrize("height, width", [(32, 64), (48, 80), (16, 16)])
def test_residual_scaling_scales_by_the_gain_of_each_block(reference, height, width):
  framework = ResidualScaling()
  x, decoded, x_hat = (noise(seed, 1, height, width, 3) for seed in (1, 2, 3))
  gains = framework.gain_estimator(x_hat).numpy()
  assert np.unique(gains).size == gains.size  # no two blocks alike, so that mistakes show
  held = reference.zero_order_hold(gains, height, width)
  scaled = framework.encoder_input(x, x_hat)
  np.testing.assert_allclose(scaled, (x - x_hat) * held, rtol=1e-6)
  reconstruction = framework.reconstruct(decoded, x_hat)
  np.testing.assert_allclose(reconstruction, x_hat + decoded / held, rtol=1e-5, atol=1e-6)


# One step after the other, by hand: E, D and G are the model's, what joins them is written here.


def by_hand(
  model, x: np.ndarray, codes: np.ndarray, reference
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """What E gives, u_t, and the images x^_t of the equations, where the bits are b_t."""
  name = model.config.framework
  gamma = {"one_shot": 0, "additive": 1, "residual_scaling": 1}[name]
  r, x_hat, g = x, np.zeros_like(x), np.ones_like(x[..., :1])
  e, d = model.encoder.initial_states(x), None
  for b in codes:
    u, e = model.encoder(tf.constant(r * g), e)
    d = model.decoder.initial_states(b) if d is None else d
    decoded, d = model.decoder(tf.constant(b), d)
    x_hat = decoded.numpy() / g + gamma * x_hat
    r = x - x_hat
    if name == "residual_scaling":
      gains = model.gain_estimator(tf.constant(x_hat)).numpy()
      g = reference.zero_order_hold(gains, *x.shape[1:3]).astype(np.float32)
    yield u.numpy(), x_hat


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_equations_step_by_step(name, reference, small_model, image):
  model = small_model(unit="gru", framework=name)
  result = model(image, iterations=ITERATIONS)
  codes = result.codes.numpy()
  assert len(codes) == ITERATIONS
  assert not np.array_equal(codes[0], codes[1]), "nothing is tested by codes that do not change"
  for b, found, (u, x_hat) in zip(
    codes, result.images, by_hand(model, image.numpy(), codes, reference)
  ):
    certain = np.abs(u) > MARGIN
    assert certain.mean() > 0.9
    np.testing.assert_array_equal(b[certain], np.sign(u)[certain])
    np.testing.assert_allclose(found, x_hat, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_unit_runs_in_every_framework_and_can_be_trained(unit, name, small_model, image):
  model = small_model(unit=unit, framework=name, use_bias=True)
  with tf.GradientTape() as tape:
    result = model(image, iterations=2, training=True)
    loss = sum(tf.reduce_mean(tf.abs(image - x_hat)) for x_hat in result.images)
  assert result.images.shape == (2, *image.shape)
  assert result.codes.shape == (2, 2, 2, 3, 32)
  assert set(np.unique(result.codes)) == {-1, 1}
  assert (model.gain_estimator is not None) == (name == "residual_scaling")
  for variable, gradient in zip(
    model.trainable_variables, tape.gradient(loss, model.trainable_variables)
  ):
    assert gradient is not None, variable.name
    assert np.isfinite(gradient).all() and np.any(gradient), variable.name
