"""Widened networks give what the narrow ones gave, and can be trained apart."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent import weights
from compression.codecs.recurrent.config import FRAMEWORKS, RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.codecs.recurrent.widening import can_widen, widen
from compression.common.errors import ModelError


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("unit", ["lstm", "gru", "residual_gru"])
@pytest.mark.parametrize(
  ("old", "width", "had_bias"), [(2, 3, True), (1, 3, False), (2, 2, False)], ids=str
)
def test_the_wide_network_gives_what_the_narrow_one_does(
  unit, framework, old, width, had_bias, small_model, image
):
  narrow = small_model(unit=unit, framework=framework, width=old / 32, use_bias=had_bias)
  config = RecurrentConfig(unit, framework, width / 32, iterations=3, use_bias=True)
  wide = RecurrentNetwork(config)
  weights.assign_weights(wide, widen(weights.arrays_of(narrow), narrow.config, config), "wide")
  states = {narrow: None, wide: None}
  decoded = {narrow: None, wide: None}
  for _ in range(3):
    u = {}
    x_hat = None if decoded[narrow] is None else decoded[narrow].x_hat
    for model in (narrow, wide):
      inputs = model.framework.encoder_input(image, x_hat)
      u[model], states[model] = model.encoder(inputs, states[model])
    np.testing.assert_allclose(u[wide], u[narrow], atol=1e-4)
    for model in (narrow, wide):  # of the same code: near 0, rounding may choose its sign
      decoded[model] = model.decode_step(tf.sign(u[narrow]), decoded[model])
    np.testing.assert_allclose(decoded[wide].x_hat, decoded[narrow].x_hat, atol=1e-4)


def test_copies_send_on_different_shares(small_model):
  narrow = small_model()
  arrays = weights.arrays_of(narrow)
  config = RecurrentConfig(width=1 / 16)
  kernel = widen(arrays, narrow.config, config)["decoder/conv_out"]
  even, odd = kernel[0, 0, 0::2], kernel[0, 0, 1::2]
  np.testing.assert_allclose(even + odd, arrays["decoder/conv_out"][0, 0], rtol=1e-6)
  assert (np.abs(even - odd) > 1e-4 * np.abs(even + odd)).all()
  again = widen(arrays, narrow.config, config)["decoder/conv_out"]
  np.testing.assert_array_equal(again, kernel)
  assert (widen(arrays, narrow.config, config, seed=1)["decoder/conv_out"] != kernel).any()


@pytest.mark.parametrize("damaged", [np.float32(1), np.ones(3), np.ones([3, 3]), np.ones([2] * 5)])
def test_damaged_weights_are_still_refused_by_name(small_model, damaged):
  narrow, config = small_model(), RecurrentConfig(width=1 / 16)
  arrays = {**weights.arrays_of(narrow), "encoder/rnn1/gates": damaged}
  with pytest.raises(ModelError, match="encoder/rnn1/gates must have shape"):
    weights.assign_weights(RecurrentNetwork(config), widen(arrays, narrow.config, config), "wide")


@pytest.mark.parametrize(
  "other",
  [
    {"width": 0.125},
    {"width": 0.25},
    {"unit": "gru"},
    {"framework": "additive"},
    {"bits": 16},
    {"pixel_range": 0.5},
  ],
)
def test_only_more_of_the_same_architecture_can_be_had(other):
  assert can_widen(RecurrentConfig(), RecurrentConfig(width=0.5, iterations=8))
  assert can_widen(RecurrentConfig(), RecurrentConfig(width=11 / 32, use_bias=True))
  assert can_widen(RecurrentConfig(), RecurrentConfig(use_bias=True))
  assert not can_widen(RecurrentConfig(use_bias=True), RecurrentConfig(width=0.5))
  assert not can_widen(RecurrentConfig(), RecurrentConfig(**{"width": 0.5, **other}))


def test_associative_memories_are_not_widened():
  unit = "associative_lstm"
  assert not can_widen(RecurrentConfig(unit=unit), RecurrentConfig(unit=unit, width=0.5))
