"""Tests of compression/training/tasks/recurrent/curriculum.py."""

from __future__ import annotations

import pytest

from compression.common.errors import ConfigError
from compression.training.tasks.recurrent.curriculum import Curriculum


def test_iterations_change_at_the_shares() -> None:
  curriculum = Curriculum.parse("4:0.12,8:0.3,16:1")
  values = [curriculum.iterations(step, 100, 16) for step in range(100)]
  assert values == [4] * 12 + [8] * 18 + [16] * 70


def test_there_are_never_more_than_the_model_has() -> None:
  curriculum = Curriculum.parse("4:0.12,8:0.3,16:1")
  assert [curriculum.iterations(step, 100, 6) for step in (0, 20, 99)] == [4, 6, 6]


def test_steps_beyond_the_last_are_of_the_last_stage() -> None:
  assert Curriculum.parse("2:0.5,3:1").iterations(100, 100, 16) == 3


@pytest.mark.parametrize(
  "text",
  ["", "16", "4:0.5", "4:0.5,8:0.4,16:1", "4:0.5,8:0.5,16:1", "0:1", "17:1", "4.5:1", "4:1,",
   "4:1.5", "4:-1,16:1", "4:nan,16:1", "a:b", "4:0.5:1"],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
  with pytest.raises(ConfigError, match="curriculum"):
    Curriculum.parse(text)
