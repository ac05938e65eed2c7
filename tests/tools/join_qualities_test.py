"""`python -m tools.join_qualities`: one model of several."""

from __future__ import annotations

import pathlib
import types

import pytest

from compression.codecs import qualities, registry
from compression.codecs.qualities import Quality
from tests import programs
from tests.codecs.balle2017 import examples as balle2017
from tests.codecs.hu2020 import examples as hu2020

PROGRAM = "tools.join_qualities"


@pytest.mark.parametrize(("kind", "examples"), [("balle2017", balle2017), ("hu2020", hu2020)])
def test_runs_become_one_model_with_the_lowest_lambda_first(
  tmp_path: pathlib.Path, kind: str, examples: types.ModuleType
) -> None:
  for seed, lmbda in enumerate((0.2, 0.1)):
    quality = Quality(lmbda, examples.arrays(seed))
    qualities.save(tmp_path / str(seed), kind, {"channels": examples.CHANNELS}, [quality])
  flags = ("--models=0,1", "--output=both")
  status, out, err = programs.call(PROGRAM, tmp_path, *flags)
  assert (status, err) == (0, "")
  lines = out.splitlines()
  assert lines[0].startswith("quality 1: lambda 0.1, id ") and len(lines) == 2
  assert list(registry.find(tmp_path / "both").settings) == [1, 2]
  programs.refuses(PROGRAM, tmp_path, "both: exists already; --overwrite", *flags)
  assert programs.call(PROGRAM, tmp_path, *flags, "--overwrite")[0] == 0


def test_what_is_missing_is_one_line(tmp_path: pathlib.Path) -> None:
  programs.refuses(PROGRAM, tmp_path, "--models is missing", "--output=x", status=2)
  programs.refuses(PROGRAM, tmp_path, "gone: no such model", "--models=gone", "--output=x")
  flags = ("--models=mobile", "--output=x")
  programs.refuses(PROGRAM, tmp_path, "has no separate qualities", *flags)
