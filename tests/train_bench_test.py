"""Tests of `python -m compression.train_bench`; training/bench_test.py has what it measures."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
  ("flag", "status", "message"),
  [
    ("photo.png", 2, "photo.png: unexpected argument"),
    ("--widths=0.25,wide", 2, "--widths: "),
    ("--widths=0.25,0.3", 2, "--widths: width must make whole depths"),
    ("--widths=", 2, "--widths names none"),
    ("--repeat=0", 2, "repeat"),
    ("--images=nothing/*", 1, "nothing/*: matches no file"),
  ],
)
def test_what_is_wrong_is_one_line_before_anything_is_measured(
  flag: str, status: int, message: str
) -> None:
  command = [sys.executable, "-m", "compression.train_bench", flag]
  result = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
  assert result.returncode == status
  assert result.stderr.startswith("error: ") and message in result.stderr
  assert result.stderr.count("\n") == 1 and result.stdout == ""
