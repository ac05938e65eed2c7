"""A whole training run of an entropy coder, from start to end, or on from where it was.

model_config.json, train_config.json, input_config.json    the experiment
checkpoints/        what it goes on from
entropy_coder/      the result so far: a model's folder takes it under this name
tensorboard/        `tensorboard --logdir=...` shows it
"""

from __future__ import annotations

import pathlib
import signal
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from compression.common.errors import ConfigError
from compression.common.files import make_folder
from compression.datasets.codes import CodeSource, read_codes
from compression.training import callbacks, reports
from compression.training.callbacks import Checkpoints, Plan, StepCallback, not_finite
from compression.training.config import is_begun
from compression.training.pipeline import batches
from compression.training.schedule import WarmUpCosine, optimizer_of
from compression.training.tasks.bits import EntropyTrainer
from compression.training.tasks.bits_config import EntropyExperiment, EntropyTrainConfig

Say = Callable[[str], None]

_SHOWN_LAYERS = (1, 2, 4, 8, 16)


def train(
  experiment: EntropyExperiment, folder: pathlib.Path, say: Say = print, warn: Say = print
) -> signal.Signals | None:
  """Trains a probability model in a folder, or goes on with it.

  Args:
    experiment: the model, its training and the codes.
    folder: of the run; made if need be. Nothing is checked about an earlier experiment in it.
    say, warn: take lines about the progress, and about what is left out.

  Returns: the signal that ended it, or None.

  Raises:
    CompressionError: if the loss or the weights are no longer finite.
    ConfigError, FormatError, ModelError, OutputError: if something does not fit or is missing.
  """
  config = experiment.training
  source, layers = _source(experiment, warn)
  make_folder(folder)
  experiment.save(folder)
  tf.keras.utils.set_random_seed(config.seed)
  trainer = EntropyTrainer(experiment, layers)
  if config.init and not is_begun(folder):
    trainer.start_from(pathlib.Path(config.init))
  trainer.compile(make_optimizer(config, matrices_of(trainer.coder)))
  trainer.optimizer.build(trainer.coder.trainable_variables)  # a checkpoint fills what exists
  manager = callbacks.make_manager(trainer, folder)
  start = callbacks.restore(manager)
  if start >= config.steps:
    trainer.export(folder)  # should that have been cut off
    say(f"{folder}: has made {start} steps already; more of them go on")
    return None
  parameters = sum(int(np.prod(v.shape)) for v in trainer.coder.trainable_variables)
  say(
    f"{experiment.name}: {parameters / 1e6:.2f} M parameters; {len(source.codes)} codes;"
    f" steps {start} to {config.steps}"
  )
  plan = Plan(start, config.steps, config.checkpoint_steps)
  checkpoints = Checkpoints(plan, manager)
  writer = reports.make_writer(folder, "train")
  with callbacks.catch_signals() as caught:
    every_step = [
      Report(plan, checkpoints, writer, say),
      checkpoints,
      callbacks.StopOnSignal(plan, caught, checkpoints),
    ]
    data = batches(source, start, config.steps)
    trainer.fit(data, steps_per_epoch=config.steps - start, callbacks=every_step, verbose=0)
  if caught.number is not None:
    say(f"stopped by {caught.number.name}; saved at step {checkpoints.saved}")
  return caught.number


def matrices_of(coder: tf.keras.Model) -> list[int]:
  """Which of the trainable variables are matrices, for Muon: 1 for kernels, 0 for biases."""
  return [int(variable.shape.rank >= 2) for variable in coder.trainable_variables]


def make_optimizer(
  config: EntropyTrainConfig, matrices: Sequence[int] = ()
) -> tf.keras.optimizers.Optimizer:
  """The optimizer with the release's schedule, or with ours.

  Args:
    config: of the run.
    matrices: of Muon.
  """
  if config.samples_per_decay:
    rate = tf.keras.optimizers.schedules.ExponentialDecay(
      config.learning_rate,
      max(1, config.samples_per_decay // config.batch_size),
      config.decay_rate,
      staircase=True,
    )
  else:
    rate = WarmUpCosine(config.learning_rate, config.steps)
  return optimizer_of(config.optimizer, rate, config.adam_epsilon, config.clip_norm, matrices)


def _source(experiment: EntropyExperiment, warn: Say) -> tuple[CodeSource, int]:
  """The batches, and how many layers their codes have."""
  config = experiment.input
  if not config.data:
    raise ConfigError("data must name the codes to learn from")
  crop = None if config.unique_code_size else config.crop_size
  codes = read_codes(config.data)
  source = CodeSource(codes, experiment.training.batch_size, crop, experiment.training.seed)
  if source.note:
    warn(source.note)
  layers, rest = divmod(source.shape[-1], experiment.model.layer_depth)
  if rest or layers > experiment.model.layer_count:
    model = experiment.model
    raise ConfigError(
      f"{config.data}: has {source.shape[-1]} bits at each place; the model takes up to"
      f" {model.layer_count} layers of {model.layer_depth}"
    )
  return source, getattr(experiment.model, "coded_layer_count", 0) or layers


class Report(StepCallback):
  """The mean code length of the training batches, every so many steps; ends what is not finite.

  Args:
    plan: when to report.
    checkpoints: knows what was saved, for the message of an error.
    writer: of TensorBoard.
    say: takes a line.
  """

  def __init__(
    self, plan: Plan, checkpoints: Checkpoints, writer: tf.summary.SummaryWriter, say: Say
  ):
    super().__init__(plan)
    self._checkpoints, self._writer, self._say = checkpoints, writer, say
    self._since: tuple[int, float] | None = None

  def after_step(self, step: int) -> None:
    if not self.plan.is_report(step):
      return
    lengths = self.model.pop_lengths()
    if not np.isfinite(lengths).all():
      raise not_finite("the loss is", step, self._checkpoints.saved)
    line = f"step {step}/{self.plan.steps}  bits per bit {lengths.mean():.4f}  by layer "
    shown = [layer for layer in _SHOWN_LAYERS if layer <= len(lengths)]
    line += "  ".join(f"{layer}: {lengths[layer - 1]:.4f}" for layer in shown)
    if self._since is not None:  # the first steps are traced, which takes its time
      speed = (step - self._since[0]) / (time.perf_counter() - self._since[1])
      line += f"  {speed:.3g} steps/s"
    self._since = (step, time.perf_counter())
    self._say(line)
    with self._writer.as_default(step=step):
      tf.summary.scalar("code_length", lengths.mean())
      for layer, length in enumerate(lengths, 1):
        tf.summary.scalar(f"code_length/layer_{layer:02}", length)
    self._writer.flush()
