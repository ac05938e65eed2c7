"""The benchmark runs, and its figures are of the right kind; how fast things are is not tested."""

from __future__ import annotations

import pytest

from compression.common import timing
from tests.entropy.bits.examples import make_coder, make_model, random_bits


def test_the_median_counts() -> None:
  calls = []
  assert timing.measure(lambda: calls.append(1), 3) >= 0
  assert len(calls) == 4  # one to warm up


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_step_is_measured_against_the_plain_rate(precision: str) -> None:
  rate = timing.plain_rate(1)
  assert rate > 0
  step = timing.step(1 / 16, rate, 1, precision)
  assert step.encoder > 0 and step.decoder > 0
  assert 0 < step.encoder_share < 3 and 0 < step.decoder_share < 3


def test_entropy_coding_is_measured(tmp_path) -> None:
  found = timing.entropy_coding(make_coder(make_model(), tmp_path), random_bits(2, 9, 8), 1)
  assert found.encode > 0 and found.decode > 0
  assert 2 * 9 * 8 * 8 < found.memory < 2**27
