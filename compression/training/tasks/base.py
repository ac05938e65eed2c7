"""What the loop needs to know of what is learned."""

from __future__ import annotations

import abc
import pathlib
from collections.abc import Sequence

import tensorflow as tf

from compression.training.callbacks import Plan, StepCallback
from compression.training.config import LoopConfig
from compression.training.console import Console, Say
from compression.training.pipeline import Source
from compression.training.trainer import Trainer


class Task(abc.ABC):
  """A model, its data and its loss; `compression.training.loop` does the rest.

  Attributes:
    config: how it is trained, as far as the loop asks.
    title: of the model, for the first line of a run.
  """

  config: LoopConfig
  title: str

  @abc.abstractmethod
  def save(self, folder: pathlib.Path) -> None:
    """Writes the experiment into the folder of a run; raises OutputError if it cannot."""

  @abc.abstractmethod
  def source(self, warn: Say) -> tuple[Source, str]:
    """What makes the batches, and what they are of: "12 images".

    Args:
      warn: takes lines about what is left out.

    Raises:
      ConfigError, FormatError, ImageError: if there is nothing to learn from.
    """

  @abc.abstractmethod
  def rate(self) -> tf.keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate at each step."""

  @abc.abstractmethod
  def make_trainer(self, source: Source, init: str) -> Trainer:
    """What is trained, with its optimizer: `Trainer.prepare` was called.

    Args:
      source: of the batches.
      init: what to take the first weights from, in the terms of the task; "" for random ones.

    Raises:
      ModelError: if `init` does not fit.
    """

  def before_steps(self, plan: Plan) -> Sequence[StepCallback]:
    """What changes the training between its steps; before all other callbacks."""
    del plan
    return ()

  def validation(
    self, plan: Plan, folder: pathlib.Path, console: Console
  ) -> Sequence[StepCallback]:
    """What looks at the result of the checkpoints, after they were saved.

    Args:
      plan: knows which steps are checkpoints.
      folder: of the run.
      console: where it says what it found.
    """
    del plan, folder, console
    return ()
