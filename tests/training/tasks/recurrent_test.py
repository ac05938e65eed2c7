"""Tests of compression/training/trainer.py."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent.config import FRAMEWORKS, UNITS, RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.codecs.recurrent.weights import arrays_of, named_variables
from compression.training.tasks.recurrent import Trainer

_SIZES = {"width": 1 / 32, "bits": 8, "iterations": 3}
_VANISHED = 1e-9  # a gradient so small moves nothing: Adam adds 1e-7 to its root mean square


@pytest.fixture(autouse=True, scope="module")
def quick_start() -> Iterator[None]:
  """As in a run on a CPU: TensorFlow's rewriting of graphs takes seconds for each trainer."""
  tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
  yield
  tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


def make_trainer(
  stochastic: bool = False, ema: float = 0.999, loss: str = "l1", **config
) -> Trainer:
  tf.keras.utils.set_random_seed(1)
  coder = RecurrentNetwork(RecurrentConfig(**{**_SIZES, **config}), stochastic, seed=5)
  trainer = Trainer(coder, loss, ema)
  trainer.compile(tf.keras.optimizers.Adam(1e-3, global_clipnorm=0.5))
  return trainer


def train(trainer: Trainer, images: np.ndarray) -> float:
  """One step; returns its loss."""
  return trainer.train_on_batch(images, reset_metrics=False, return_dict=True)["loss"]


@pytest.fixture
def images(photo: np.ndarray) -> np.ndarray:
  return np.stack([photo[top : top + 64, 200:264] for top in (0, 64, 128, 192)])


@pytest.fixture
def bfloat16() -> Iterator[None]:
  tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
  yield
  tf.keras.mixed_precision.set_global_policy("float32")


def plain_gradients(trainer: Trainer, x: tf.Tensor) -> tuple[tf.Tensor, dict[str, np.ndarray]]:
  """Loss and gradients by the coder's own `call`, eagerly: nothing of the trainer's."""
  variables = named_variables(trainer.coder)
  with tf.GradientTape() as tape:
    images = trainer.coder(x, iterations=trainer.iterations, training=True).images
    loss = tf.reduce_mean(tf.abs(x - images))
  return loss, dict(zip(variables, tape.gradient(loss, list(variables.values()))))


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("unit", UNITS)
def test_every_variable_of_every_model_gets_a_finite_gradient(
  unit: str, framework: str, images: np.ndarray
) -> None:
  trainer = make_trainer(unit=unit, framework=framework, use_bias=True)
  _, gradients = plain_gradients(trainer, trainer.coder.to_x(images))
  assert any("gain_estimator" in name for name in gradients) == (framework == "residual_scaling")
  for name, gradient in gradients.items():
    assert gradient is not None, name
    assert np.isfinite(gradient).all(), name
    assert np.abs(gradient).max() > _VANISHED, name


@pytest.mark.slow
@pytest.mark.parametrize(
  ("unit", "framework"),
  [("residual_gru", "residual_scaling"), ("associative_lstm", "additive"), ("lstm", "one_shot")],
)
def test_traced_iterations_have_the_loss_and_gradients_of_plain_calls(
  unit: str, framework: str, images: np.ndarray
) -> None:
  trainer = make_trainer(unit=unit, framework=framework)
  x = trainer.coder.to_x(images)
  expected_loss, expected = plain_gradients(trainer, x)
  variables = named_variables(trainer.coder)

  @tf.function
  def traced() -> tuple[tf.Tensor, list[tf.Tensor]]:
    with tf.GradientTape() as tape:
      losses, _ = trainer.iterate(x)
      loss = tf.reduce_mean(losses)
    return loss, tape.gradient(loss, list(variables.values()))

  loss, gradients = traced()
  np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
  for name, gradient in zip(variables, gradients):
    scale = np.abs(expected[name]).max()
    np.testing.assert_allclose(gradient, expected[name], atol=1e-5 * scale, err_msg=name)


def test_one_iteration_is_traced_once_however_many_there_are(images: np.ndarray) -> None:
  trainer = make_trainer(iterations=6)
  train(trainer, images)
  assert trainer._first.experimental_get_tracing_count() == 1
  assert trainer._next.experimental_get_tracing_count() == 1
  trainer.set_iterations(5)
  train(trainer, images)
  assert trainer._next.experimental_get_tracing_count() == 1
  losses = trainer.pop_metrics()[1]
  assert losses.shape == (5,)


def test_loss_is_the_mean_over_elements_and_iterations(images: np.ndarray) -> None:
  for loss in ("l1", "mse"):
    trainer = make_trainer(loss=loss, pixel_range=0.9)
    x = trainer.coder.to_x(images)
    residuals = x - trainer.coder(x).images
    squares = tf.reduce_mean(tf.square(residuals), axis=(1, 2, 3, 4)).numpy()
    expected = squares
    if loss == "l1":
      expected = tf.reduce_mean(tf.abs(residuals), axis=(1, 2, 3, 4)).numpy()
    assert train(trainer, images) == pytest.approx(expected.mean(), rel=1e-5)
    mean, by_iteration, mean_squares = trainer.pop_metrics()
    assert mean == pytest.approx(expected.mean(), rel=1e-5)
    np.testing.assert_allclose(by_iteration, expected, rtol=1e-5)
    np.testing.assert_allclose(mean_squares, squares, rtol=1e-5)


def test_metrics_are_means_since_they_were_last_asked_for(images: np.ndarray) -> None:
  trainer = make_trainer(iterations=1)
  losses = [train(trainer, images) for _ in range(3)]
  assert trainer.pop_metrics()[0] == pytest.approx(np.mean(losses), rel=1e-5)
  loss = train(trainer, images)
  assert trainer.pop_metrics()[0] == pytest.approx(loss, rel=1e-5)


def test_one_iteration_leaves_what_it_does_not_use_as_it_is(images: np.ndarray) -> None:
  trainer = make_trainer(framework="residual_scaling")
  trainer.set_iterations(1)
  before = arrays_of(trainer.coder)
  train(trainer, images)
  unused = ("gain_estimator", "gates", "candidate", "hidden_skip")
  for name, value in arrays_of(trainer.coder).items():
    same = np.array_equal(value, before[name])
    assert same == any(part in name for part in unused), name
  trainer.set_iterations(2)  # and they are trained once they are used
  train(trainer, images)
  for name, value in arrays_of(trainer.coder).items():
    assert not np.array_equal(value, before[name]), name


def test_every_weight_has_an_average_that_each_step_moves(images: np.ndarray) -> None:
  trainer = make_trainer(iterations=1)
  expected = arrays_of(trainer.averaged)
  for name, value in arrays_of(trainer.coder).items():
    np.testing.assert_array_equal(value, expected[name])
  for decay in (2 / 11, 3 / 12):  # after steps 1 and 2, see average_test.py
    train(trainer, images)
    for name, value in arrays_of(trainer.coder).items():
      expected[name] = decay * expected[name] + (1 - decay) * value
  for name, value in arrays_of(trainer.averaged).items():
    np.testing.assert_allclose(value, expected[name], atol=1e-6, err_msg=name)


def test_without_averaging_the_result_is_the_last_weights(images: np.ndarray) -> None:
  trainer = make_trainer(ema=0, iterations=1)
  train(trainer, images)
  for name, value in arrays_of(trainer.coder).items():
    np.testing.assert_array_equal(value, arrays_of(trainer.averaged)[name])


def test_averages_are_not_trained() -> None:
  trainer = make_trainer()
  trained = {id(variable) for variable in trainer.trainable_variables}
  assert trained == {id(variable) for variable in named_variables(trainer.coder).values()}


@pytest.mark.slow
def test_training_lowers_the_loss(photo: np.ndarray) -> None:
  trainer = make_trainer(width=1 / 16, bits=32, iterations=2)
  trainer.compile(tf.keras.optimizers.Adam(3e-3, global_clipnorm=0.5))
  tiles = photo.reshape(16, 32, 16, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)
  data = tf.data.Dataset.from_tensor_slices(tiles).shuffle(256, seed=1).batch(16).repeat(6)
  first = train(trainer, tiles[::8])
  trainer.fit(data, verbose=0)
  assert train(trainer, tiles[::8]) < 0.6 * first


@pytest.mark.slow
def test_mixed_precision_keeps_loss_binarizer_and_variables_float32(
  bfloat16: None, images: np.ndarray
) -> None:
  trainer = make_trainer(framework="residual_scaling", iterations=2)
  x = trainer.coder.to_x(images)
  result = trainer.first_iteration(x)
  assert {state.dtype for state in tf.nest.flatten(result.encoder_states)} == {tf.bfloat16}
  assert {state.dtype for state in tf.nest.flatten(result.decoder_state.states)} == {tf.bfloat16}
  assert result.decoder_state.x_hat.dtype == result.loss.dtype == tf.float32
  codes, _ = trainer.coder.encode_step(x, None, None)
  assert codes.dtype == tf.float32 and set(np.unique(codes)) <= {-1, 1}
  before = arrays_of(trainer.coder)
  loss = train(trainer, images)
  assert np.isfinite(loss)
  for name, variable in named_variables(trainer.coder).items():
    assert variable.dtype == tf.float32
    assert np.isfinite(variable.numpy()).all() and not np.array_equal(variable, before[name]), name
  assert trainer.averaged.encoder.compute_dtype == "float32"
  assert tf.keras.mixed_precision.global_policy().name == "mixed_bfloat16"
  tf.keras.mixed_precision.set_global_policy("float32")
  expected = train(make_trainer(framework="residual_scaling", iterations=2), images)
  assert loss == pytest.approx(expected, rel=0.02)


def test_stochastic_bits_are_drawn_in_training_only(images: np.ndarray) -> None:
  trainer = make_trainer(stochastic=True)
  x = trainer.coder.to_x(images)
  one, other = (trainer.first_iteration(x).loss for _ in range(2))
  assert one != other
  inference = [trainer(images, training=False).images.numpy() for _ in range(2)]
  np.testing.assert_array_equal(*inference)


def test_wrong_arguments_are_refused() -> None:
  coder = RecurrentNetwork(RecurrentConfig(**_SIZES))
  with pytest.raises(ValueError, match="loss"):
    Trainer(coder, loss="l2")
  with pytest.raises(ValueError, match="ema"):
    Trainer(coder, ema=1.0)
