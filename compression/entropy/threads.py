"""How many threads NumPy multiplies matrices with: small ones wait longer than they compute."""

from __future__ import annotations

import contextlib
import functools
import math
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import threadpoolctl

_PLACES_FOR_THREADS = 128 * 128
"""An image of 2048 x 2048 pixels; on two cores more threads gain nothing below that."""


_SETTING = threading.Lock()


@contextlib.contextmanager
def few_threads(places: Sequence[int]) -> Iterator[None]:
  """One thread while a layer with these sides is coded, all of them if it is large.

  The number belongs to the whole process. Who sets it puts it back; who comes in the meantime
  leaves it as it is, so that no two take each other's number for the original one.
  """
  if math.prod(places) >= _PLACES_FOR_THREADS or not _SETTING.acquire(blocking=False):
    yield
    return
  try:
    with _blas().limit(limits=1):
      yield
  finally:
    _SETTING.release()


@functools.cache
def _blas() -> Any:
  return threadpoolctl.ThreadpoolController().select(user_api="blas")
