"""A step of training: its loss and gradient, the average of weights, what it measures."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.training.trainer import Trainer
from tests.training.tiny import Numbers, TinyTrainer, tiny_trainer


def step(trainer: TinyTrainer, number: int) -> float:
  """One step; returns its loss."""
  batch = Numbers().batch(number)
  return trainer.train_on_batch(batch, reset_metrics=False, return_dict=True)["loss"]


def arrays(trainer: TinyTrainer, network: tf.keras.Model) -> dict[str, np.ndarray]:
  return {name: variable.numpy() for name, variable in trainer.names(network).items()}


def test_a_step_goes_down_the_gradient_of_the_loss() -> None:
  trainer = TinyTrainer()
  trainer.prepare(tf.keras.optimizers.SGD(0.01))
  before = arrays(trainer, trainer.network)
  x = Numbers().batch(0).reshape(-1, 2)
  errors = x @ before["kernel"][:, 0] + before["bias"] - (2 * x[:, 0] - x[:, 1] + 0.5)
  assert step(trainer, 0) == pytest.approx(np.abs(errors).mean(), rel=1e-5)
  after = arrays(trainer, trainer.network)
  kernel = (np.sign(errors)[:, np.newaxis] * x).mean(axis=0)
  moved = before["kernel"][:, 0] - after["kernel"][:, 0]
  np.testing.assert_allclose(moved, 0.01 * kernel, atol=1e-6)
  np.testing.assert_allclose(
    before["bias"] - after["bias"], 0.01 * np.sign(errors).mean(), atol=1e-6
  )


def test_every_weight_has_an_average_that_each_step_moves() -> None:
  trainer = tiny_trainer(ema=0.9)
  expected = arrays(trainer, trainer.averaged)
  for name, value in arrays(trainer, trainer.network).items():
    np.testing.assert_array_equal(value, expected[name])
  for number, decay in enumerate((2 / 11, 3 / 12)):  # after steps 1 and 2, see average_test.py
    step(trainer, number)
    for name, value in arrays(trainer, trainer.network).items():
      expected[name] = decay * expected[name] + (1 - decay) * value
  for name, value in arrays(trainer, trainer.averaged).items():
    np.testing.assert_allclose(value, expected[name], atol=1e-6, err_msg=name)


def test_averages_are_not_trained() -> None:
  trainer = tiny_trainer()
  trained = {id(variable) for variable in trainer.trainable_variables}
  assert trained == {id(variable) for variable in trainer.named_variables().values()}


def test_measures_are_means_since_they_were_last_asked_for() -> None:
  trainer = tiny_trainer()
  losses = [step(trainer, number) for number in range(3)]
  assert trainer.pop_measures().loss == pytest.approx(np.mean(losses), rel=1e-5)
  loss = step(trainer, 3)
  assert trainer.pop_measures().loss == pytest.approx(loss, rel=1e-5)


def test_weights_can_be_kept_within_limits() -> None:
  class Limited(TinyTrainer):
    def limit_weights(self) -> None:
      for variable in self.network.trainable_variables:
        variable.assign(tf.clip_by_value(variable, -0.25, 0.25))

  trainer = Limited(ema=0.0)
  trainer.prepare(tf.keras.optimizers.SGD(1.0))
  step(trainer, 0)
  for network in (trainer.network, trainer.averaged):  # before the average takes them
    assert max(np.abs(array).max() for array in arrays(trainer, network).values()) == 0.25


def test_what_a_task_must_say_is_named() -> None:
  with pytest.raises(ValueError, match="ema"):
    TinyTrainer(ema=1.0)

  class Nameless(TinyTrainer):
    names = Trainer.names

  with pytest.raises(NotImplementedError, match="Nameless must name its weights"):
    Nameless()
