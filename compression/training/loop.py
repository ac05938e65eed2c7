"""A whole training run: a task, devices and callbacks put together, from start to end.

A run lives in a folder. Calling it again with the same folder goes on where it was:

    checkpoints/        what it goes on from
    tensorboard/        `tensorboard --logdir=...` shows it

beside the experiment and the result so far, whose names are the task's.
"""

from __future__ import annotations

import contextlib
import pathlib
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from compression.common.files import make_folder
from compression.training import callbacks, pipeline, progress, reports, workers
from compression.training.config import LoopConfig, is_begun
from compression.training.console import Console, Say, say_nothing
from compression.training.pipeline import Source
from compression.training.tasks.base import Task
from compression.training.trainer import Trainer


def train(task: Task, folder: pathlib.Path, console: Console) -> signal.Signals | None:
  """Trains a model in a folder, or goes on with it; checks nothing about an earlier experiment.

  Args:
    task: what is learned.
    folder: of the run; made if need be.
    console: where it says how it goes.

  Returns: the signal that ended it, or None.

  Raises:
    CompressionError: if the loss or the weights are no longer finite.
    ConfigError, FormatError, ImageError, ModelError, OutputError: if something does not fit or is
      missing.
  """
  config = task.config
  if workers.is_served(config.distribution):
    workers.serve(console.say)
    return None
  strategy = workers.make_strategy(config.distribution)  # before any other use of TensorFlow
  writes = strategy.extended.should_checkpoint  # in a group of workers, only the first does
  if not writes:
    console = Console(say_nothing, say_nothing)
  source, content = task.source(console.warn)
  make_folder(folder)
  if writes:
    task.save(folder)
  failures = workers.failures_named(config.distribution)
  with failures, settings(config, console.warn), strategy.scope():
    trainer = task.make_trainer(source, "" if is_begun(folder) else config.init)
    manager = callbacks.make_manager(trainer, folder)
    start = callbacks.restore(manager)
    if start >= config.steps:
      if writes:
        trainer.export(folder)  # should that have been cut off
      console.say(f"{folder}: has made {start} steps already; a larger --steps goes on")
      return None
    data = _data(source, start, config, strategy)
    parameters = sum(int(np.prod(v.shape)) for v in trainer.network.trainable_variables)
    console.say(
      f"{task.title}: {parameters / 1e6:.2f} M parameters; {content};"
      f" steps {start} to {config.steps}"
    )
    plan = callbacks.Plan(start, config.steps, config.checkpoint_steps)
    checkpoints = callbacks.Checkpoints(plan, manager, writes)
    return _fit(task, trainer, data, checkpoints, folder, console, writes)


def _data(source: Source, start: int, config: LoopConfig, strategy: tf.distribute.Strategy) -> Any:
  """The batches from number `start` on, as `fit` takes them."""
  if config.distribution == workers.PARAMETER_SERVER:
    return pipeline.ServedBatches(source, start, workers.chief_host())
  if strategy.num_replicas_in_sync > 1:
    return pipeline.distributed_batches(source, start, config.steps, strategy)
  return pipeline.batches(source, start, config.steps)


@contextlib.contextmanager
def settings(config: LoopConfig, warn: Say) -> Iterator[None]:
  """TensorFlow's global settings for a run, put back afterwards."""
  logger = tf.get_logger()
  level = logger.level
  logger.setLevel("ERROR")  # Keras warns of callbacks that take long, as saving does
  lost_workers = workers.LostWorkers(warn)
  if config.distribution == workers.PARAMETER_SERVER:
    lost_workers.begin(logger)
  tf.keras.utils.set_random_seed(config.seed)
  # Without a GPU, rewriting the graphs takes some 10 s each time that a step is traced, and the
  # steps are no faster for it. On a GPU it chooses the layout of the convolutions.
  rewrite = bool(tf.config.list_physical_devices("GPU"))
  options = tf.config.optimizer.get_experimental_options()
  before = options.get("disable_meta_optimizer", False)
  tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not rewrite})
  try:
    yield
  finally:
    logger.setLevel(level)
    lost_workers.end()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": before})


def _fit(
  task: Task,
  trainer: Trainer,
  data: Any,
  checkpoints: callbacks.Checkpoints,
  folder: pathlib.Path,
  console: Console,
  writes: bool,
) -> signal.Signals | None:
  plan, distribution = checkpoints.plan, task.config.distribution
  writer = reports.make_writer(folder, "train", writes)
  bars, reported, above_bar = [], console.say, console
  with contextlib.ExitStack() as stack:
    # A worker that stops on its own would leave the others waiting for it forever.
    alone = distribution != workers.MULTI_WORKER
    caught = stack.enter_context(callbacks.catch_signals(enabled=alone))
    # With parameter servers the loss of a step is known only later, and Keras refuses the bar.
    if console.on_terminal and distribution != workers.PARAMETER_SERVER:
      bars = [progress.progress_bar(plan)]
      stack.callback(bars[0].close)
      reported, above_bar = say_nothing, console._replace(say=progress.write_line)
    every_step = [
      *task.before_steps(plan),
      *bars,
      reports.Report(plan, task.rate(), checkpoints, writer, reported),
      checkpoints,
      callbacks.StopOnSignal(plan, caught, checkpoints),
      *(task.validation(plan, folder, above_bar) if writes else ()),
    ]
    trainer.fit(data, steps_per_epoch=plan.steps - plan.start, callbacks=every_step, verbose=0)
  if caught.number is not None:
    console.say(f"stopped by {caught.number.name}; saved at step {checkpoints.saved}")
  return caught.number
