"""The network in integers: near the floats that it comes from, and of exact sums."""

from __future__ import annotations

import json

import numpy as np
import pytest

from compression.codecs.dpcm import network
from compression.codecs.dpcm.network import Network
from compression.codecs.dpcm.window import COLUMNS, PLANES
from compression.common.errors import ConfigError, ModelError
from tests.codecs.dpcm.examples import weights, write_model

STEPS = np.array([4, 7, 7])


def windows(count: int) -> np.ndarray:
  rng = np.random.default_rng(1)
  return (rng.integers(0, 200, (count, 1)) + rng.integers(-20, 20, (count, COLUMNS))).astype("i4")


def test_integers_are_near_the_formula():
  made = weights()
  predictor = Network(network.export(made), "here").at(STEPS)
  for plane in range(PLANES):
    first, second = network.differences(plane)
    seen = windows(300)
    u = np.c_[seen[:, first] - seen[:, second], np.full(300, STEPS[plane])]
    hidden = np.tanh(u @ made[f"kernel_{plane}"] / 64 + made[f"bias_{plane}"])
    expected = seen[:, 0] + u @ made[f"skip_{plane}"] + made[f"offset_{plane}"]
    expected += 16 * hidden @ made[f"output_{plane}"]
    found = predictor.predict(plane, seen)
    assert (found == np.rint(found)).all()
    assert np.abs(found - expected).max() < 0.5 + 0.15


def test_sums_do_not_depend_on_the_order_or_the_number_of_pixels():
  predictor = Network(network.export(weights()), "here").at(STEPS)
  seen = windows(257)
  for plane in range(PLANES):
    every = predictor.predict(plane, seen)
    one_by_one = [predictor.predict(plane, seen[at : at + 1])[0] for at in range(257)]
    np.testing.assert_array_equal(every, one_by_one)
    np.testing.assert_array_equal(predictor.predict(plane, seen[::-1])[::-1], every)


def test_a_prediction_moves_with_the_light():
  predictor = Network(network.export(weights()), "here").at(STEPS)
  seen = windows(50)
  np.testing.assert_array_equal(predictor.predict(2, seen + 9), predictor.predict(2, seen) + 9)


def test_a_model_comes_back_and_its_id_is_that_of_its_weights(tmp_path):
  first, second = (network.read(write_model(tmp_path / str(seed), seed)) for seed in (0, 1))
  assert first.model_id != second.model_id and len(first.model_id) == network.MODEL_ID_BYTES
  assert first.model_id == Network(network.export(weights(0)), "here").model_id


def test_weights_that_have_no_integers_are_refused():
  made = weights()
  made["kernel_1"][0, 0] = 9
  with pytest.raises(ModelError, match="kernel_1"):
    network.export(made)


def test_folders_that_hold_something_else_are_refused(tmp_path):
  folder = write_model(tmp_path / "model")
  arrays = network.export(weights())
  for wrong in (
    {**arrays, "kernel_1": arrays["kernel_1"].astype(np.float32)},
    {**arrays, "bias_0": arrays["bias_0"][:-1]},
    {**arrays, "tanh": arrays["tanh"][:-1]},
    {name: values for name, values in arrays.items() if name != "skip_2"},
  ):
    np.savez(folder / network.WEIGHTS_FILE, **wrong)
    with pytest.raises(ModelError, match="^[^\n]+weights.npz[^\n]+$"):
      network.read(folder)
  (folder / network.WEIGHTS_FILE).write_bytes(b"no archive")
  with pytest.raises(ModelError, match="is not an archive"):
    network.read(folder)
  (folder / "config.json").write_text(json.dumps({"codec": network.KIND, "hidden": 3}))
  with pytest.raises(ConfigError, match="unknown key 'hidden'"):
    network.read(folder)
