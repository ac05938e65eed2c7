"""Tests of `python -m compression.train_bench`; training/bench_test.py has what it measures."""

from __future__ import annotations

import pathlib

import pytest

from tests import programs


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
  tmp_path: pathlib.Path, flag: str, status: int, message: str
) -> None:
  programs.refuses("compression.train_bench", tmp_path, message, flag, status=status)
