"""A codec's trials are what its bytes are and decode to."""

from __future__ import annotations

import time

import numpy as np

from compression.codecs.base import timed
from tests.evaluation.examples import Quantizer


def test_trials_are_of_each_setting_in_turn() -> None:
  image = np.random.default_rng(0).integers(0, 256, [13, 17, 3], np.uint8)
  codec = Quantizer()
  trials = list(codec.trials(image))
  assert [trial.setting for trial in trials] == [1, 2, 4]
  for trial, step in zip(trials, (64, 32, 16)):
    assert trial.size == 4 + image.size
    np.testing.assert_array_equal(trial.image, image // step * step)
    assert trial.encode_seconds > 0 and trial.decode_seconds > 0
    assert trial.nominal_bpp is None


def test_timed_returns_the_result_and_its_seconds() -> None:
  result, seconds = timed(lambda: time.sleep(0.05) or "x")
  assert result == "x" and seconds > 0.04  # clocks differ a little
