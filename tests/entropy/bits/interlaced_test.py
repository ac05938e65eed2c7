"""The interlaced probability model: who sees which bits, its loss, saving."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.entropy.bits.configs import InterlacedConfig
from compression.entropy.bits.interlaced import Interlaced, named_variables
from tests.entropy.bits.examples import SMALL, as_codes, make_model, random_bits

PASS = {(0, 0): 0, (1, 1): 1, (0, 1): 2, (1, 0): 3}
HEIGHT, WIDTH, DEPTH, GROUP = 5, 6, 8, 2


def changed_by(model, codes, channels):
  """bool [h, w, T, h, w, D]: which predictions change with the bit `channels`[h, w] of a place."""
  others = np.repeat(codes, HEIGHT * WIDTH, axis=0)
  for number, (row, column) in enumerate(np.ndindex(HEIGHT, WIDTH)):
    others[number, row, column, channels[row, column]] *= -1
  difference = np.abs(model(others).logits.numpy() - model(codes).logits.numpy())
  return (difference > 1e-5).swapaxes(0, 1).reshape(HEIGHT, WIDTH, -1, HEIGHT, WIDTH, DEPTH)


@pytest.mark.parametrize("raster_layers", [0, 1, 2])
def test_a_bit_changes_only_what_is_coded_after_it(raster_layers):
  model = make_model(raster_layers=raster_layers, shared_from=2, layer_count=3)
  codes = as_codes(random_bits(3, HEIGHT, WIDTH))
  rows, columns = np.indices([HEIGHT, WIDTH])
  passes = np.vectorize(lambda r, c: PASS[r % 2, c % 2])(rows, columns)
  bits = np.random.default_rng(0).integers(0, DEPTH, [HEIGHT, WIDTH])
  for layer in range(3):
    every = changed_by(model, codes, layer * DEPTH + bits)
    assert not every[:, :, :layer].any()
    assert every[:, :, layer + 1 :].any(axis=(2, 3, 4, 5)).all() or layer == 2
    for (row, column), bit in np.ndenumerate(bits):
      changed = every[row, column, layer]
      if layer < raster_layers:
        after = (rows > row) | ((rows == row) & (columns > column))
      else:
        after = passes > passes[row, column]
      here = np.zeros([HEIGHT, WIDTH, DEPTH], bool)
      here[row, column, (bit // GROUP + 1) * GROUP :] = True
      assert not changed[~(after[..., None] | here)].any()
      assert changed[here].all()


def test_the_first_bits_are_known_by_their_bias_alone():
  model = make_model(raster_layers=0)
  logits = [model(as_codes(random_bits(1, 4, 4, seed=s))).logits[0, 0, 0, 0] for s in range(3)]
  np.testing.assert_allclose(logits[0][:GROUP], logits[1][:GROUP], rtol=1e-6, atol=1e-6)
  np.testing.assert_allclose(logits[0][:GROUP], logits[2][:GROUP], rtol=1e-6, atol=1e-6)
  assert (np.abs(logits[0] - logits[1]) > 1e-3)[GROUP:].any()


def test_code_lengths_are_those_of_the_logits():
  model = make_model()
  bits = random_bits(5, 6, 7)
  output = model(as_codes(bits))
  chance = 1 / (1 + np.exp(-output.logits.numpy()[:, 0].astype(np.float64)))
  expected = -np.log2(np.where(bits, chance, 1 - chance)).mean(axis=(1, 2, 3))
  np.testing.assert_allclose(output.code_lengths, expected, rtol=1e-5)


def test_fewer_layers_have_the_same_predictions():
  model = make_model()
  bits = random_bits(5, 4, 5)
  np.testing.assert_allclose(
    model(as_codes(bits[:2])).logits, model(as_codes(bits)).logits[:2], atol=1e-6
  )


def test_layers_share_kernels_but_not_biases():
  model = make_model(shared_from=3)
  names = named_variables(model)
  assert {name.split("/")[0] for name in names} == (
    {f"kernels{i}" for i in range(4)} | {f"biases{k}" for k in range(5)}
  )
  assert len(names) == len(model.trainable_variables)
  assert len({id(v) for v in names.values()}) == len(names)


def test_it_is_saved_and_loaded(tmp_path):
  model = make_model()
  codes = as_codes(random_bits(5, 5, 4))
  model(codes)
  model.save(tmp_path / "model.keras")
  again = tf.keras.models.load_model(tmp_path / "model.keras")
  assert again.config == model.config
  np.testing.assert_allclose(again(codes).logits, model(codes).logits, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("depth", [4, 12, 48])
def test_codes_of_another_depth_are_refused(depth):
  with pytest.raises(ValueError, match="codes must"):
    make_model()(tf.zeros([1, 2, 2, depth]))


def test_one_layer_needs_no_state():
  model = Interlaced(InterlacedConfig(**{**SMALL, "layer_count": 1}))
  assert model(as_codes(random_bits(1, 3, 3))).logits.shape == [1, 1, 3, 3, 8]
