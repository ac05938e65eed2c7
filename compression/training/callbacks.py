"""What happens between the steps: checkpoints, and stopping when asked to.

A run is one call of Keras' `fit` with one epoch, from the step where it begins or goes on to the
last; so callbacks count steps, not epochs.
"""

from __future__ import annotations

import contextlib
import pathlib
import signal
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from compression.common.errors import CompressionError, ModelError, OutputError
from compression.training import workers
from compression.training.config import CHECKPOINTS
from compression.training.trainer import Trainer

_KEPT_CHECKPOINTS = 3
_REPORT_STEPS = 50


class Plan(NamedTuple):
  """Which steps there are: `start` have been made, `steps` will have been in the end."""

  start: int
  steps: int
  checkpoint_steps: int

  def is_checkpoint(self, step: int) -> bool:
    """Whether to save after so many steps."""
    return step % self.checkpoint_steps == 0 or step == self.steps

  def is_report(self, step: int) -> bool:
    """Whether to say how it goes; always before saving, so that nothing broken is saved."""
    return step % _REPORT_STEPS == 0 or self.is_checkpoint(step)


class StepCallback(tf.keras.callbacks.Callback):
  """A callback that is told how many steps have been made, in this run and those before it."""

  def __init__(self, plan: Plan):
    super().__init__()
    self._supports_tf_logs = True  # else Keras waits for the device after every step for the loss
    self.plan = plan

  def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
    self.before_step(self.plan.start + batch)

  def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
    self.after_step(self.plan.start + batch + 1)

  def before_step(self, step: int) -> None:
    """Before step number `step`, from 0."""

  def after_step(self, step: int) -> None:
    """After `step` steps."""


class Checkpoints(StepCallback):
  """Saves what the run goes on from, and the result so far.

  The batches follow from the number of steps.

  Args:
    plan: when to save.
    manager: what `make_manager` makes.
    writes: whether this process is the one of its group that writes.

  Attributes:
    saved: the step of the last checkpoint.
  """

  def __init__(self, plan: Plan, manager: tf.train.CheckpointManager, writes: bool = True):
    super().__init__(plan)
    self.saved = plan.start
    self._manager = manager
    self._writes = writes

  def after_step(self, step: int) -> None:
    if self.plan.is_checkpoint(step):
      self.save(step)

  def save(self, step: int) -> None:
    """Saves; raises CompressionError if the weights are not finite, OutputError if it cannot."""
    if not self._writes or step == self.saved:
      return
    workers.wait_for_steps(self.model.distribute_strategy)
    for name, variable in self.model.named_variables().items():
      if not np.isfinite(variable.numpy()).all():
        raise not_finite(f"the weights {name} are", step, self.saved)
    try:
      self._manager.save(checkpoint_number=step, options=workers.checkpoint_options())
    except workers.LOST:
      raise
    except (OSError, tf.errors.OpError) as error:
      reason = str(error).splitlines()[0]
      raise OutputError(f"{self._manager.directory}: cannot be written: {reason}") from error
    self.saved = step
    self.model.export(pathlib.Path(self._manager.directory).parent)


class StopOnSignal(StepCallback):
  """Once a signal has come, saves and ends the training after the current step."""

  def __init__(self, plan: Plan, caught: Caught, checkpoints: Checkpoints):
    super().__init__(plan)
    self._caught = caught
    self._checkpoints = checkpoints

  def after_step(self, step: int) -> None:
    if self._caught.number is not None:
      self._checkpoints.save(step)
      self.model.stop_training = True


class Caught:
  """Which signal has come, if any."""

  number: signal.Signals | None = None


@contextlib.contextmanager
def catch_signals(enabled: bool = True) -> Iterator[Caught]:
  """Notes SIGINT and SIGTERM instead of dying of them; the second of a kind kills as usual."""
  caught = Caught()
  before: dict[int, Any] = {}

  def note(number: int, frame: Any) -> None:
    caught.number = signal.Signals(number)
    signal.signal(number, before[number])

  if enabled and threading.current_thread() is threading.main_thread():
    for number in (signal.SIGINT, signal.SIGTERM):
      before[number] = signal.getsignal(number)
      signal.signal(number, note)
  try:
    yield caught
  finally:
    for each, handler in before.items():
      signal.signal(each, handler)


def make_manager(trainer: Trainer, folder: pathlib.Path) -> tf.train.CheckpointManager:
  """What saves and finds the checkpoints of the run in `folder`; the optimizer must be built."""
  checkpoint = trainer.checkpoint()
  # Else the first save creates it, in which all workers of a group would have to take part.
  checkpoint.save_counter  # noqa: B018
  return tf.train.CheckpointManager(checkpoint, str(folder / CHECKPOINTS), _KEPT_CHECKPOINTS)


def restore(manager: tf.train.CheckpointManager) -> int:
  """Brings back the last checkpoint, if there is one; returns how many steps have been made.

  Raises:
    ModelError: if it cannot be read or is of something else.
  """
  latest = manager.latest_checkpoint
  if latest is None:
    return 0
  try:
    restored = manager.checkpoint.restore(latest, workers.checkpoint_options())
    restored.assert_existing_objects_matched()
  except workers.LOST:
    raise
  except (OSError, ValueError, AssertionError, tf.errors.OpError) as error:
    reason = str(error).splitlines()[0]
    raise ModelError(f"{latest}: cannot be restored: {reason}") from error
  return int(manager.checkpoint.optimizer.iterations.numpy())


def not_finite(what: str, step: int, saved: int) -> CompressionError:
  """The error that ends a training that has gone astray."""
  kept = f"the checkpoint of step {saved} is kept" if saved else "nothing was saved"
  return CompressionError(
    f"step {step}: {what} not finite; {kept}. A lower --learning_rate may help"
  )
