"""The benchmark of a step runs, and its figures are of the right kind, however fast things are."""

from __future__ import annotations

import pathlib

import pytest

from compression.codecs.recurrent import timing
from tests.entropy.bits.examples import make_coder, make_model, random_bits


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
  """Images and convolutions of a size that takes no time."""
  monkeypatch.setattr(timing, "HEIGHT", 32)
  monkeypatch.setattr(timing, "WIDTH", 48)
  monkeypatch.setattr(timing, "_PLAIN_SHAPES", ((8, 12, 16, 16), (4, 6, 32, 32)))


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_step_is_measured_against_the_plain_rate(precision: str) -> None:
  rate = timing.plain_rate(1)
  assert rate > 0
  step = timing.step(1 / 32, rate, 1, precision)
  assert step.encoder > 0 and step.decoder > 0
  # Multiply-adds are those of an image of 768x512: the shares grow as the rate shrinks.
  slower = timing.step(1 / 32, rate / 1e6, 1, precision)
  assert slower.encoder_share > step.encoder_share > 0
  assert slower.decoder_share > step.decoder_share > 0


def test_entropy_coding_is_measured(tmp_path: pathlib.Path) -> None:
  found = timing.entropy_coding(make_coder(make_model(), tmp_path), random_bits(2, 9, 8), 1)
  assert found.encode > 0 and found.decode > 0
  assert 2 * 9 * 8 * 8 < found.memory < 2**27
