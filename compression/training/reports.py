"""What a training run tells: lines of text and TensorBoard scalars."""

from __future__ import annotations

import pathlib
import time
from typing import Any

import numpy as np
import tensorflow as tf

from compression.training.callbacks import Checkpoints, Plan, StepCallback, not_finite
from compression.training.console import Say
from compression.training.trainer import Measures

TENSORBOARD = "tensorboard"

_NEVER = object()


def make_writer(folder: pathlib.Path, name: str, writes: bool = True) -> tf.summary.SummaryWriter:
  """Where TensorBoard finds the curve called `name`; writes nothing if not `writes`."""
  if not writes:
    return tf.summary.create_noop_writer()
  return tf.summary.create_file_writer(str(folder / TENSORBOARD / name))


class Report(StepCallback):
  """What the trainer measured on the training batches, every so many steps.

  Ends the training when the loss is not finite.

  Args:
    plan: when to report.
    rate: the learning rate, a function of the step.
    checkpoints: knows what was saved, for the message of an error.
    writer: of TensorBoard.
    say: takes a line.
  """

  def __init__(
    self,
    plan: Plan,
    rate: Any,
    checkpoints: Checkpoints,
    writer: tf.summary.SummaryWriter,
    say: Say,
  ):
    super().__init__(plan)
    self._rate, self._checkpoints = rate, checkpoints
    self._writer, self._say = writer, say
    self._since: tuple[int, float] | None = None  # the step and time from which speed counts
    self._traced: Any = _NEVER

  def after_step(self, step: int) -> None:
    if self._traced is not self.model.train_function:  # this step was traced, which took its time
      self._traced, self._since = self.model.train_function, None
    if self.plan.is_report(step):
      measures = self.model.pop_measures()  # waits for what is not done yet
      if not np.isfinite(measures.loss):
        raise not_finite("the loss is", step, self._checkpoints.saved)
      speed = None
      if self._since is not None:
        speed = (step - self._since[0]) / (time.perf_counter() - self._since[1])
      self._tell(step, measures, speed)
      self._since = None
    # What other callbacks do after this step is none of its time.

  def before_step(self, step: int) -> None:
    if self._since is None and self._traced is self.model.train_function:
      self._since = (step, time.perf_counter())

  def _tell(self, step: int, measures: Measures, speed: float | None) -> None:
    rate = float(self._rate(step - 1))
    line = f"step {step}/{self.plan.steps}  {measures.text}  lr {rate:.1e}"
    scalars = {**measures.scalars, "learning_rate": rate}
    if speed is not None:
      line += f"  {speed:.3g} steps/s"
      scalars["steps_per_second"] = speed
    self._say(line)
    with self._writer.as_default(step=step):
      for name, value in scalars.items():
        tf.summary.scalar(name, value)
    self._writer.flush()
