"""The exact integer form: against another implementation, the float network, and itself."""

from __future__ import annotations

import numpy as np
import pytest

from compression.common import masks
from compression.common.errors import ModelError
from compression.entropy.bits import integer_interlaced, orders
from compression.entropy.bits.configs import InterlacedConfig
from compression.entropy.bits.integer_interlaced import IntegerInterlaced
from compression.entropy.bits.networks import arrays_of
from compression.entropy.fixed_point import probabilities
from tests.entropy.bits.examples import as_codes, make_model, random_bits
from tests.entropy.bits.reference import Reference

SIZES = [(1, 1), (1, 5), (6, 1), (4, 4), (5, 7)]
CONFIGS = [
  {},
  {"raster_layers": 0, "shared_from": 1},
  {"raster_layers": 2, "shared_from": 2, "context": 3},
  {"groups": 1},
  {"groups": 8, "shared_from": 9},
]


def saved_arrays(model):
  arrays = integer_interlaced.integer_arrays(model.config, arrays_of(model))
  return {**arrays, "probabilities": probabilities()}


def reader(layer):
  """Gives the bits of an encoded layer, and checks what is asked for."""
  position = 0

  def read(indexes):
    nonlocal position
    end = position + len(indexes)
    np.testing.assert_array_equal(indexes, layer.indexes[position:end])
    position = end
    return layer.bits[position - len(indexes) : end]

  return read


@pytest.fixture(scope="module", params=CONFIGS, ids=str)
def made(request):
  """A configuration and the arrays of a model."""
  model = make_model(**request.param)
  return model.config, saved_arrays(model)


@pytest.mark.parametrize("height, width", SIZES)
def test_decoding_asks_for_what_was_encoded(made, height, width):
  coder = IntegerInterlaced(*made)
  bits = random_bits(5, height, width)
  layers = list(coder.encode(bits))
  found = list(coder.decode(bits.shape[1:], [reader(layer) for layer in layers]))
  np.testing.assert_array_equal(found, bits)
  assert len({tuple(layer.indexes) for layer in layers}) > 1 or bits[0].size < 9


@pytest.mark.parametrize("height, width", SIZES)
def test_tensorflow_finds_the_same_integers(made, height, width):
  bits = random_bits(5, height, width)
  ours = IntegerInterlaced(*made).encode(bits)
  theirs = Reference(*made).encode(bits)
  for layer, (indexes, ordered) in zip(ours, theirs):
    np.testing.assert_array_equal(layer.indexes, indexes)
    np.testing.assert_array_equal(layer.bits, ordered)


def test_places_that_are_handled_in_parts_give_the_same(monkeypatch):
  model = make_model(raster_layers=1)
  coder = IntegerInterlaced(model.config, saved_arrays(model))
  bits = random_bits(5, 9, 11)
  whole = list(coder.encode(bits))
  monkeypatch.setattr(orders, "_BAND_PLACES", 7)
  for layer, expected in zip(coder.encode(bits), whole):
    np.testing.assert_array_equal(layer.indexes, expected.indexes)
    np.testing.assert_array_equal(layer.bits, expected.bits)
  found = list(coder.decode(bits.shape[1:], [reader(layer) for layer in whole]))
  np.testing.assert_array_equal(found, bits)


def test_the_probabilities_are_those_of_the_float_network():
  model = make_model()
  bits = random_bits(5, 6, 7)
  arrays = saved_arrays(model)
  logits = model(as_codes(bits)).logits.numpy()[:, 0]
  state, reference = None, Reference(model.config, arrays)
  for layer in range(5):  # the reference gives them in the order of the places
    x = np.where(bits[layer], 1.0, -1.0)[None]
    found = (reference.indexes(layer, state, x) - 128) / 16
    np.testing.assert_allclose(found, np.clip(logits[layer], -8, 8), atol=1 / 32 + 0.02)
    state = reference.next_state(layer, state, x)


def test_the_loss_against_the_float_network_is_below_a_thousandth():
  model = make_model()
  coder = IntegerInterlaced(model.config, saved_arrays(model))
  zeros = probabilities() / 2**16
  exact, by_integers = 0.0, 0.0
  for seed in range(8):
    bits = random_bits(5, 8, 8, seed=seed)
    exact += float(np.sum(model(as_codes(bits)).code_lengths)) * bits[0].size
    for layer in coder.encode(bits):
      zero = zeros[layer.indexes]
      by_integers -= np.log2(np.where(layer.bits, 1 - zero, zero)).sum()
  assert abs(by_integers / exact - 1) < 1e-3


def test_kernels_are_masked_integers():
  model = make_model()
  arrays = saved_arrays(model)
  kernel = arrays["kernels1/neighbours/kernel"]
  assert kernel.dtype == np.int16
  hidden = np.broadcast_to(masks.interlaced((5, 5)) == 0, kernel.shape)
  assert not kernel[hidden].any() and kernel[~hidden].any()
  assert all(np.issubdtype(array.dtype, np.integer) for array in arrays.values())


def test_a_weight_that_is_too_large_is_named():
  weights = arrays_of(make_model())
  weights["kernels2/hidden/kernel"][0, 0, 3, 4] = 9
  with pytest.raises(ModelError, match="kernels2/hidden/kernel: has weights beyond 8"):
    integer_interlaced.integer_arrays(make_model().config, weights)


def test_the_memory_for_a_place_counts_all_arrays():
  config = InterlacedConfig()
  model = make_model(**config.to_dict())
  places = IntegerInterlaced(config, saved_arrays(model)).bytes_of_place()
  assert 2_000 < places < 40_000
