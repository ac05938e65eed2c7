"""What the tests of the layers share: the equations in NumPy, and the comparison with them."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import types
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

TESTS = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def reference() -> types.ModuleType:
  """The equations in NumPy float64, apart from the package."""
  path = TESTS / "golden/reference.py"
  spec = importlib.util.spec_from_file_location("tests.golden.reference", path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def random_weights(layer: tf.keras.layers.Layer, rng: np.random.Generator) -> dict[str, np.ndarray]:
  """Gives a built layer random weights and biases; returns them by their names in archives."""
  weights = {}
  for variable in layer.weights:
    fan_in = np.prod(variable.shape[:-1]) if variable.shape.rank > 1 else 1
    variable.assign(rng.normal(0, 1 / np.sqrt(fan_in), variable.shape))
    name = variable.name.split("/")[-1].split(":")[0].removesuffix("_kernel")
    weights[name] = variable.numpy()
  return weights


@pytest.fixture
def assert_follows(reference) -> Callable[..., None]:
  """A function that compares three steps of a cell, from a random state, with a reference step."""

  def check(
    cell: tf.keras.layers.Layer,
    step: Callable,
    height: int = 7,
    width: int = 10,
    steps: int = 3,
    seed: int = 1,
  ) -> None:
    rng = np.random.default_rng(seed)
    cell.build([None, None, None, 3])
    weights = random_weights(cell, rng)
    assert ("bias" in weights) == cell.use_bias
    inputs = rng.normal(0, 1, [steps, 2, height, width, 3]).astype(np.float32)
    zero = cell.initial_state(tf.constant(inputs[0]))
    expected = tuple(rng.uniform(-0.7, 0.7, part.shape).astype(np.float32) for part in zero)
    state = type(zero)(*(tf.constant(part) for part in expected))
    for x in inputs:
      output, state = cell(x, state)
      expected_output, expected = step(weights, x, expected, cell.strides)
      np.testing.assert_allclose(output, expected_output, rtol=1e-5, atol=1e-5)
      assert type(state) is type(zero)
      for part, expected_part in zip(state, expected):
        np.testing.assert_allclose(part, expected_part, rtol=1e-5, atol=1e-5)

  return check


@pytest.fixture
def bfloat16_products() -> None:
  """Leaves a test out where a product of matrices in bfloat16 ends TensorFlow's process.

  A convolution is refused there with an error.
  """
  isa = os.environ.get("ONEDNN_MAX_CPU_ISA", "")
  if isa in ("SSE41", "AVX", "AVX2", "AVX2_VNNI") and os.getenv("TF_ENABLE_ONEDNN_OPTS") != "0":
    pytest.skip(
      f"oneDNN crashes on bfloat16 where ONEDNN_MAX_CPU_ISA={isa} limits its instructions"
    )


@pytest.fixture
def randomize() -> Callable[..., dict[str, np.ndarray]]:
  """`random_weights` for the tests."""
  return random_weights
