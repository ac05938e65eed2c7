"""A whole training run: data, model, devices and callbacks put together, from start to end.

A run lives in a folder. Calling it again with the same folder goes on where it was:

    train_config.json   the experiment
    checkpoints/        what it goes on from
    model/              the result so far, for `compression.load` and the programs
    tensorboard/        `tensorboard --logdir=...` shows it
"""

from __future__ import annotations

import contextlib
import pathlib
import signal
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from compression.codecs import model_folders
from compression.codecs.recurrent import folders, widening
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.codecs.recurrent.weights import assign_weights, read_weights
from compression.common.errors import ConfigError
from compression.common.files import make_folder
from compression.datasets import shards
from compression.datasets.record_source import RecordSource
from compression.datasets.tiles import TileSource, find_images
from compression.training import callbacks, pipeline, progress, reports, workers
from compression.training.config import Experiment, TrainConfig, is_begun
from compression.training.curriculum import Curriculum
from compression.training.muon import matrices_of
from compression.training.pipeline import Source
from compression.training.schedule import WarmUpCosine, make_optimizer
from compression.training.tasks.recurrent import Trainer


class Console(NamedTuple):
  """Where a run says how it goes.

  Attributes:
    say: takes lines about the progress.
    warn: takes lines about what is left out.
    on_terminal: show a progress bar instead of a line every so many steps.
  """

  say: Callable[[str], None] = print
  warn: Callable[[str], None] = print
  on_terminal: bool = False


def train(experiment: Experiment, folder: pathlib.Path, console: Console) -> signal.Signals | None:
  """Trains a model in a folder, or goes on with it; checks nothing about an earlier experiment.

  Args:
    experiment: the model and its training.
    folder: of the run; made if need be.
    console: where it says how it goes.

  Returns: the signal that ended it, or None.

  Raises:
    CompressionError: if the loss or the weights are no longer finite.
    ConfigError, ImageError, ModelError, OutputError: if something does not fit or is missing.
  """
  config = experiment.training
  if workers.is_served(config.distribution):
    workers.serve(console.say)
    return None
  strategy = workers.make_strategy(config.distribution)  # before any other use of TensorFlow
  writes = strategy.extended.should_checkpoint  # in a group of workers, only the first does
  if not writes:
    console = Console(_say_nothing, _say_nothing)
  source, content = _source(config, console.warn)
  make_folder(folder)
  if writes:
    experiment.save(folder)
  failures = workers.failures_named(config.distribution)
  with failures, settings(config, console.warn), strategy.scope():
    trainer = make_trainer(experiment, init="" if is_begun(folder) else config.init)
    manager = callbacks.make_manager(trainer, folder)
    start = callbacks.restore(manager)
    if start >= config.steps:
      if writes:
        trainer.export(folder)  # should that have been cut off
      console.say(f"{folder}: has made {start} steps already; a larger --steps goes on")
      return None
    data = _data(source, start, config, strategy)
    console.say(_summary(trainer, content, start, config))
    plan = callbacks.Plan(start, config.steps, config.checkpoint_steps)
    checkpoints = callbacks.Checkpoints(plan, manager, writes)
    return _fit(trainer, data, checkpoints, config, folder, console, writes)


def make_trainer(experiment: Experiment, init: str = "") -> Trainer:
  """The networks with the weights of the model `init` or random ones; ready for `fit`."""
  config = experiment.training
  coder = RecurrentNetwork(
    experiment.model, config.stochastic_binarizer, config.seed, dtype=config.precision
  )
  coder.build()
  if init:
    assign_weights(coder, _weights_of(init, experiment), init)
  trainer = Trainer(coder, config.loss, config.ema)
  optimizer = make_optimizer(config, matrices_of(coder))
  optimizer.build(coder.trainable_variables)  # a checkpoint fills what exists
  trainer.compile(optimizer)
  return trainer


def _weights_of(init: str, experiment: Experiment) -> dict[str, np.ndarray]:
  """Those of the model `init`, widened if it is the experiment's architecture, but narrower."""
  model = model_folders.find(init)
  arrays = read_weights(model.folder)
  narrow = folders.read_config(model)
  if widening.can_widen(narrow, experiment.model):
    return widening.widen(arrays, narrow, experiment.model, experiment.training.seed)
  return arrays


def _source(config: TrainConfig, warn: Callable[[str], None]) -> tuple[Source, str]:
  """What makes the batches, and of what."""
  if config.train_records:
    files = shards.find(config.train_records)
    tiles = RecordSource(files, config.patch_size, config.batch_size, config.seed, warn)
    return tiles, f"{tiles.tiles} tiles"
  if not config.train_glob:
    raise ConfigError("train_glob must name the training images, or train_records their tiles")
  paths = find_images(config.train_glob)
  if not paths:
    raise ConfigError(f"train_glob matches no file: {config.train_glob}")
  source = TileSource(paths, config.patch_size, config.batch_size, config.seed, warn=warn)
  if source.note:
    warn(source.note)
  return source, f"{len(source.paths)} images"


def _data(source: Source, start: int, config: TrainConfig, strategy: tf.distribute.Strategy) -> Any:
  """The batches from number `start` on, as `fit` takes them."""
  if config.distribution == workers.PARAMETER_SERVER:
    return pipeline.ServedBatches(source, start, workers.chief_host())
  if strategy.num_replicas_in_sync > 1:
    return pipeline.distributed_batches(source, start, config.steps, strategy)
  return pipeline.batches(source, start, config.steps)


@contextlib.contextmanager
def settings(config: TrainConfig, warn: Callable[[str], None]) -> Iterator[None]:
  """TensorFlow's global settings for a run, put back afterwards."""
  logger = tf.get_logger()
  level = logger.level
  logger.setLevel("ERROR")  # Keras warns of callbacks that take long, as saving does
  lost_workers = workers.LostWorkers(warn)
  if config.distribution == workers.PARAMETER_SERVER:
    logger.addFilter(lost_workers)
  tf.keras.utils.set_random_seed(config.seed)
  # Without a GPU, rewriting the graphs takes some 10 s at each stage of the curriculum, and
  # the steps are no faster for it. On a GPU it chooses the layout of the convolutions.
  rewrite = bool(tf.config.list_physical_devices("GPU"))
  options = tf.config.optimizer.get_experimental_options()
  before = options.get("disable_meta_optimizer", False)
  tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not rewrite})
  try:
    yield
  finally:
    logger.setLevel(level)
    logger.removeFilter(lost_workers)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": before})


def _fit(
  trainer: Trainer,
  data: Any,
  checkpoints: callbacks.Checkpoints,
  config: TrainConfig,
  folder: pathlib.Path,
  console: Console,
  writes: bool,
) -> signal.Signals | None:
  plan = checkpoints.plan
  rate = WarmUpCosine(config.peak_rate, config.steps)
  writer = reports.make_writer(folder, "train", writes)
  say, bars = console.say, []
  with contextlib.ExitStack() as stack:
    # A worker that stops on its own would leave the others waiting for it forever.
    alone = config.distribution != workers.MULTI_WORKER
    caught = stack.enter_context(callbacks.catch_signals(enabled=alone))
    # With parameter servers the loss of a step is known only later, and Keras refuses the bar.
    if console.on_terminal and config.distribution != workers.PARAMETER_SERVER:
      bars = [progress.progress_bar(plan)]
      stack.callback(bars[0].close)
      report = reports.Report(plan, rate, checkpoints, writer, _say_nothing)
      say = progress.write_line
    else:
      report = reports.Report(plan, rate, checkpoints, writer, say)
    every_step = [
      callbacks.SetIterations(plan, Curriculum.parse(config.curriculum)),
      *bars,
      report,
      checkpoints,
      callbacks.StopOnSignal(plan, caught, checkpoints),
    ]
    if writes and config.validation_glob:
      crops = reports.validation_crops(find_images(config.validation_glob), console.warn)
      writer = reports.make_writer(folder, "validation")
      every_step.append(reports.Validate(plan, crops, writer, say))
    trainer.fit(data, steps_per_epoch=plan.steps - plan.start, callbacks=every_step, verbose=0)
  if caught.number is not None:
    console.say(f"stopped by {caught.number.name}; saved at step {checkpoints.saved}")
  return caught.number


def _summary(trainer: Trainer, content: str, start: int, config: TrainConfig) -> str:
  model = trainer.coder.config
  parameters = sum(int(np.prod(v.shape)) for v in trainer.coder.trainable_variables)
  return (
    f"{model.unit}, {model.framework}, width {model.width:g}: {parameters / 1e6:.2f} M parameters; "
    f"{content}; steps {start} to {config.steps}"
  )


def _say_nothing(line: str) -> None:
  """For processes that are not the ones to speak."""
