"""What a task may leave out, and what not."""

from __future__ import annotations

import pathlib

import pytest

from compression.training.callbacks import Plan
from compression.training.config import LoopConfig
from compression.training.console import Console
from compression.training.tasks.base import Task


class Bare(Task):
  def save(self, folder):
    pass

  def source(self, warn):
    raise AssertionError

  def rate(self):
    raise AssertionError

  def make_trainer(self, source, init):
    raise AssertionError


def test_nothing_between_the_steps_and_no_validation_is_a_task_too() -> None:
  plan = Plan(0, 1, 1)
  assert list(Bare().before_steps(plan)) == []
  assert list(Bare().validation(plan, pathlib.Path(), Console())) == []


def test_a_task_without_data_is_none() -> None:
  class NoSource(Bare):
    config = LoopConfig()
    source = Task.source

  with pytest.raises(TypeError, match="source"):
    NoSource()
