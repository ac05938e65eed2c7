"""The runner gives what the model gives, with each step traced once for all sizes of images."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent.config import FRAMEWORKS, UNITS, RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.codecs.recurrent.runner import Runner
from tests.codecs.recurrent.examples import assert_bits
from tests.near import assert_near_pixels

BFLOAT16 = 2**-5
"""A state in [-1, 1] whose last bit differs is 2**-8 off; x_hat comes from several of them."""


def pixels(height: int, width: int, seed: int = 1) -> np.ndarray:
  return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def traces(runner: Runner) -> list[int]:
  return [function.experimental_get_tracing_count() for function in runner.steps.functions]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_it_gives_what_the_model_gives(framework, small_model):
  model = small_model(unit="gru", framework=framework, pixel_range=0.9)
  runner = Runner(model)
  image = pixels(32, 48)
  layers = list(runner.encode(image, 3, keep_last=True))
  bits = np.stack([layer.bits for layer in layers])
  expected = assert_bits(model, model.to_x(image[np.newaxis]), bits[:, np.newaxis])
  for layer, x_hat in zip(layers, expected):
    np.testing.assert_allclose(layer.state.x_hat, x_hat, rtol=1e-4, atol=1e-5)
  decoded = list(runner.decode(bits))
  assert len(layers) == len(decoded) == 3
  for layer, state in zip(layers, decoded):
    tf.nest.map_structure(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), layer.state, state
    )


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_each_step_is_traced_once_for_all_sizes(unit, small_model):
  model = small_model(unit=unit, framework="residual_scaling")
  runner = Runner(model)
  for height, width in ((32, 48), (16, 16), (48, 16), (16, 80)):
    image = pixels(height, width)
    layers = list(runner.encode(image, 3, keep_last=True))
    bits = np.stack([layer.bits for layer in layers])
    states = list(runner.decode(bits))
    expected = assert_bits(model, model.to_x(image[np.newaxis]), bits[:, np.newaxis])
    np.testing.assert_allclose(states[-1].x_hat, expected[-1], rtol=1e-4, atol=1e-5)
    assert runner.pixels(states[-1]).shape == image.shape
  assert traces(runner) == [1, 1, 1, 1]


def test_fewer_iterations_and_layers_are_the_first_ones_of_more(small_model):
  runner = Runner(small_model(unit="gru", framework="additive"))
  image = pixels(32, 32)
  more = [layer.bits for layer in runner.encode(image, 4)]
  fewer = [layer.bits for layer in runner.encode(image, 2)]
  np.testing.assert_array_equal(fewer, more[:2])
  whole = [state.x_hat for state in runner.decode(np.stack(more))]
  part = [state.x_hat for state in runner.decode(np.stack(fewer))]
  np.testing.assert_allclose(part, whole[:2], rtol=1e-5, atol=1e-6)
  assert list(runner.encode(image, 0)) == []


def test_the_last_state_is_computed_only_on_request(small_model):
  runner = Runner(small_model(unit="gru"))
  image = pixels(16, 16)
  without = list(runner.encode(image, 2))
  assert without[0].state is not None and without[1].state is None
  assert traces(runner) == [1, 1, 1, 0]
  with_last = list(runner.encode(image, 2, keep_last=True))
  assert all(layer.state is not None for layer in with_last)
  for one, other in zip(without, with_last):
    np.testing.assert_array_equal(one.bits, other.bits)


def test_images_encoded_in_turns_do_not_mix(small_model):
  runner = Runner(small_model(unit="gru", framework="additive"))
  images = [pixels(32, 32, seed=1), pixels(16, 48, seed=2)]
  alone = [[layer.bits for layer in runner.encode(image, 3)] for image in images]
  turns = list(zip(*(runner.encode(image, 3) for image in images)))
  for index in range(2):
    together = [turn[index].bits for turn in turns]
    np.testing.assert_array_equal(together, alone[index])


def test_pixels_are_those_of_the_model(small_model):
  model = small_model(unit="gru", pixel_range=0.9)
  runner = Runner(model)
  state = list(runner.encode(pixels(16, 32), 2, keep_last=True))[-1].state
  found = runner.pixels(state)
  assert found.dtype == np.uint8
  assert_near_pixels(found, model.to_pixels(state.x_hat)[0].numpy())


def test_a_model_that_is_not_built_is_built():
  model = RecurrentNetwork(RecurrentConfig(unit="gru", width=1 / 32))
  assert not model.built
  (layer,) = Runner(model).encode(pixels(16, 16), 1)
  assert layer.bits.shape == (1, 1, 32)


def test_mixed_precision(mixed_bfloat16, small_model):
  model = small_model(unit="gru", framework="residual_scaling")
  runner = Runner(model)
  layers = list(runner.encode(pixels(32, 48), 3, keep_last=True))
  states = list(runner.decode(np.stack([layer.bits for layer in layers])))
  assert {part.dtype for part in tf.nest.flatten(states[-1].states)} == {tf.bfloat16}
  assert states[-1].x_hat.dtype == tf.float32
  np.testing.assert_allclose(states[-1].x_hat, layers[-1].state.x_hat, rtol=0, atol=BFLOAT16)
