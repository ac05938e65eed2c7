"""Trials are of the files that a codec writes, and of what it makes of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compression.codecs.base import Codec
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.evaluation.trials import trials, untimed
from tests import shared
from tests.codecs.examples import Planes, Quantizer, quantized
from tests.near import assert_near_pixels

IMAGE = np.random.default_rng(0).integers(0, 256, [13, 17, 3], np.uint8)


def test_trials_are_of_each_setting_in_turn() -> None:
  found = list(trials(Quantizer(), IMAGE))
  assert [trial.setting for trial in found] == [1, 2, 4]
  for trial in found:
    assert trial.size == 4 + IMAGE.size
    np.testing.assert_array_equal(trial.image, quantized(IMAGE, trial.setting))
    assert trial.encode_seconds > 0 and trial.decode_seconds > 0
    assert trial.nominal_bpp is None


def test_trials_of_a_progressive_codec_are_those_of_its_files() -> None:
  codec = Planes()
  found = list(trials(codec, IMAGE))
  assert [trial.setting for trial in found] == list(codec.settings)
  for trial in found:
    data = codec.compress(IMAGE, trial.setting)
    assert trial.size == len(data)
    np.testing.assert_array_equal(trial.image, codec.decompress(data))
    assert trial.encode_seconds > 0 and trial.decode_seconds > 0


@pytest.mark.parametrize("codec", [Quantizer(), Planes()])
def test_without_seconds_all_else_is_the_same(codec: Codec) -> None:
  for timed, trial in zip(trials(codec, IMAGE), untimed(codec, IMAGE)):
    assert math.isnan(trial.encode_seconds) and math.isnan(trial.decode_seconds)
    assert (trial.setting, trial.size) == (timed.setting, timed.size)
    np.testing.assert_array_equal(trial.image, timed.image)


def test_without_seconds_a_progressive_codec_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
  codec, compressed = Planes(), []
  compress = codec.compress
  monkeypatch.setattr(
    codec, "compress", lambda image, setting: compressed.append(setting) or compress(image, setting)
  )
  assert len(list(untimed(codec, IMAGE))) == 8
  assert (compressed, codec.made) == ([8], 8)


def test_seconds_between_those_that_are_measured_lie_on_the_line(
  monkeypatch: pytest.MonkeyPatch,
) -> None:
  codec, measured = Planes(), []
  codec.settings = range(1, 8)
  compress, prepared = codec.compress, []

  def noted(image: np.ndarray, setting: float) -> bytes:
    measured.append(setting)
    return compress(image, setting)

  monkeypatch.setattr(codec, "compress", noted)
  monkeypatch.setattr(codec, "prepare", lambda image: prepared.append(len(measured)))
  found = list(trials(codec, IMAGE))
  assert (prepared, measured) == ([0], [1, 2, 4, 7])
  for name in ("encode_seconds", "decode_seconds"):
    seconds = [getattr(trial, name) for trial in found]
    assert min(seconds) > 0
    assert seconds[2] == pytest.approx((seconds[1] + seconds[3]) / 2)
    np.testing.assert_allclose(np.diff(seconds[3:], 2), 0, atol=1e-9)


@pytest.fixture(scope="module")
def codec() -> RecurrentCodec:
  return shared.mobile()


def test_trials_of_a_network_are_those_of_its_files(
  codec: RecurrentCodec, photo: np.ndarray
) -> None:
  image = np.ascontiguousarray(photo[:50, :45])
  found = list(trials(codec, image))
  assert [trial.setting for trial in found] == list(range(1, 17))
  for iteration in (1, 7, 16):
    data = codec.compress(image, iteration)
    trial = found[iteration - 1]
    assert trial.size == len(data)
    assert_near_pixels(trial.image, codec.decompress(data))
    assert trial.nominal_bpp == pytest.approx(iteration * 4 * 3 * 32 / (50 * 45))
