"""Reads the golden vectors of the 2017 release's entropy coder: ours, and the whole in GOLDEN_DIR.

`tests/golden/entropy_coder` is a subset of the folder `release_entropy_coder` in GOLDEN_DIR; its
README tells what is in it. Test modules need this from their own `golden` fixture:

    @pytest.fixture(params=release.SOURCES)
    def golden(request): return release.read("masks", request.param)
"""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pytest

SOURCES = ("subset", "GOLDEN_DIR")

TOLERANCE = 1e-5
"""How far anything in float32 may be off, absolute; masks are exact."""


class Golden(dict):
  """The arrays of an archive, by name."""

  def folder(self, name: str) -> Golden:
    """The arrays below `name`/, by the rest of their names."""
    prefix = f"{name}/"
    return Golden({key[len(prefix) :]: self[key] for key in self if key.startswith(prefix)})

  def folders(self, prefix: str) -> list[str]:
    """The folders whose names begin so; there is one at least."""
    found = sorted({key.split("/")[0] for key in self if key.startswith(prefix)})
    assert found, prefix
    return found


def read(archive: str, source: str) -> Golden:
  """`archive`.npz of one of SOURCES; skips the test if GOLDEN_DIR is needed and not set."""
  folder = pathlib.Path(__file__).resolve().parent / "entropy_coder"
  if source == "GOLDEN_DIR":
    if not os.environ.get("GOLDEN_DIR"):
      pytest.skip("set GOLDEN_DIR to the folder with the golden vectors of the 2017 release")
    folder = pathlib.Path(os.environ["GOLDEN_DIR"]).resolve() / "release_entropy_coder"
  with np.load(folder / f"{archive}.npz", allow_pickle=False) as arrays:
    return Golden({name: arrays[name] for name in arrays.files})
