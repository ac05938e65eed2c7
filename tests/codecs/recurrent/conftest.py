"""What the tests of the codec share: the codec in NumPy, small models, a precision policy."""

from __future__ import annotations

import importlib.util
import pathlib
import types
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent import weights
from compression.codecs.recurrent.config import RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork

TESTS = pathlib.Path(__file__).resolve().parents[2]

WIDTH = 1 / 32
"""The smallest width that is allowed."""

BIAS_SCALE = 0.2

# What keeps signals of random networks as large as trained ones do, in standard deviations.
GAINS = {"lstm": 4.0, "associative_lstm": 3.0, "gru": 2.0, "residual_gru": 2.0}


@pytest.fixture(scope="session")
def reference() -> types.ModuleType:
  """The codec in NumPy float64, apart from the package."""
  path = TESTS / "golden/reference.py"
  spec = importlib.util.spec_from_file_location("tests.golden.reference", path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.fixture(scope="session")
def small_model() -> Callable[..., RecurrentNetwork]:
  """A function that makes a model of the smallest width with random weights and biases."""

  def make(seed: int = 1, stochastic_binarizer: bool = False, **config: object) -> RecurrentNetwork:
    config = RecurrentConfig(**{"width": WIDTH, "iterations": 3, **config})
    model = RecurrentNetwork(config, stochastic_binarizer, seed)
    rng = np.random.default_rng(seed)
    for name, variable in sorted(weights.named_variables(model).items()):
      if variable.shape.rank == 1:
        scale = BIAS_SCALE
      else:
        gain = 1 if name.startswith("gain_estimator/") else GAINS[config.unit]
        scale = gain / np.sqrt(np.prod(variable.shape[:-1]))
      variable.assign(rng.normal(0, scale, variable.shape))
    return model

  return make


@pytest.fixture
def image() -> tf.Tensor:
  """A batch of two noisy images as the networks see them, [2, 32, 48, 3]."""
  rng = np.random.default_rng(3)
  y, x, c = np.mgrid[:32, :48, :3]
  slopes = 0.6 * np.sin(y / 5 + c) * np.cos(x / 9 - c)
  noise = rng.normal(0, 0.3, (2, *slopes.shape))
  return tf.constant(np.clip(slopes + noise, -1, 1).astype(np.float32))


@pytest.fixture
def mixed_bfloat16() -> Iterator[None]:
  """What is made during the test computes in bfloat16."""
  policy = tf.keras.mixed_precision.global_policy()
  tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
  yield
  tf.keras.mixed_precision.set_global_policy(policy)
