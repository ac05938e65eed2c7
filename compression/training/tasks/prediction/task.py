"""Photos -> the network of `dpcm_mlp`. Beside what every run leaves, its folder has

train_config.json   the experiment
model/              the result so far, for `compression.load` and the programs
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np

from compression.codecs import model_folders
from compression.codecs.dpcm import network
from compression.common.errors import ConfigError, ImageError
from compression.datasets.tiles import find_images
from compression.images.photos import read_photo
from compression.training.console import Say
from compression.training.pipeline import Source
from compression.training.schedule import WarmUpCosine, make_optimizer
from compression.training.tasks.base import Task
from compression.training.tasks.prediction.config import PredictionExperiment
from compression.training.tasks.prediction.samples import SampleSource, sample
from compression.training.tasks.prediction.trainer import PredictionTrainer

_EPSILON = 1e-7


class PredictionTask(Task):
  """The training of an experiment."""

  def __init__(self, experiment: PredictionExperiment):
    self.experiment = experiment
    self.config = experiment.training
    self.title = f"{experiment.codec}, hidden {experiment.model.hidden}"

  def save(self, folder: pathlib.Path) -> None:
    self.experiment.save(folder)

  def source(self, warn: Say) -> tuple[Source, str]:
    """Windows of random pixels: see SampleSource."""
    training = self.experiment.training
    paths = find_images(training.train_glob)
    if not paths:
      raise ConfigError(f"train_glob matches no file: {training.train_glob}")
    left_out = []

    def photos() -> Iterator[np.ndarray]:
      for path in paths:
        try:
          yield read_photo(path).image
        except ImageError as error:
          left_out.append(path)
          warn(f"{error}; left out of the training")

    samples = sample(photos(), training.seed)
    source = SampleSource(samples, training.batch_size, training.seed)
    return source, f"{len(samples[0].pixels)} windows of {len(paths) - len(left_out)} images"

  def rate(self) -> WarmUpCosine:
    training = self.experiment.training
    return WarmUpCosine(training.learning_rate, training.steps, constant_share=0.0)

  def make_trainer(self, source: Source, init: str) -> PredictionTrainer:
    """The network with the weights of the model `init`, or random ones."""
    del source
    training = self.experiment.training
    trainer = PredictionTrainer(self.experiment.model.hidden, training.ema)
    if init:
      trainer.start_from(network.read(model_folders.find(init).folder).floats())
    trainer.prepare(make_optimizer("adam", self.rate(), _EPSILON, training.clip_norm))
    return trainer
