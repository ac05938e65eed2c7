"""Weights go into a model by their names, every one of them and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from compression.codecs.recurrent import archives, weights
from compression.codecs.recurrent.config import FRAMEWORKS, UNITS, RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.common.errors import ModelError

CELL_NAMES = {
  "lstm": ["input", "hidden"],
  "associative_lstm": ["input", "hidden"],
  "gru": ["input", "gates", "candidate"],
  "residual_gru": ["input", "gates", "candidate", "hidden_skip", "input_skip"],
}


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("unit", UNITS)
def test_the_names_are_those_of_the_archives(unit, framework, use_bias, small_model):
  model = small_model(unit=unit, framework=framework, use_bias=use_bias)
  bias = ["/bias"] if use_bias else []
  expected = []
  for layer in ("encoder/conv", "encoder/binarizer", "decoder/conv_in", "decoder/conv_out"):
    expected += [layer, *(layer + suffix for suffix in bias)]
  for part, count in (("encoder", 3), ("decoder", 4)):
    names = CELL_NAMES["lstm" if part == "encoder" and unit.endswith("lstm") else unit]
    for index in range(count):
      expected += [f"{part}/rnn{index + 1}/{name}" for name in names]
      expected += [f"{part}/rnn{index + 1}{suffix}" for suffix in bias]
  if framework == "residual_scaling":
    for index in range(5):
      expected += [f"gain_estimator/conv{index + 1}{suffix}" for suffix in ("", "/bias")]
  named = weights.named_variables(model)
  assert sorted(named) == sorted(expected)
  assert {id(variable) for variable in named.values()} == {id(each) for each in model.weights}


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("framework", ["one_shot", "residual_scaling"])
def test_weights_survive_the_archives(framework, dtype, small_model, image, tmp_path):
  model = small_model(framework=framework, use_bias=True)
  arrays = {name: array.astype(dtype) for name, array in weights.arrays_of(model).items()}
  archives.save_weights(arrays, tmp_path, dtype)
  read = archives.read_weights(tmp_path)
  assert sorted(read) == sorted(arrays)
  copy = small_model(framework=framework, use_bias=True, seed=2)
  weights.assign_weights(copy, read, "copy")
  for name, variable in weights.named_variables(copy).items():
    assert read[name].dtype == dtype
    np.testing.assert_array_equal(read[name], arrays[name])
    np.testing.assert_array_equal(variable, arrays[name].astype(np.float32))
  if dtype == "float32":
    np.testing.assert_allclose(copy(image).images, model(image).images, rtol=1e-5, atol=1e-6)


def test_a_model_that_is_not_built_gets_its_weights(small_model, image):
  model = small_model()
  copy = RecurrentNetwork(model.config)
  weights.assign_weights(copy, weights.arrays_of(model), "copy")
  np.testing.assert_allclose(copy(image).images, model(image).images, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["encoder/conv", "decoder/rnn4/hidden_skip", "decoder/conv_out"])
def test_missing_weights_are_named(small_model, name):
  model = small_model()
  arrays = weights.arrays_of(model)
  del arrays[name]
  with pytest.raises(ModelError, match=f"^some/folder: lacks {name}$"):
    weights.assign_weights(model, arrays, "some/folder")


def test_unknown_weights_are_named(small_model):
  model = small_model()
  arrays = {**weights.arrays_of(model), "decoder/rnn5/input": np.zeros([3, 3, 2, 6])}
  with pytest.raises(ModelError, match="^source: has decoder/rnn5/input, which the model does not"):
    weights.assign_weights(model, arrays, "source")


def test_weights_of_another_unit_or_framework_are_refused(small_model):
  gru, lstm = small_model(unit="gru"), small_model(unit="lstm")
  with pytest.raises(ModelError):
    weights.assign_weights(gru, weights.arrays_of(lstm), "source")
  scaling = small_model(framework="residual_scaling")
  with pytest.raises(ModelError, match="lacks gain_estimator/conv1"):
    weights.assign_weights(scaling, weights.arrays_of(small_model()), "source")
  with pytest.raises(ModelError, match="has gain_estimator/conv1"):
    weights.assign_weights(small_model(), weights.arrays_of(scaling), "source")


@pytest.mark.parametrize("name", ["encoder/conv", "decoder/rnn2/gates", "decoder/conv_out"])
def test_weights_of_another_shape_are_named_with_both_shapes(small_model, name):
  model = small_model()
  arrays = weights.arrays_of(model)
  shape = arrays[name].shape
  for wrong in (arrays[name][..., :-1], arrays[name].T, arrays[name].ravel(), arrays[name][0, 0]):
    if wrong.shape == shape:
      continue
    with pytest.raises(ModelError) as refusal:
      weights.assign_weights(model, {**arrays, name: wrong}, "source")
    message = f"source: {name} must have shape {shape}. Received: {wrong.shape}"
    assert str(refusal.value) == message


def test_weights_of_another_width_are_refused(small_model):
  wide = RecurrentNetwork(RecurrentConfig(width=1 / 16))
  with pytest.raises(ModelError, match="must have shape"):
    weights.assign_weights(wide, weights.arrays_of(small_model()), "source")


# What strangers may put into an archive.


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(small_model, value):
  model = small_model()
  arrays = weights.arrays_of(model)
  arrays["decoder/conv_out"][0, 0, 0, 0] = value
  with pytest.raises(ModelError, match="decoder/conv_out"):
    weights.assign_weights(model, arrays, "source")


@pytest.mark.parametrize(
  "change", [lambda array: array.astype("U8"), lambda array: b"bytes"], ids=["text", "bytes"]
)
def test_what_is_no_number_is_refused(small_model, change):
  model = small_model()
  arrays = weights.arrays_of(model)
  arrays["decoder/conv_out"] = change(np.full(arrays["decoder/conv_out"].shape, "text"))
  with pytest.raises(ModelError, match="decoder/conv_out"):
    weights.assign_weights(model, arrays, "source")
