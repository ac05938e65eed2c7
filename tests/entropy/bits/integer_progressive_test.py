"""The progressive model in integers: round trips, the float model's numbers, the formulas."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from compression.common.errors import ModelError
from compression.entropy import fixed_point, range_coder
from compression.entropy.bits.configs import ProgressiveConfig
from compression.entropy.bits.integer_progressive import (
  LOGIT_MAX,
  IntegerProgressive,
  integer_arrays,
)
from compression.entropy.bits.networks import arrays_of
from compression.entropy.bits.progressive import CLIP, named_variables
from tests.entropy.bits.progressive_reference import Reference
from tests.entropy.bits.progressive_test import golden_model, random_model
from tests.golden import release

MIDDLE = fixed_point.LOGIT_MAX
ZEROS = fixed_point.probabilities()


@pytest.fixture(params=release.SOURCES)
def golden(request):
  return release.read("progressive", request.param)


def saved_arrays(model):
  return integer_arrays(model.config, arrays_of(model))


def integer_form(model):
  return IntegerProgressive(model.config, saved_arrays(model))


@functools.cache
def random_integer(depth):
  """Three layers with random weights."""
  return integer_form(random_model(layer_depth=depth, layer_count=3))


def random_bits(*shape, seed=1):
  return np.random.default_rng(seed).random(shape) < 0.5


def as_codes(bits):
  """bool [T, h, w, D] -> float32 [1, h, w, T D] in {-1, +1}."""
  return (np.concatenate(list(bits), axis=-1)[np.newaxis] * 2.0 - 1.0).astype(np.float32)


def in_raster_order(indexes, height, width, depth):
  """The values of a layer's bits in the order of the file -> [h, w, D]."""
  rows, columns = np.indices([height, width])
  order = np.lexsort([rows.ravel(), (columns + 4 * rows).ravel()])
  placed = np.empty([height * width, depth], indexes.dtype)
  placed[order] = indexes.reshape(-1, depth)
  return placed.reshape(height, width, depth)


def code_lengths(integer, bits):
  """Bits per bit of each layer."""
  lengths = []
  for layer in integer.encode(bits):
    zero = ZEROS[layer.indexes] / range_coder.TOTAL
    lengths.append(-np.log2(np.where(layer.bits, 1 - zero, zero)).mean())
  return np.array(lengths)


def sample(integer, layers, shape, seed=1):
  """Bits as the model expects them."""
  rng = np.random.default_rng(seed)

  def read(indexes):
    return (rng.random(len(indexes)) >= ZEROS[indexes] / range_coder.TOTAL).astype(np.int32)

  return np.stack(list(integer.decode(shape, [read] * layers)))


# What the integers are


def assert_is_the_reference(arrays, config, bits):
  layers = IntegerProgressive(config, arrays).encode(bits)
  found = [in_raster_order(layer.indexes, *bits.shape[1:]) for layer in layers]
  np.testing.assert_array_equal(found, list(Reference(arrays, MIDDLE).layers(bits)))


@pytest.mark.parametrize("depth, height, width", [(4, 5, 9), (3, 9, 5), (4, 60, 2), (1, 1, 1)])
def test_indexes_are_those_of_the_formulas(depth, height, width):
  model = random_model(layer_depth=depth, layer_count=3)
  bits = random_bits(3, height, width, depth)
  assert_is_the_reference(saved_arrays(model), model.config, bits)


def test_sums_are_exact_whatever_the_weights():
  # The largest ones but for the last layer, which would only give certain bits.
  model = random_model(layer_depth=4, layer_count=2)
  arrays, rng = saved_arrays(model), np.random.default_rng(1)
  for name, array in arrays.items():
    if "/" in name and "/conv2/" not in name:
      largest = 2**30 if name.endswith("bias") else 2**15 - 1
      arrays[name] = np.where(array, rng.choice([-largest, largest], array.shape), 0)
  assert_is_the_reference(arrays, model.config, random_bits(2, 9, 8, 4))


# Round trips


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(
  "depth, height, width", [(4, 1, 1), (4, 1, 7), (4, 7, 1), (4, 5, 9), (3, 11, 4), (32, 3, 5)]
)
def test_bits_come_back_and_the_decoder_finds_the_indexes(layers, depth, height, width):
  integer = random_integer(depth)
  bits = random_bits(layers, height, width, depth)
  coded = list(integer.encode(bits))
  lookup = range_coder.make_lookup(ZEROS)
  found = []

  def readers():
    for layer in coded:
      payload = range_coder.encode(lookup, layer.indexes, layer.bits)
      handle = range_coder.start_decoding(lookup, payload)
      found.append([])

      def read(indexes):
        nonlocal handle
        found[-1].append(indexes)
        handle, values = range_coder.decode(handle, indexes)
        return values.numpy()

      yield read

  decoded = np.stack(list(integer.decode((height, width, depth), readers())))
  assert decoded.dtype == bool
  np.testing.assert_array_equal(decoded, bits)
  assert len(coded) == layers
  for layer, indexes in zip(coded, found):
    assert layer.indexes.dtype == layer.bits.dtype == indexes[0].dtype == np.int32
    assert layer.indexes.shape == layer.bits.shape == (height * width * depth,)
    np.testing.assert_array_equal(np.concatenate(indexes), layer.indexes)


def test_decoding_takes_a_step_for_each_column_and_four_for_each_row():
  integer, steps = random_integer(2), []

  def read(indexes):
    steps.append(len(indexes))
    return np.zeros(len(indexes), np.int32)

  assert not np.any(list(integer.decode((5, 9, 2), [read])))
  assert len(steps) == 9 + 4 * 4 and max(steps) == 3 * 2


def test_layers_beyond_the_coded_ones_are_coded():
  arrays, bits = saved_arrays(random_model(layer_depth=2, layer_count=3)), random_bits(3, 4, 5, 2)
  found, expected = (
    list(IntegerProgressive(ProgressiveConfig(2, 3, coded), arrays).encode(bits))
    for coded in (1, 0)
  )
  assert len(found) == len(expected) == 3
  for layer, other in zip(found, expected):
    np.testing.assert_array_equal(layer.indexes, other.indexes)


# Against the float model


def test_logits_are_those_of_the_float_model():
  model = random_model(layer_depth=8, layer_count=3)
  bits = random_bits(3, 12, 10, 8)
  predictions = model(as_codes(bits)).predictions.numpy()[:, 0]
  for layer, prediction in zip(integer_form(model).encode(bits), predictions):
    logits = (in_raster_order(layer.indexes, 12, 10, 8) - MIDDLE) / 2**fixed_point.LOGIT_BITS
    error = np.abs(logits - 2 * np.arctanh(prediction.astype(np.float64)))
    assert error.max() < 2.0 ** -(fixed_point.LOGIT_BITS + 1) + 0.005


def test_logits_are_cut_off_where_the_float_model_is():
  assert LOGIT_MAX == round(2 * np.arctanh(CLIP) * 2**fixed_point.LOGIT_BITS) <= MIDDLE
  model = random_model(layer_depth=2, layer_count=1)
  named_variables(model)["predictor0/conv2/bias"].assign([100, -100])
  (layer,) = integer_form(model).encode(random_bits(1, 2, 3, 2))
  np.testing.assert_array_equal(layer.indexes.reshape(-1, 2) - MIDDLE, [[122, -122]] * 6)


@pytest.mark.parametrize("sampled", [False, True])
def test_random_weights_cost_less_than_a_thousandth_more(sampled):
  model, shape = random_model(layer_depth=8, layer_count=3), (20, 16, 8)
  integer = integer_form(model)
  bits = sample(integer, 3, shape) if sampled else random_bits(3, *shape)
  expected = model(as_codes(bits)).code_lengths.numpy().mean()
  found = code_lengths(integer, bits).mean()
  assert (expected < 1) == sampled
  assert abs(found / expected - 1) < 0.001


def test_the_releases_code_lengths(golden):
  model, codes = golden_model(golden)
  integer = integer_form(model)
  images = np.stack(np.split(codes.numpy() > 0, 3, axis=-1), axis=1)  # [N, T, h, w, D]
  found = np.mean([code_lengths(integer, bits) for bits in images], axis=0)
  assert abs(found.mean() / golden["average_code_length"] - 1) < 0.001
  np.testing.assert_allclose(found, golden["code_length"], rtol=0.005)  # of a third of the bits


# The arrays


def test_arrays_are_integers_with_the_masks_applied():
  model = random_model(layer_depth=4, layer_count=2)
  arrays = saved_arrays(model)
  assert set(arrays) == {*named_variables(model), "sigmoid", "tanh"}
  for name, array in arrays.items():
    assert array.dtype == (np.int32 if name.endswith("bias") else np.int16), name
  for k in range(2):
    seen = arrays[f"predictor{k}/adaptation0/kernel"].any(axis=(2, 3))
    np.testing.assert_array_equal(seen, np.arange(49).reshape(7, 7) < 24)
    seen = arrays[f"predictor{k}/line_lstm/input_kernel"].any(axis=(2, 3))
    np.testing.assert_array_equal(seen, [[True, True, False]])
  kernel = named_variables(model)["layer_lstm/input_kernel"].numpy()
  np.testing.assert_allclose(arrays["layer_lstm/input_kernel"] / 2**12, kernel, atol=2**-13)
  bias = named_variables(model)["layer_lstm/bias"].numpy()
  np.testing.assert_allclose(arrays["layer_lstm/bias"] / 2**22, bias, atol=2**-23)


def test_tables_are_odd_around_their_middle_and_end_near_one():
  arrays = saved_arrays(random_model(layer_depth=1, layer_count=1))
  for name, zero, first, last in (("tanh", 0, 1 - 2**15, 2**15 - 1), ("sigmoid", 2**14, 11, 32757)):
    table = arrays[name].astype(int)
    assert table.shape == (2**16,) and (np.diff(table) >= 0).all()
    assert (table[0], table[2**15], table[-1]) == (first, zero, last)
    np.testing.assert_allclose(table[1:] + table[:0:-1], 2 * zero, atol=1)


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_the_tables_of_the_arrays_are_used(name):
  model = random_model(layer_depth=4, layer_count=1)
  arrays, bits = saved_arrays(model), random_bits(1, 5, 6, 4)
  (before,) = IntegerProgressive(model.config, arrays).encode(bits)
  arrays[name] = (arrays[name] // 2).astype(np.int16)
  (after,) = IntegerProgressive(model.config, arrays).encode(bits)
  assert not np.array_equal(before.indexes, after.indexes)


def test_no_function_but_those_of_the_tables_is_computed(monkeypatch):
  model = random_model(layer_depth=4, layer_count=2)
  arrays = saved_arrays(model)

  def refuse(*_, **__):
    raise AssertionError("differs from machine to machine")

  for name in ("exp", "expm1", "exp2", "tanh", "log", "log1p", "log2", "arctanh", "power"):
    monkeypatch.setattr(np, name, refuse)
  integer = IntegerProgressive(model.config, arrays)
  assert len(list(integer.encode(sample(integer, 2, (5, 6, 4))))) == 2


@pytest.mark.parametrize(
  "name, value, message",
  [
    ("predictor0/conv1/kernel", 8.0, "predictor0/conv1/kernel: has weights beyond 8"),
    ("layer_lstm/input_kernel", np.nan, "layer_lstm/input_kernel: has weights beyond 8"),
    ("state0/conv1/bias", -257.0, "state0/conv1/bias: has biases beyond 256"),
  ],
)
def test_weights_without_integer_form_are_refused(name, value, message):
  model = random_model(layer_depth=2, layer_count=1)
  variable = named_variables(model)[name]
  variable.assign(tf.fill(variable.shape, value))
  with pytest.raises(ModelError, match=message):
    saved_arrays(model)


def test_weights_that_the_mask_hides_may_be_anything():
  model = random_model(layer_depth=2, layer_count=1)
  expected = saved_arrays(model)
  kernel = named_variables(model)["predictor0/adaptation0/kernel"]
  values = kernel.numpy()
  values[3, 3:] = values[4:] = 1000.0
  kernel.assign(values)
  for name, array in saved_arrays(model).items():
    np.testing.assert_array_equal(array, expected[name])


def test_arrays_that_do_not_fit_are_refused():
  model = random_model(layer_depth=2, layer_count=2)
  arrays = saved_arrays(model)
  with pytest.raises(KeyError, match="predictor2/"):
    IntegerProgressive(ProgressiveConfig(2, 3), arrays)
  with pytest.raises(ValueError, match="tanh must have 65536 entries"):
    IntegerProgressive(model.config, {**arrays, "tanh": arrays["tanh"][1:]})
