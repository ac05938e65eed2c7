"""`python -m tools.join_qualities`: one model of several."""

from __future__ import annotations

import pathlib

from compression.codecs import qualities, registry
from compression.codecs.qualities import Quality
from tests import programs
from tests.codecs.balle2017.examples import CHANNELS, arrays

PROGRAM = "tools.join_qualities"


def test_runs_become_one_model_with_the_lowest_lambda_first(tmp_path: pathlib.Path) -> None:
  for seed, lmbda in enumerate((0.2, 0.1)):
    quality = Quality(lmbda, arrays(seed))
    qualities.save(tmp_path / str(seed), "balle2017", {"channels": CHANNELS}, [quality])
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
