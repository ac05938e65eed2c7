"""What is loaded once for all tests of a process: released models, and programs that use them."""

from __future__ import annotations

import atexit
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from compression.codecs import model_folders, registry
from compression.codecs.base import Codec, Options
from compression.codecs.recurrent import folders
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import UNITS
from compression.common import workers

FOR_PHOTOS = [
  model.name for model in folders.released() if folders.read_config(model).unit in UNITS
]
"""The released models of 2017's units: what is exported, and is as good as the cards say."""

_find = registry.find


@functools.cache
def _released(name: str, options: Options) -> Codec:
  return _find(name, options)


for cached in (_released, registry._opened, registry.find_once):
  atexit.register(cached.cache_clear)  # else TensorFlow complains while it is taken apart


def released(name: str, precision: str = "float32") -> RecurrentCodec:
  """One of the released models."""
  codec = _released(name, Options(precision))
  assert isinstance(codec, RecurrentCodec)
  return codec


def mobile() -> RecurrentCodec:
  """The smaller of them."""
  return released("mobile")


def share_models(monkeypatch: pytest.MonkeyPatch) -> None:
  """Lets programs that are called in this process find released models that are loaded already."""

  def find(name: str, options: Options = Options()) -> Codec:  # noqa: B008
    return _released(name, options) if name in model_folders.names() else _find(name, options)

  monkeypatch.setattr(registry, "find", find)


def work_here(monkeypatch: pytest.MonkeyPatch) -> None:
  """Lets evaluations that are called in this process work in it, not in processes of their own."""

  def run(
    work: Callable[[Any], Any], tasks: Iterable[Any], jobs: int, threads: int
  ) -> Iterator[Any]:
    yield from map(work, tasks)

  monkeypatch.setattr(workers, "run", run)
  registry.find_once.cache_clear()  # of relative names, which are another folder's by now
