"""Loss, gradients and measures of training the recurrent network, for every unit and framework."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent.config import FRAMEWORKS, UNITS, RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.codecs.recurrent.weights import arrays_of, named_variables
from compression.common.errors import ConfigError
from compression.training.distortion import hvs_square
from compression.training.tasks.recurrent.rate import RateTerm, bits_per_pixel
from compression.training.tasks.recurrent.trainer import Drawn, RecurrentTrainer

# The unit that is traced soonest, where none is named.
_SIZES = {"unit": "lstm", "width": 1 / 32, "bits": 8, "iterations": 3}
_VANISHED = 1e-9  # a gradient so small moves nothing: Adam adds 1e-7 to its root mean square


def make_trainer(
  stochastic: bool = False,
  ema: float = 0.999,
  loss: str = "l1",
  rate: RateTerm | None = None,
  drawn: Drawn | None = None,
  eagerly: bool = False,
  **config: object,
) -> RecurrentTrainer:
  """Ready to be trained; `eagerly`, without the second or more that it takes to trace a step."""
  tf.keras.utils.set_random_seed(1)
  network = RecurrentNetwork(RecurrentConfig(**{**_SIZES, **config}), stochastic, seed=5)
  trainer = RecurrentTrainer(network, loss, ema, rate, drawn)
  of_rate = None if rate is None else tf.keras.optimizers.Adam(1e-3)
  trainer.prepare(tf.keras.optimizers.Adam(1e-3, global_clipnorm=0.5), of_rate)
  trainer.run_eagerly = eagerly
  return trainer


def train(trainer: RecurrentTrainer, images: np.ndarray) -> float:
  """One step; returns its loss."""
  return trainer.train_on_batch(images, reset_metrics=False, return_dict=True)["loss"]


@pytest.fixture(scope="module")
def images(photo: np.ndarray) -> np.ndarray:
  return np.stack([photo[top : top + 32, 200:248] for top in (64, 128)])


@pytest.fixture
def bfloat16() -> Iterator[None]:
  tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
  yield
  tf.keras.mixed_precision.set_global_policy("float32")


# Each unit once, each framework once; the plain call of each is made once.
PAIRS = [
  ("residual_gru", "residual_scaling"),
  ("associative_lstm", "additive"),
  ("lstm", "one_shot"),
  ("gru", "one_shot"),
]


class Plain(NamedTuple):
  """Loss and gradients by the network's own `call`, eagerly: nothing of the trainer's."""

  trainer: RecurrentTrainer
  x: tf.Tensor
  loss: float
  gradients: dict[str, tf.Tensor]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def plain(request: pytest.FixtureRequest, images: np.ndarray) -> Plain:
  unit, framework = request.param
  trainer = make_trainer(unit=unit, framework=framework, use_bias=True)
  x = trainer.network.to_x(images)
  variables = named_variables(trainer.network)
  with tf.GradientTape() as tape:
    reconstructions = trainer.network(x, training=True).images
    loss = tf.reduce_mean(tf.abs(x - reconstructions))
  gradients = dict(zip(variables, tape.gradient(loss, list(variables.values()))))
  return Plain(trainer, x, float(loss), gradients)


def test_every_unit_and_framework_is_tried() -> None:
  assert {unit for unit, _ in PAIRS} == set(UNITS)
  assert {framework for _, framework in PAIRS} == set(FRAMEWORKS)


def test_every_variable_gets_a_finite_gradient(plain: Plain) -> None:
  scaled = plain.trainer.network.config.framework == "residual_scaling"
  assert any("gain_estimator" in name for name in plain.gradients) == scaled
  for name, gradient in plain.gradients.items():
    assert gradient is not None, name
    assert np.isfinite(gradient).all(), name
    assert np.abs(gradient).max() > _VANISHED, name


@pytest.mark.slow
def test_traced_iterations_have_the_loss_and_gradients_of_plain_calls(plain: Plain) -> None:
  trainer = plain.trainer
  variables = named_variables(trainer.network)

  @tf.function
  def traced() -> tuple[tf.Tensor, list[tf.Tensor]]:
    with tf.GradientTape() as tape:
      errors, _ = trainer.iterate(plain.x)
      loss = tf.reduce_mean(errors[trainer.distortion.needs.index("l1")])
    return loss, tape.gradient(loss, list(variables.values()))

  loss, gradients = traced()
  assert float(loss) == pytest.approx(plain.loss, rel=1e-5)
  for name, gradient in zip(variables, gradients):
    scale = np.abs(plain.gradients[name]).max()
    atol = 1e-4 * scale  # sums of thousands of products, in another order
    np.testing.assert_allclose(gradient, plain.gradients[name], atol=atol, err_msg=name)


def test_one_iteration_is_traced_once_however_many_there_are(images: np.ndarray) -> None:
  trainer = make_trainer(iterations=3)
  train(trainer, images)
  assert trainer._first.experimental_get_tracing_count() == 1
  assert trainer._next.experimental_get_tracing_count() == 1
  trainer.set_iterations(2)
  train(trainer, images)
  assert trainer._next.experimental_get_tracing_count() == 1
  scalars = trainer.pop_measures().scalars
  assert scalars["iterations"] == 2 and "loss/iteration_02" in scalars
  assert "loss/iteration_03" not in scalars


@pytest.mark.parametrize("loss", ["l1", "mse"])
def test_loss_is_the_mean_over_elements_and_iterations(loss: str, images: np.ndarray) -> None:
  trainer = make_trainer(loss=loss, pixel_range=0.9, iterations=2, eagerly=True)
  x = trainer.network.to_x(images)
  residuals = x - trainer.network(x).images
  squares = tf.reduce_mean(tf.square(residuals), axis=(1, 2, 3, 4)).numpy()
  expected = squares
  if loss == "l1":
    expected = tf.reduce_mean(tf.abs(residuals), axis=(1, 2, 3, 4)).numpy()
  assert train(trainer, images) == pytest.approx(expected.mean(), rel=1e-5)
  assert trainer.describe(0.25) == "iterations 2, loss 0.2500"
  measures = trainer.pop_measures()
  assert measures.loss == measures.scalars["loss"] == pytest.approx(expected.mean(), rel=1e-5)
  assert measures.text == f"iterations 2  loss {measures.loss:.4f}"
  for number, (mean, square) in enumerate(zip(expected, squares), 1):
    assert measures.scalars[f"loss/iteration_{number:02}"] == pytest.approx(mean, rel=1e-5)
    decibels = 20 * np.log10(2 * 0.9) - 10 * np.log10(square)
    assert measures.scalars[f"psnr/iteration_{number:02}"] == pytest.approx(decibels, abs=1e-3)


def test_bits_are_paid_for_and_drawn_tiles_count_by_themselves(photo: np.ndarray) -> None:
  rate, drawn = RateTerm(1.5, 0.5, ramp=4), Drawn(np.array([False, False, True, False]), 0.2)
  options = {"iterations": 2, "eagerly": True}
  trainer = make_trainer(loss="log_mse:0.5,psnr_hvs:0.5", rate=rate, drawn=drawn, **options)
  images = np.stack([photo[top : top + 32, 200:248] for top in range(0, 128, 32)])
  images[2] = 127  # which is the drawn one of four
  trainer.optimizer.iterations.assign(2)  # half of the ramp
  x = trainer.network.to_x(images)
  result = trainer.network(x)
  bits = trainer.beside(result.codes)
  bpp = bits_per_pixel(bits, 6).numpy().mean(axis=1)
  expected, photos = np.zeros(2), [0, 1, 3]
  for t in range(2):
    y = (result.images[t] + 1) / 2
    squares = tf.reduce_mean(tf.square(y - images / 255), axis=(1, 2, 3)).numpy()
    hvs = hvs_square(tf.constant(images / 255, tf.float32), y).numpy()
    of_photos = 5 * np.log10(squares[photos].mean()) + 5 * np.log10(hvs[photos].mean())
    expected[t] = 0.8 * of_photos + 0.2 * 10 * np.log10(squares[2] + 6e-6)
    expected[t] += 0.5 * rate.weights(8, 2)[t] * bpp[t]
  assert train(trainer, images) == pytest.approx(expected.mean(), abs=2e-3)
  measures = trainer.pop_measures()
  assert measures.scalars["bpp/iteration_02"] == pytest.approx(bpp[1], rel=1e-4)
  assert measures.text.endswith(f"bpp 1: {bpp[0]:.3f}")
  assert measures.scalars["psnr/iteration_01"] > 3  # of the photos alone


def test_the_rate_model_learns_whatever_bits_cost(images: np.ndarray) -> None:
  """Its gradient is that of the bits by themselves: the ramp of their weight is not in it."""
  rate = RateTerm(1.0, 1.0, 1000)
  trainer = make_trainer(loss="log_mse", rate=rate, iterations=2, eagerly=True)
  trainer.rate_optimizer = tf.keras.optimizers.SGD(1.0)
  trainer.rate_optimizer.build(trainer.beside.trainable_variables)
  weights = [*trainer.network.weights, *trainer.beside.weights]
  first = [variable.numpy() for variable in weights]
  steps = []
  for made in (1000, 0):
    trainer.optimizer.iterations.assign(made)
    for variable, value in zip(weights, first):
      variable.assign(value)
    train(trainer, images)
    before = first[-len(trainer.beside.weights) :]
    steps.append([v.numpy() - old for v, old in zip(trainer.beside.weights, before)])
  assert any(np.abs(step).max() > 1e-3 for step in steps[0])
  for of_all, of_nearly_nothing in zip(*steps):
    scale = max(np.abs(of_all).max(), 1e-6)
    np.testing.assert_allclose(of_nearly_nothing, of_all, atol=1e-3 * scale)


def test_the_rate_model_has_an_average_and_is_checkpointed(
  tmp_path: pathlib.Path, images: np.ndarray
) -> None:
  def make() -> RecurrentTrainer:
    return make_trainer(loss="log_mse", rate=RateTerm(1.0, 0.5, 10), iterations=1, eagerly=True)

  trainer, other = make(), make()
  first = [v.numpy() for v in trainer.averaged_beside.weights]
  for _ in range(2):
    train(trainer, images)
  assert not trainer.averaged_beside.trainable_variables
  assert trainer.averaged_beside.compute_dtype == "float32"
  for mean, variable, old in zip(trainer.averaged_beside.weights, trainer.beside.weights, first):
    between = np.abs(mean - old).max(), np.abs(variable - old).max()
    assert between[0] <= between[1] + 1e-7, variable.name
  assert any(v is trainer.named_variables()[v.name] for v in trainer.beside.weights)
  path = trainer.checkpoint().save(str(tmp_path / "checkpoint"))
  other.checkpoint().restore(path).assert_existing_objects_matched()
  # Two optimizers with their moments: the next step will be the same.
  ours, theirs = (
    [
      *(weight for part in (each.network, each.averaged) for weight in part.weights),
      *(weight for part in (each.beside, each.averaged_beside) for weight in part.weights),
      *(moment for part in (each.optimizer, each.rate_optimizer) for moment in part.variables),
    ]
    for each in (trainer, other)
  )
  assert len(ours) == len(theirs)
  for one, two in zip(ours, theirs):
    np.testing.assert_array_equal(one, two, err_msg=one.name)


def test_another_unit_and_framework_is_trained_for_the_bytes(images: np.ndarray) -> None:
  loss = "log_mse:0.75,psnr_hvs:0.25,ms_ssim:0.35"
  options = {"unit": "associative_lstm", "framework": "residual_scaling", "iterations": 2}
  trainer = make_trainer(loss=loss, rate=RateTerm(1.0, 0.5, 0), eagerly=True, **options)
  before = arrays_of(trainer.network)
  assert np.isfinite(train(trainer, images))
  for name, value in arrays_of(trainer.network).items():
    assert np.isfinite(value).all() and not np.array_equal(value, before[name]), name


@pytest.mark.slow
def test_what_one_iteration_leaves_as_it_is_is_trained_by_two_and_the_loss_falls(
  photo: np.ndarray,
) -> None:
  options = {"unit": "residual_gru", "framework": "residual_scaling", "iterations": 2}
  trainer = make_trainer(width=1 / 16, bits=32, **options)
  trainer.prepare(tf.keras.optimizers.Adam(3e-3, global_clipnorm=0.5))
  tiles = photo.reshape(16, 32, 16, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)
  trainer.set_iterations(1)
  before = arrays_of(trainer.network)
  train(trainer, tiles[::8])
  unused = ("gain_estimator", "gates", "candidate", "hidden_skip")
  for name, value in arrays_of(trainer.network).items():
    same = np.array_equal(value, before[name])
    assert same == any(part in name for part in unused), name

  trainer.set_iterations(2)
  first = train(trainer, tiles[::8])
  for name, value in arrays_of(trainer.network).items():
    assert not np.array_equal(value, before[name]), name

  rng = np.random.default_rng(1)
  for _ in range(32):
    train(trainer, rng.permutation(tiles)[:32])
  assert train(trainer, tiles[::8]) < 0.8 * first


def test_every_weight_has_an_average_in_float32(bfloat16: None) -> None:
  trainer = make_trainer(framework="residual_scaling")
  averages, weights = arrays_of(trainer.averaged), arrays_of(trainer.network)
  assert averages.keys() == weights.keys() == trainer.named_variables().keys()
  for name, value in weights.items():
    np.testing.assert_array_equal(averages[name], value)
  assert trainer.averaged.encoder.compute_dtype == "float32"
  assert not trainer.averaged.trainable_variables


@pytest.mark.slow
def test_mixed_precision_keeps_loss_binarizer_and_variables_float32(
  bfloat16: None, images: np.ndarray
) -> None:
  trainer = make_trainer(framework="residual_scaling", iterations=2, eagerly=True)
  x = trainer.network.to_x(images)
  result = trainer.first_iteration(x)
  assert {state.dtype for state in tf.nest.flatten(result.encoder_states)} == {tf.bfloat16}
  assert {state.dtype for state in tf.nest.flatten(result.decoder_state.states)} == {tf.bfloat16}
  assert {result.decoder_state.x_hat.dtype, *(e.dtype for e in result.errors)} == {tf.float32}
  codes, _ = trainer.network.encode_step(x, None, None)
  assert codes.dtype == tf.float32 and set(np.unique(codes)) <= {-1, 1}
  before = arrays_of(trainer.network)
  loss = train(trainer, images)
  assert np.isfinite(loss)
  for name, variable in named_variables(trainer.network).items():
    assert variable.dtype == tf.float32
    assert np.isfinite(variable.numpy()).all() and not np.array_equal(variable, before[name]), name
  assert tf.keras.mixed_precision.global_policy().name == "mixed_bfloat16"
  tf.keras.mixed_precision.set_global_policy("float32")
  network = make_trainer(framework="residual_scaling", iterations=2).network
  expected = tf.reduce_mean(tf.abs(x - network(x).images))
  assert loss == pytest.approx(float(expected), rel=0.02)


def test_stochastic_bits_are_drawn_in_training_only(images: np.ndarray) -> None:
  trainer = make_trainer(stochastic=True)
  x = trainer.network.to_x(images)
  one, other = (trainer.first_iteration(x).b.numpy() for _ in range(2))
  assert not np.array_equal(one, other)
  inference = [trainer(images, training=False).images.numpy() for _ in range(2)]
  np.testing.assert_allclose(*inference, atol=1e-5)


def test_wrong_arguments_are_refused() -> None:
  network = RecurrentNetwork(RecurrentConfig(**_SIZES))
  with pytest.raises(ConfigError, match="loss"):
    RecurrentTrainer(network, loss="l2")
  for options in ({"rate": RateTerm(1, 1, 0)}, {"drawn": Drawn(np.ones(2, bool), 0.1)}):
    with pytest.raises(ValueError, match="in decibels"):
      RecurrentTrainer(network, loss="log_mse,l1", **options)
  trainer = RecurrentTrainer(network, loss="log_mse", rate=RateTerm(1, 1, 0))
  with pytest.raises(ValueError, match="an optimizer"):
    trainer.prepare(tf.keras.optimizers.Adam())
  with pytest.raises(ValueError, match="ema"):
    RecurrentTrainer(network, ema=1.0)
