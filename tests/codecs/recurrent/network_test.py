"""The codec: its steps, its pixels, and what is saved of it."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import compression
from compression.codecs.recurrent import weights
from compression.codecs.recurrent.config import FRAMEWORKS, UNITS, RecurrentConfig
from compression.codecs.recurrent.network import (
  DecoderState,
  RecurrentNetwork,
  pixels_to_x,
  x_to_pixels,
)
from tests.codecs.recurrent.examples import assert_bits

ROOT = pathlib.Path(compression.__file__).resolve().parent.parent


# Steps


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("unit", UNITS)
def test_the_model_is_its_steps(unit, framework, small_model, image):
  model = small_model(unit=unit, framework=framework)
  result = model(image)
  assert len(result.images) == len(result.codes) == model.config.iterations
  states, state = None, None
  for x_hat, code in zip(result.images, result.codes):
    b, states = model.encode_step(image, None if state is None else state.x_hat, states)
    state = model.decode_step(b, state)
    np.testing.assert_array_equal(b, code)
    np.testing.assert_allclose(state.x_hat, x_hat, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_priming_fills_the_states_before_the_first_code(framework, small_model, image):
  """As if the first iteration had been run three times, and the last of them were the first."""
  primed, plain = small_model(framework=framework, priming=2), small_model(framework=framework)
  result = primed(image, iterations=2)
  states = None
  for _ in range(3):
    b, states = plain.encode_step(image, None, states)
  np.testing.assert_array_equal(result.codes[0], b)
  assert (plain(image, iterations=1).codes[0] != b).numpy().any()
  of_decoder = None
  for _ in range(3):
    decoded, of_decoder = plain.decoder(b, of_decoder)
  state = DecoderState(plain.framework.reconstruct(decoded, None), of_decoder)
  np.testing.assert_allclose(result.images[0], state.x_hat, rtol=1e-5, atol=1e-6)
  b, _ = plain.encode_step(image, state.x_hat, states)  # from the second on there is none
  np.testing.assert_array_equal(result.codes[1], b)
  x_hat = plain.decode_step(b, state).x_hat
  np.testing.assert_allclose(result.images[1], x_hat, rtol=1e-5, atol=1e-6)


def test_fewer_iterations_are_the_first_ones_of_more(small_model, image):
  model = small_model(framework="residual_scaling")
  more, fewer = model(image, iterations=5), model(image, iterations=2)
  np.testing.assert_array_equal(fewer.codes, more.codes[:2])
  np.testing.assert_allclose(fewer.images, more.images[:2], rtol=1e-5, atol=1e-6)


def test_decoding_needs_the_codes_only(small_model, image):
  encoding = small_model(framework="additive")
  result = encoding(image)
  decoding = small_model(framework="additive")
  for variable in decoding.encoder.weights:
    variable.assign(tf.zeros_like(variable))
  state = None
  for code, x_hat in zip(result.codes, result.images):
    state = decoding.decode_step(code, state)
    np.testing.assert_allclose(state.x_hat, x_hat, rtol=1e-5, atol=1e-6)


def test_random_bits_are_drawn_in_training_only(small_model, image):
  model = small_model(stochastic_binarizer=True)
  plain = small_model()
  for training in (None, False):
    np.testing.assert_array_equal(model(image, training=training).codes, plain(image).codes)
  drawn = [model(image, training=True).codes.numpy() for _ in range(2)]
  assert set(np.unique(drawn)) == {-1, 1}
  assert (drawn[0] != drawn[1]).any()
  np.testing.assert_array_equal(plain(image, training=True).codes, plain(image).codes)
  again = small_model(stochastic_binarizer=True)  # of the same seed
  np.testing.assert_array_equal(again(image, training=True).codes, drawn[0])


def test_the_image_of_a_code_lies_in_the_range_of_the_decoder(small_model, image):
  assert np.abs(small_model(framework="one_shot")(image).images).max() <= 1


# Pixels


@pytest.mark.parametrize("pixel_range", [0.1, 0.3, 0.5, 0.9, 0.95, 0.999, 1.0])
def test_every_pixel_value_survives(pixel_range):
  pixels = tf.range(256, dtype=tf.int32)
  x = pixels_to_x(pixels, pixel_range)
  assert x.dtype == tf.float32
  np.testing.assert_allclose(x, pixel_range * (2 * np.arange(256) / 255 - 1), atol=1e-6)
  assert np.abs(x).max() <= pixel_range * (1 + 1e-6)
  back = x_to_pixels(x, pixel_range)
  assert back.dtype == tf.uint8
  np.testing.assert_array_equal(back, pixels)


@pytest.mark.parametrize("pixel_range", [0.1, 0.9, 1.0])
def test_pixels_are_the_nearest_ones_and_black_or_white_outside_the_range(pixel_range):
  step = 2 * pixel_range / 255
  x = pixels_to_x(tf.range(256), pixel_range)
  for shift in (-0.49, 0.49):
    np.testing.assert_array_equal(x_to_pixels(x + shift * step, pixel_range), np.arange(256))
  outside = tf.constant([-1e30, -pixel_range - 1, pixel_range + 1, 1e30])
  np.testing.assert_array_equal(x_to_pixels(outside, pixel_range), [0, 0, 255, 255])


def test_the_model_has_the_pixel_range_of_its_configuration():
  model = RecurrentNetwork(RecurrentConfig(width=1 / 32, pixel_range=0.9))
  image = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, -1)
  x = model.to_x(image)
  assert float(tf.reduce_max(x)) == pytest.approx(0.9) == -float(tf.reduce_min(x))
  np.testing.assert_array_equal(model.to_pixels(x), image)


# Configurations and saving


def test_the_configuration_makes_the_same_model(small_model, image):
  model = small_model(framework="residual_scaling", stochastic_binarizer=True)
  values = model.get_config()
  assert values["config"] == model.config.to_dict()
  copy = RecurrentNetwork.from_config(values)
  assert copy.config == model.config and copy.get_config() == values
  weights.assign_weights(copy, weights.arrays_of(model), "the original")
  np.testing.assert_allclose(copy(image).images, model(image).images, rtol=1e-5, atol=1e-6)
  np.testing.assert_array_equal(copy(image, training=True).codes, model(image, training=True).codes)


def test_without_a_configuration_it_is_the_default_one():
  assert RecurrentNetwork().config == RecurrentConfig()
  assert RecurrentNetwork({"unit": "gru"}).config == RecurrentConfig(unit="gru")


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("unit", UNITS)
def test_a_model_is_saved_and_loaded(unit, framework, small_model, image, tmp_path):
  model = small_model(unit=unit, framework=framework, use_bias=True)
  expected = model(image)
  model.save(tmp_path / "model.keras")
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  assert loaded.config == model.config
  found = loaded(image)
  np.testing.assert_array_equal(found.codes, expected.codes)
  np.testing.assert_allclose(found.images, expected.images, rtol=1e-5, atol=1e-6)


def test_a_model_that_was_built_by_running_is_saved_and_loaded(image, tmp_path):
  model = RecurrentNetwork(
    RecurrentConfig(framework="residual_scaling", width=1 / 32, iterations=2)
  )
  expected = model(image)
  model.save(tmp_path / "model.keras")
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  np.testing.assert_allclose(loaded(image).images, expected.images, rtol=1e-5, atol=1e-6)


def test_a_model_that_never_ran_is_saved_and_loaded(small_model, image, tmp_path):
  model = small_model()
  model.save(tmp_path / "model.keras")
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  np.testing.assert_allclose(loaded(image).images, model(image).images, rtol=1e-5, atol=1e-6)


LOAD = """
import sys
import numpy as np
import tensorflow as tf
import compression.codecs.recurrent.network
folder = sys.argv[1]
model = tf.keras.models.load_model(folder + "/model.keras")
result = model(np.load(folder + "/x.npy"))
np.savez(folder + "/result.npz", images=result.images, codes=result.codes)
"""


@pytest.mark.slow
def test_another_process_loads_the_model(small_model, image, tmp_path):
  model = small_model(framework="residual_scaling", unit="associative_lstm", use_bias=True)
  expected = model(image)
  model.save(tmp_path / "model.keras")
  np.save(tmp_path / "x.npy", image)
  command = [sys.executable, "-c", LOAD, str(tmp_path)]
  done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  with np.load(tmp_path / "result.npz") as found:
    np.testing.assert_array_equal(found["codes"], expected.codes)
    np.testing.assert_allclose(found["images"], expected.images, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_saved_model_gives_the_same_images(small_model, image, tmp_path):
  model = small_model(unit="gru", framework="residual_scaling", iterations=2)
  model(image)
  tf.saved_model.save(model, str(tmp_path / "model"))
  images, codes = tf.saved_model.load(str(tmp_path / "model"))(image, training=False)
  expected = assert_bits(model, image, codes.numpy() > 0)
  np.testing.assert_allclose(images, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_keras_loads_the_model_from_a_saved_model(small_model, image, tmp_path):
  model = small_model(unit="gru", iterations=2)
  model(image)
  model.save(str(tmp_path / "model"), save_format="tf")
  images, codes = tf.keras.models.load_model(str(tmp_path / "model"))(image)
  expected = assert_bits(model, image, codes.numpy() > 0)
  np.testing.assert_allclose(images, expected, rtol=1e-4, atol=1e-5)


def test_mixed_precision_changes_few_bits(mixed_bfloat16, small_model, image):
  mixed = small_model(framework="residual_scaling")
  assert mixed.get_config()["dtype"] == "mixed_bfloat16"
  assert RecurrentNetwork.from_config(mixed.get_config()).encoder.compute_dtype == "bfloat16"
  result = mixed(image)
  assert result.images.dtype == result.codes.dtype == tf.float32
  tf.keras.mixed_precision.set_global_policy("float32")
  exact = small_model(framework="residual_scaling")(image)
  assert np.mean(result.codes[0] != exact.codes[0]) < 0.05
