"""The progressive probability model: the release's numbers, who sees which bits."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.entropy.bits.progressive import (
  CLIP,
  BRNNPredictor,
  Progressive,
  ProgressiveConfig,
  ProgressiveOutput,
  named_variables,
)
from tests.golden import release


@pytest.fixture(params=release.SOURCES)
def golden(request):
  return release.read("progressive", request.param)


def golden_model(golden, **config):
  """The release's model with its weights, and the codes."""
  model = Progressive(ProgressiveConfig(layer_depth=4, layer_count=3, **config))
  for name, variable in named_variables(model).items():
    variable.assign(golden[name])
  return model, tf.constant(golden["codes"], tf.float32)


def random_model(seed=1, **config):
  model = Progressive(ProgressiveConfig(**config))
  rng = np.random.default_rng(seed)
  for _, variable in sorted(named_variables(model).items()):
    scale = 1 / np.sqrt(np.prod(variable.shape[:-1])) if variable.shape.rank > 1 else 0.3
    variable.assign(rng.normal(0, scale, variable.shape))
  return model


def random_codes(*shape, seed=1):
  bits = np.random.default_rng(seed).random(shape) < 0.5
  return tf.constant(np.where(bits, 1, -1).astype(np.float32))


def assert_close(found, expected):
  np.testing.assert_allclose(found, expected, atol=release.TOLERANCE, rtol=0)


# The release's numbers


@pytest.mark.parametrize("traced", [False, True])
def test_the_releases_numbers_are_reproduced(golden, traced):
  model, codes = golden_model(golden)
  signature = [tf.TensorSpec([None, None, None, 12])]
  call = tf.function(lambda x: model(x), input_signature=signature) if traced else model
  output = call(codes)
  assert isinstance(output, ProgressiveOutput)
  for k in range(3):
    assert_close(output.predictions[k], golden[f"prediction_clipped/layer{k}"])
    assert_close(output.layer_states[k], golden[f"layer_state/layer{k}"])
  assert_close(output.code_lengths, golden["code_length"])
  assert_close(tf.reduce_mean(output.code_lengths), golden["average_code_length"])


def test_the_releases_predictions_before_they_are_cut_off(golden):
  model, codes = golden_model(golden)
  layer_state, rnn_state, cut = None, None, 0
  for k, layer_codes in enumerate(tf.split(codes, 3, axis=-1)):
    prediction = model.predictors[k](layer_codes, layer_state)
    assert_close(prediction, golden[f"prediction/layer{k}"])
    cut += np.sum(np.abs(prediction) > CLIP)
    layer_state, rnn_state = model.next_layer_state(k, layer_codes, rnn_state)
    assert_close(layer_state, golden[f"layer_state/layer{k}"])
  assert cut > 0


def test_coded_layers_and_codes_of_fewer_layers(golden):
  model, codes = golden_model(golden, coded_layer_count=2)
  coded = model(codes)
  assert coded.predictions.shape[0] == coded.code_lengths.shape[0] == 2
  assert_close(tf.reduce_mean(coded.code_lengths), golden["average_code_length_coded2"])
  model, codes = golden_model(golden)
  for found, expected in zip(model(codes[..., :8]), coded):
    assert_close(found, expected)


def test_every_weight_has_its_name_in_the_release(golden):
  model = Progressive(ProgressiveConfig(layer_depth=4, layer_count=3))
  variables = named_variables(model)
  expected = {name for name in golden if name.endswith(("kernel", "bias"))}
  assert set(variables) == expected
  assert len({id(variable) for variable in variables.values()}) == len(model.weights)
  assert {name: tuple(variable.shape) for name, variable in variables.items()} == {
    name: golden[name].shape for name in expected
  }


def test_no_layer_state_is_a_state_of_zeros():
  predictor = random_model(layer_depth=4, layer_count=1).predictors[0]
  codes = random_codes(2, 5, 6, 4)
  assert_close(predictor(codes), predictor(codes, tf.zeros([2, 5, 6, 4])))


# Who sees which bits


def test_no_bit_changes_a_prediction_that_comes_before_it_or_is_of_its_own_place():
  height, width, depth, layers = 5, 6, 2, 3
  model = random_model(layer_depth=depth, layer_count=layers)
  codes = random_codes(height, width, layers * depth).numpy()
  bits = codes.size
  flips = 1 - 2 * np.eye(bits, dtype=np.float32).reshape(bits, *codes.shape)
  # The first image is as it was; in each other one bit is flipped.
  predictions = model(tf.concat([codes[np.newaxis], codes * flips], axis=0)).predictions.numpy()
  changed = np.abs(predictions[:, 1:] - predictions[:, :1]) > 1e-6  # [T, bits, h, w, D]
  place = np.arange(height * width).reshape(height, width)
  later_layers = np.zeros(layers, int)
  for index in range(bits):
    row, column, channel = np.unravel_index(index, codes.shape)
    layer, number = channel // depth, row * width + column
    found = changed[:, index].any(axis=-1)  # [T, h, w]
    assert not found[:layer].any()
    assert not found[layer][place <= number].any()
    # It does change the place to its right, the one below it, and predictions of later layers.
    if column + 1 < width:
      assert found[layer, row, column + 1]
    if row + 1 < height:
      assert found[layer, row + 1, column]
    later_layers[layer] += found[layer + 1 :].any()
  np.testing.assert_array_equal(later_layers, [height * width * depth] * (layers - 1) + [0])


def test_a_place_sees_three_columns_to_its_right_in_the_row_above():
  # What lets rows be decoded in parallel, each four columns behind the one above.
  predictor = random_model(layer_depth=2, layer_count=1).predictors[0]
  codes = random_codes(6, 12, 2).numpy()
  reach = -1
  for column in range(12):
    other = codes.copy()
    other[2, column] *= -1
    both = predictor(np.stack([codes, other]))
    changed = np.abs(both[1] - both[0]).max(axis=-1) > 1e-6
    left = np.flatnonzero(changed[3])[0]
    reach = max(reach, column - left)
  assert reach == 3


def test_images_of_a_batch_do_not_mix():
  model, codes = random_model(layer_depth=4, layer_count=2), random_codes(3, 5, 6, 8)
  together = model(codes).predictions
  for index in range(3):
    assert_close(model(codes[index : index + 1]).predictions[:, 0], together[:, index])


# Values, precision, training


def test_predictions_are_cut_off_so_that_no_bit_takes_more_than_eleven():
  model = random_model(layer_depth=4, layer_count=1)
  named_variables(model)["predictor0/conv2/bias"].assign([100, -100, 100, -100])
  codes = tf.ones([1, 2, 2, 4])
  output = model(codes)
  np.testing.assert_allclose(np.abs(output.predictions), 0.999, rtol=1e-6)
  assert float(output.code_lengths[0]) == pytest.approx((10.966 + 0.0007) / 2, abs=1e-3)


def test_layer_states_lie_between_minus_one_and_one_and_lengths_are_positive():
  output = random_model(layer_depth=4, layer_count=3)(random_codes(2, 5, 6, 12))
  assert np.abs(output.layer_states).max() < 1
  assert output.code_lengths.shape == (3,) and np.all(output.code_lengths > 0)


def test_mixed_precision_predicts_in_float32_and_keeps_float32():
  policy = tf.keras.mixed_precision.global_policy()
  exact = random_model(layer_depth=4, layer_count=3)
  try:
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    mixed = random_model(layer_depth=4, layer_count=3)
  finally:
    tf.keras.mixed_precision.set_global_policy(policy)
  codes = random_codes(2, 5, 6, 12)
  output, expected = mixed(codes), exact(codes)
  assert output.predictions.dtype == output.code_lengths.dtype == tf.float32
  assert output.layer_states.dtype == tf.bfloat16
  assert {variable.dtype for variable in mixed.weights} == {tf.float32}
  np.testing.assert_allclose(output.predictions, expected.predictions, atol=0.05)
  np.testing.assert_allclose(output.code_lengths, expected.code_lengths, atol=0.02)


def test_gradients_reach_every_weight_but_those_without_effect():
  model = random_model(layer_depth=2, layer_count=3)
  codes = random_codes(2, 6, 5, 6)

  @tf.function
  def gradients(codes):
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(model(codes).code_lengths)
    return tape.gradient(loss, dict(named_variables(model)))

  without = {
    name for name, gradient in gradients(codes).items() if gradient is None or not np.any(gradient)
  }
  # The first state is zero, and nothing is predicted from the last one.
  last = {f"state2/conv{n}/{kind}" for n in (1, 2) for kind in ("kernel", "bias")}
  assert without == {"predictor0/adaptation1/kernel", *last}


def test_training_finds_a_pattern_in_the_codes():
  # Every bit is the opposite of the one on its left; the first of each row is random.
  rows = np.random.default_rng(1).choice([-1.0, 1.0], [8, 8, 1, 1])
  codes = tf.constant((rows * (-1.0) ** np.arange(8).reshape(1, 1, 8, 1)).astype(np.float32))
  model = Progressive(ProgressiveConfig(layer_depth=1, layer_count=1))
  model.build()
  optimizer = tf.keras.optimizers.Adam(0.02)

  @tf.function
  def train() -> tf.Tensor:
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(model(codes).code_lengths)
    gradients = tape.gradient(loss, model.trainable_variables)
    pairs = zip(gradients, model.trainable_variables)
    optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])
    return loss

  first = float(train())
  for _ in range(150):
    last = float(train())
  assert first > 0.8 and last < 0.3  # an eighth of the bits is random


# Saving, refusals


def test_a_keras_model_is_saved_and_loaded(tmp_path):
  model, codes = random_model(layer_depth=2, layer_count=2), random_codes(1, 4, 5, 4)
  expected = model(codes)
  model.save(tmp_path / "model.keras")
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  assert type(loaded) is Progressive and loaded.config == model.config
  for found, wanted in zip(loaded(codes), expected):
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_a_predictor_is_a_layer_of_its_own(tmp_path):
  image = tf.keras.Input([None, None, 3])
  model = tf.keras.Model(image, BRNNPredictor(3)(image, image))
  model.save(tmp_path / "model.keras")
  loaded = tf.keras.models.load_model(tmp_path / "model.keras")
  codes = random_codes(1, 4, 5, 3)
  np.testing.assert_allclose(loaded(codes), model(codes), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
  "shape, message",
  [
    ([1, 4, 5, 6], "known T >= 1"),
    ([4, 5, 8], "known T >= 1"),
    ([1, 4, 5, 4], "2 layers at least. Received: 1"),
    ([1, 4, 5, 0], "known T >= 1"),
  ],
)
def test_codes_that_do_not_fit_are_refused(shape, message):
  model = Progressive(ProgressiveConfig(4, 3, coded_layer_count=2))
  with pytest.raises(ValueError, match=message):
    model(tf.ones(shape))


def test_too_many_layers_are_refused():
  with pytest.raises(ValueError, match="3 layers at most. Received: 4"):
    Progressive(ProgressiveConfig(4, 3))(tf.ones([1, 4, 5, 16]))
