"""Codes -> a probability model. Beside what every run leaves, its folder has

model_config.json, train_config.json, input_config.json    the experiment
entropy_coder/      the result so far: a model's folder takes it under this name
"""

from __future__ import annotations

import pathlib

import tensorflow as tf

from compression.common.errors import ConfigError
from compression.datasets.codes import CodeSource, read_codes
from compression.training.console import Say
from compression.training.pipeline import Source
from compression.training.schedule import WarmUpCosine, make_optimizer
from compression.training.tasks.base import Task
from compression.training.tasks.bits.config import EntropyExperiment
from compression.training.tasks.bits.trainer import EntropyTrainer


class BitsTask(Task):
  """The training of an experiment."""

  def __init__(self, experiment: EntropyExperiment):
    self.experiment = experiment
    self.config = experiment.training
    self.title = experiment.name

  def save(self, folder: pathlib.Path) -> None:
    self.experiment.save(folder)

  def source(self, warn: Say) -> tuple[Source, str]:
    """Codes, or windows of them: int8 [N, h, w, T D]."""
    config, model = self.experiment.input, self.experiment.model
    if not config.data:
      raise ConfigError("data must name the codes to learn from")
    crop = None if config.unique_code_size else config.crop_size
    codes = read_codes(config.data)
    source = CodeSource(codes, self.experiment.training.batch_size, crop, self.config.seed)
    if source.note:
      warn(source.note)
    layers, rest = divmod(source.shape[-1], model.layer_depth)
    if rest or layers > model.layer_count:
      raise ConfigError(
        f"{config.data}: has {source.shape[-1]} bits at each place; the model takes up to"
        f" {model.layer_count} layers of {model.layer_depth}"
      )
    return source, f"{len(source.codes)} codes"

  def rate(self) -> tf.keras.optimizers.schedules.LearningRateSchedule:
    """The release's, or ours."""
    config = self.experiment.training
    if not config.samples_per_decay:
      return WarmUpCosine(config.learning_rate, config.steps)
    return tf.keras.optimizers.schedules.ExponentialDecay(
      config.learning_rate,
      max(1, config.samples_per_decay // config.batch_size),
      config.decay_rate,
      staircase=True,
    )

  def make_trainer(self, source: Source, init: str) -> EntropyTrainer:
    """The model with the weights of the entropy coder in the folder `init`, or random ones."""
    config, model = self.experiment.training, self.experiment.model
    layers = getattr(model, "coded_layer_count", 0) or source.shape[-1] // model.layer_depth
    trainer = EntropyTrainer(self.experiment, layers)
    if init:
      trainer.start_from(pathlib.Path(init))
    rate, matrices = self.rate(), matrices_of(trainer.network)
    trainer.prepare(
      make_optimizer(config.optimizer, rate, config.adam_epsilon, config.clip_norm, matrices)
    )
    return trainer


def matrices_of(network: tf.keras.Model) -> list[int]:
  """Which of the trainable variables are matrices, for Muon: 1 for kernels, 0 for biases."""
  return [int("kernel" in variable.name) for variable in network.trainable_variables]
