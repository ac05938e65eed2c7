"""What the tests of the programs in `tools` share: each released model is loaded once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import pytest

from compression.codecs import model_folders
from compression.codecs.recurrent import codec

_load = codec.load


@pytest.fixture(scope="session")
def released() -> Iterator[Callable[[str, str], codec.RecurrentCodec]]:
  """`load` of the codec, which remembers."""
  load = functools.cache(_load)
  yield load
  load.cache_clear()


@pytest.fixture(autouse=True)
def released_once(
  released: Callable[[str, str], codec.RecurrentCodec], monkeypatch: pytest.MonkeyPatch
) -> None:
  """Programs that are called in this process find the models that were there before."""

  def load(
    name: str = model_folders.DEFAULT_MODEL, precision: str = "float32"
  ) -> codec.RecurrentCodec:
    return (released if name in ("residual_gru", "mobile") else _load)(name, precision)

  monkeypatch.setattr(codec, "load", load)
