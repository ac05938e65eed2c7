"""The average of weights: its formula, at the beginning, without averaging, on several devices."""

from __future__ import annotations

import pathlib
import textwrap

import numpy as np
import pytest
import tensorflow as tf

from compression.training import average
from tests.forks import Fork

SHAPES = ([2, 3], [])


def make_pairs() -> list[tuple[tf.Variable, tf.Variable]]:
  """Averages of -1, and weights of 0, that are not alike in shape."""
  return [(tf.Variable(-tf.ones(shape)), tf.Variable(tf.zeros(shape))) for shape in SHAPES]


def run(pairs: list[tuple[tf.Variable, tf.Variable]], steps: range, ema: float) -> list[float]:
  """The average of each weight after each step, as one number; at step s the weights are s."""
  number = tf.Variable(0, dtype=tf.int64)

  @tf.function
  def train() -> None:
    for _, weight in pairs:
      weight.assign(tf.fill(weight.shape, tf.cast(number, tf.float32)))
    average.update(pairs, number, ema, tf.distribute.get_strategy())

  found = []
  for step in steps:
    number.assign(step)
    train()
    (value,) = {float(x) for mean, _ in pairs for x in np.ravel(mean)}
    found.append(value)
  return found


@pytest.mark.parametrize("ema", [0.4, 0.999])
def test_it_follows_the_weights_and_warms_up(ema: float) -> None:
  steps, expected, value = range(1, 13), [], -1.0
  for step in steps:
    decay = min(ema, (step + 1) / (step + 10))
    value = decay * value + (1 - decay) * step
    expected.append(value)
  np.testing.assert_allclose(run(make_pairs(), steps, ema), expected, rtol=1e-5)


def test_in_the_end_it_moves_by_what_was_asked_for() -> None:
  (found,) = run(make_pairs(), range(10**6, 10**6 + 1), 0.75)
  assert found == pytest.approx(-1 + 0.25 * (10**6 + 1))


def test_without_averaging_it_is_the_weight_itself() -> None:
  assert run(make_pairs(), range(1, 6), 0.0) == [1, 2, 3, 4, 5]


def test_weights_that_rest_are_left_exactly_as_they_are() -> None:
  weight = tf.Variable(np.random.default_rng(0).normal(0, 1, 1000).astype(np.float32))
  mean = tf.Variable(weight)
  for step in range(1, 30):
    average.update([(mean, weight)], tf.constant(step), 0.9, tf.distribute.get_strategy())
  np.testing.assert_array_equal(mean, weight)


def test_on_two_devices_it_moves_once_a_step(tmp_path: pathlib.Path) -> None:
  code = """
    import tensorflow as tf
    from compression.training import average

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
      weight, mean = tf.Variable(0.0), tf.Variable(-1.0)
      steps = tf.Variable(0, dtype=tf.int64)

    @tf.function
    def train():
      strategy.run(lambda: average.update([(mean, weight)], steps, 0.4, strategy))

    for step in range(1, 7):
      steps.assign(step)
      weight.assign(step)
      train()
    print(*(float(value) for value in strategy.experimental_local_results(mean)))
  """
  process = Fork(textwrap.dedent(code), output=tmp_path / "out")
  assert process.wait() == 0, process.errors
  expected = run(make_pairs(), range(1, 7), 0.4)[-1]
  np.testing.assert_allclose(
    [float(word) for word in process.printed.split()], [expected] * 2, 1e-6
  )
