"""The networks that choose tables: the same integers by any way of adding, near the floats."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs import strips
from compression.codecs.hu2020.integers import SCALES, UNITS, HyperSynthesis, Prediction
from compression.codecs.hu2020.network import INPUT_SHARE, LOW, MU_GAIN, limited
from compression.common.errors import ModelError
from tests.codecs.hu2020.digests import digest
from tests.codecs.hu2020.examples import CHANNELS, arrays, network

_HERE = "here"
_MOST = 2**15 - 1


def slow_conv(values: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
  """By int64, place by place."""
  size = kernel.shape[0]
  height, width, _ = values.shape
  reach = size // 2
  sums = np.zeros([height, width, kernel.shape[3]], np.int64) + bias.astype(np.int64)
  for y, x, row, column in np.ndindex(height, width, size, size):
    at = y + row - reach, x + column - reach
    if 0 <= at[0] < height and 0 <= at[1] < width:
      sums[y, x] += (values[at][:, None] * kernel[row, column].astype(np.int64)).sum(0)
  return sums


def shifted(sums: np.ndarray, bits: int, low: int, high: int) -> np.ndarray:
  return np.clip((sums + (1 << bits - 1)) >> bits, low, high)


def layer(part: str, number: int) -> tuple[np.ndarray, np.ndarray]:
  name = f"{part}/conv{number}"
  return arrays()[f"{name}/kernel"], arrays()[f"{name}/bias"]


def slow_synthesis(z_hat: np.ndarray, part: str, height: int, width: int) -> np.ndarray:
  h = np.clip(z_hat.astype(np.int64) * 16, -_MOST, _MOST)
  h = shifted(slow_conv(h, *layer(part, 1)), 12, -_MOST, _MOST)
  for number in (2, 3):
    h = shifted(slow_conv(h, *layer(part, number)), 12, 0, _MOST)
  apart = np.zeros([2 * h.shape[0], 2 * h.shape[1], h.shape[2] // 4], np.int64)
  for y, x in np.ndindex(2, 2):
    apart[y::2, x::2] = h[..., (2 * y + x) * apart.shape[2] :][..., : apart.shape[2]]
  return shifted(slow_conv(apart, *layer(part, 4)), 12, -_MOST, _MOST)[:height, :width]


def slow_prediction(h: np.ndarray, part: str) -> tuple[np.ndarray, np.ndarray]:
  for number in (1, 2):
    h = shifted(slow_conv(h, *layer(part, number)), 12, 0, _MOST)
  mu, scale = np.split(slow_conv(h, *layer(part, 3)), 2, -1)
  return shifted(mu, 16, -_MOST, _MOST), shifted(scale, 20, -12, SCALES - 13) + 12


def latents(height: int, width: int, channels: int) -> np.ndarray:
  """Some beyond all limits."""
  z_hat = np.random.default_rng(1).normal(0, 40, [height, width, channels])
  z_hat[0, 0, 0], z_hat[-1, -1, -1] = 2**24, -(2**24)
  return np.rint(z_hat).astype(np.int32)


def test_integers_are_those_of_an_implementation_in_int64():
  z_hat = latents(2, 3, CHANNELS // 2)
  h = HyperSynthesis(arrays(), "hyper_synthesis2", _HERE)(z_hat, 4, 5)
  np.testing.assert_array_equal(h, slow_synthesis(z_hat, "hyper_synthesis2", 4, 5))
  mu, scales = Prediction(arrays(), "prediction3", _HERE)(h)
  expected = slow_prediction(h.astype(np.int64), "prediction3")
  np.testing.assert_array_equal(mu, expected[0])
  np.testing.assert_array_equal(scales, expected[1])
  assert mu.dtype == np.int32 and 0 <= scales.min() <= scales.max() < SCALES


def test_integers_are_near_the_networks_that_they_come_from():
  made = network()
  z_hat = latents(4, 4, CHANNELS // 2)
  h = HyperSynthesis(arrays(), "hyper_synthesis2", _HERE)(z_hat, 8, 8)
  floats = z_hat[None].astype(np.float32) / UNITS / INPUT_SHARE
  expected = limited(made.hyper_synthesis2(limited(floats)))
  np.testing.assert_allclose(h / 2**10, expected[0], atol=0.02)
  mu, scales = Prediction(arrays(), "prediction3", _HERE)(h)
  means, logs = tf.split(made.prediction3(expected)[0], 2, -1)
  np.testing.assert_allclose(mu / UNITS, means * MU_GAIN, atol=0.2)
  wanted = np.clip(4 * (np.asarray(logs) - LOW), 0, SCALES - 1)
  assert np.abs(scales - wanted).max() < 0.75


def test_strips_of_a_prediction_are_the_whole(monkeypatch):
  h = np.random.default_rng(2).integers(-3000, 3000, [9, 4, CHANNELS // 2]).astype(np.float64)
  prediction = Prediction(arrays(), "prediction3", _HERE)
  whole = prediction(h)
  monkeypatch.setattr(strips, "ROWS", 2)
  for one, other in zip(whole, prediction(h)):
    np.testing.assert_array_equal(one, other)


def test_threads_and_instructions_change_nothing():
  """In another process, with one thread and older instructions."""
  code = "import json; from tests.codecs.hu2020.digests import digest; print(json.dumps(digest()))"
  changed = {
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Nehalem",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX",
  }
  run = subprocess.run(
    [sys.executable, "-c", code],
    env={**os.environ, **changed},
    capture_output=True,
    text=True,
    check=True,
  )
  assert json.loads(run.stdout.splitlines()[-1]) == digest()


def test_layers_of_other_shapes_are_refused():
  good = arrays()
  name = "hyper_synthesis2/conv4/kernel"
  for wrong in (good[name][:1], good[name][:, :, :-1], good[name].astype(np.float32)):
    with pytest.raises(ModelError, match="^here: hyper_synthesis2/conv4 [^\n]+$"):
      HyperSynthesis({**good, name: wrong}, "hyper_synthesis2", _HERE)
