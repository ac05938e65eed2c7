"""The package reproduces golden vectors that other implementations made.

Ours, in `tests/golden`, come from NumPy, one for each unit and framework: `make.py` there says how.
Those in the folder that GOLDEN_DIR names come from another deep learning framework, some with
trained weights. Every iteration is given the golden code, so that one wrong bit stays one.
"""

from __future__ import annotations

import json
import os
import pathlib
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent import weights
from compression.codecs.recurrent.config import FRAMEWORKS, UNITS, RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.codecs.recurrent.runner import Runner

TESTS = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = TESTS / "golden"

TOLERANCE = {"atol": 1e-4, "rtol": 0}

THRESHOLD_MARGIN = 1e-4
"""A bit whose tanh is nearer to 0 may fall either way; in our golden vectors there is none."""

# What GOLDEN_DIR holds, as its README tells: unit, framework, width, iterations.
OTHERS = {
  "random_residual_gru_one_shot": ("residual_gru", "one_shot", 1 / 16, 3),
  "random_gru_additive": ("gru", "additive", 1 / 16, 3),
  "random_lstm_additive": ("lstm", "additive", 1 / 16, 3),
  "trained_residual_gru_one_shot": ("residual_gru", "one_shot", 1 / 4, 16),
}


class Golden(NamedTuple):
  """A golden vector: codes [T, h, w, bits] in {-1, +1}, the rest likewise of one image."""

  image: np.ndarray
  codes: np.ndarray
  binarizer_input: np.ndarray
  output: np.ndarray


def loaded(folder: pathlib.Path, config: RecurrentConfig) -> RecurrentNetwork:
  model = RecurrentNetwork(config)
  weights.assign_weights(model, weights.read_weights(folder), folder.name)
  return model


def own(unit: str, framework: str) -> tuple[RecurrentNetwork, Golden]:
  folder = GOLDEN / f"{unit}_{framework}"
  config = RecurrentConfig.from_json((folder / "config.json").read_text())
  with np.load(folder / "io.npz") as io:
    codes = np.unpackbits(io["codes"], axis=-1).astype(np.float32) * 2 - 1
    golden = Golden(io["image"], codes, io["binarizer_input"], io["output"])
  return loaded(folder, config), golden


def test_every_unit_and_framework_has_its_golden():
  found = {}
  for path in GOLDEN.glob("*/config.json"):
    config = json.loads(path.read_text())
    found[path.parent.name] = (config["unit"], config["framework"])
  expected = {f"{unit}_{name}": (unit, name) for unit in UNITS for name in FRAMEWORKS}
  assert found == expected


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("unit", UNITS)
def test_our_golden_is_reproduced(unit, framework):
  model, golden = own(unit, framework)
  x = model.to_x(golden.image[np.newaxis])
  e, d, x_hat = None, None, None
  for code, u, output in zip(golden.codes, golden.binarizer_input, golden.output):
    found_u, e = model.encoder(model.framework.encoder_input(x, x_hat), e)
    np.testing.assert_allclose(found_u[0], u, **TOLERANCE)
    np.testing.assert_array_equal(model.binarizer(found_u)[0], code)
    d = model.decode_step(tf.constant(code[np.newaxis]), d)
    x_hat = d.x_hat
    np.testing.assert_allclose(x_hat[0, ::3, ::3], output, **TOLERANCE)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("unit", UNITS)
def test_the_model_left_to_itself_finds_the_golden_codes_and_images(unit, framework):
  model, golden = own(unit, framework)
  result = model(model.to_x(golden.image[np.newaxis]))
  np.testing.assert_array_equal(result.codes[:, 0], golden.codes)
  np.testing.assert_allclose(result.images[:, 0, ::3, ::3], golden.output, **TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_the_runner_finds_the_golden_codes_and_images(unit):
  model, golden = own(unit, "residual_scaling")
  layers = list(Runner(model).encode(golden.image, len(golden.codes), keep_last=True))
  for layer, code, output in zip(layers, golden.codes, golden.output):
    np.testing.assert_array_equal(layer.bits, code > 0)
    np.testing.assert_allclose(layer.state.x_hat[0, ::3, ::3], output, **TOLERANCE)


# Those of others


@pytest.fixture(scope="module")
def golden_dir() -> pathlib.Path:
  folder = os.environ.get("GOLDEN_DIR", "")
  if not folder:
    pytest.skip("set GOLDEN_DIR to the folder with the golden vectors of another implementation")
  return pathlib.Path(folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_the_golden_of_another_implementation_is_reproduced(golden_dir, name):
  unit, framework, width, iterations = OTHERS[name]
  model = loaded(golden_dir / name, RecurrentConfig(unit, framework, width))
  with np.load(golden_dir / name / "io.npz") as io:
    golden = Golden(io["image"], *(io[field] for field in Golden._fields[1:]))
  assert len(golden.codes) == iterations
  x = model.to_x(golden.image[np.newaxis])
  e, d, x_hat = None, None, None
  for code, u, output in zip(golden.codes, golden.binarizer_input, golden.output):
    found_u, e = model.encoder(model.framework.encoder_input(x, x_hat), e)
    np.testing.assert_allclose(found_u, u, **TOLERANCE)
    certain = np.abs(u) > THRESHOLD_MARGIN
    np.testing.assert_array_equal(model.binarizer(found_u)[certain], code[certain])
    d = model.decode_step(tf.constant(code, tf.float32), d)
    np.testing.assert_allclose(d.x_hat, output, **TOLERANCE)
    x_hat = tf.constant(output)
    d = d._replace(x_hat=x_hat)
