"""Tests of compression/training/schedule.py."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.training.muon import Muon
from compression.training.schedule import WarmUpCosine, make_optimizer


def test_warm_up_constant_and_cosine_parts() -> None:
  rate = WarmUpCosine(0.5, 10_000)
  assert float(rate(0)) == pytest.approx(0.5 / 300)
  assert float(rate(149)) == pytest.approx(0.25)
  for step in (299, 1000, 5000):
    assert float(rate(step)) == pytest.approx(0.5)
  assert float(rate(7500)) == pytest.approx(0.5 * 0.51, rel=1e-4)
  assert float(rate(10_000)) == pytest.approx(0.5 * 0.02, rel=1e-4)
  assert float(rate(20_000)) == pytest.approx(0.5 * 0.02, rel=1e-4)
  late = [float(rate(step)) for step in range(5000, 10_000, 500)]
  assert late == sorted(late, reverse=True)


def test_serializes() -> None:
  rate = WarmUpCosine(0.25, 100, warm_up_steps=10)
  schedules = tf.keras.optimizers.schedules
  again = schedules.deserialize(schedules.serialize(rate))
  assert isinstance(again, WarmUpCosine) and again.get_config() == rate.get_config()
  optimizer = make_optimizer("adam", WarmUpCosine(0.25, 100), 1e-7, 0.5)
  again = tf.keras.optimizers.deserialize(tf.keras.optimizers.serialize(optimizer))
  assert float(again.learning_rate) == pytest.approx(float(optimizer.learning_rate))


@pytest.mark.parametrize("name", ["adam", "adamw", "nadam", "rmsprop", "sgd"])
def test_optimizers_clip_all_gradients_together(name: str) -> None:
  optimizer = make_optimizer(name, WarmUpCosine(0.01, 100), epsilon=0.25, clip_norm=0.5)
  assert optimizer.name.lower() == name
  assert optimizer.global_clipnorm == 0.5
  if name != "sgd":
    assert optimizer.epsilon == 0.25
  variable = tf.Variable([1.0, 2.0])
  optimizer.apply_gradients([(tf.constant([3e6, 4e6]), variable)])
  assert np.isfinite(variable.numpy()).all() and (variable.numpy() < [1.0, 2.0]).all()


def test_clipping_can_be_switched_off() -> None:
  assert make_optimizer("adam", 0.01, 1e-7, clip_norm=0.0).global_clipnorm is None


def test_muon_is_given_which_variables_are_matrices() -> None:
  optimizer = make_optimizer("muon", WarmUpCosine(1e-2, 100), 0.125, 0.25, [2, 0])
  assert isinstance(optimizer, Muon) and optimizer.matrices == [2, 0]
  assert (optimizer.global_clipnorm, optimizer.epsilon) == (0.25, 0.125)
  assert float(optimizer.learning_rate) == pytest.approx(1e-2 / 300)
