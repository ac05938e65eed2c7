"""How many iterations of the codec are trained when: few at first, as those are the cheap ones.

The first iterations learn most of what the later ones build on, and cost a fraction.
"""

from __future__ import annotations

from typing import NamedTuple

from compression.codecs.recurrent.config import MAX_ITERATIONS
from compression.common.errors import ConfigError


class Stage(NamedTuple):
  """So many iterations until this share of all the steps."""

  iterations: int
  until: float


class Curriculum(NamedTuple):
  """Stages in the order of time; the last ends at 1."""

  stages: tuple[Stage, ...]

  @classmethod
  def parse(cls, text: str) -> Curriculum:
    """From "4:0.12,8:0.3,16:1": 4 iterations in the first 12 % of the steps, and so on.

    Raises:
      ConfigError: if the text is something else, shares do not grow or do not end at 1.
    """
    stages = []
    before = 0.0
    for part in text.split(","):
      try:
        iterations, until = part.split(":")
        stage = Stage(int(iterations), float(until))
      except ValueError as error:
        example = "iterations:share,... such as 4:0.12,16:1"
        raise ConfigError(f"curriculum must be {example}: {text!r}") from error
      if not 1 <= stage.iterations <= MAX_ITERATIONS:
        raise ConfigError(f"curriculum has iterations that are not 1 to {MAX_ITERATIONS}: {text!r}")
      if not before < stage.until <= 1:
        raise ConfigError(f"curriculum must have shares that grow and end at 1: {text!r}")
      before = stage.until
      stages.append(stage)
    if before != 1:
      raise ConfigError(f"curriculum must have shares that grow and end at 1: {text!r}")
    return cls(tuple(stages))

  def iterations(self, step: int, steps: int, most: int) -> int:
    """How many iterations step number `step` (from 0) of `steps` runs; at most `most`."""
    for stage in self.stages:
      if step < stage.until * steps:
        return min(stage.iterations, most)
    return min(self.stages[-1].iterations, most)
