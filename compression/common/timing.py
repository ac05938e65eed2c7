"""How long something takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def measure(function: Callable[[], Any], repeat: int) -> float:
  """The median of `repeat` runs in seconds, after one to warm up."""
  function()
  seconds = []
  for _ in range(repeat):
    start = time.perf_counter()
    function()
    seconds.append(time.perf_counter() - start)
  return statistics.median(seconds)
