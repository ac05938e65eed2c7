"""How long something takes; how fast things are is not tested."""

from __future__ import annotations

import time

import pytest

from compression.common import timing


def test_the_median_counts_and_the_first_run_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
  now = [0.0]
  runs = iter([1000, 3, 1, 50])

  def work() -> None:
    now[0] += next(runs)

  monkeypatch.setattr(time, "perf_counter", lambda: now[0])
  assert timing.measure(work, 3) == 3
  assert next(runs, None) is None
