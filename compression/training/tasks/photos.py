"""The photos that tasks learn from and look at."""

from __future__ import annotations

import abc
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from compression.common.errors import ConfigError, ImageError
from compression.datasets import shards
from compression.datasets.record_source import RecordSource
from compression.datasets.tiles import CANDIDATES, TileSource, find_images
from compression.images.photos import read_photo
from compression.training import reports
from compression.training.callbacks import Plan, StepCallback
from compression.training.console import Console, Say
from compression.training.experiment import Experiment
from compression.training.schedule import WarmUpCosine
from compression.training.tasks.base import Task
from compression.training.tasks.photos_config import PhotosConfig

_CROPS = 8
_CROP_SIDE = 256
_GRANULARITY = 16


class PhotosTask(Task):
  """A task whose training is a PhotosConfig; subclasses have the rest of what `Task` asks for."""

  experiment: Any
  config: PhotosConfig

  def __init__(self, experiment: Experiment):
    self.experiment, self.config = experiment, experiment.training

  def save(self, folder: pathlib.Path) -> None:
    self.experiment.save(folder)

  def rate(self) -> WarmUpCosine:
    return rate_of(self.config)

  def validation(
    self, plan: Plan, folder: pathlib.Path, console: Console
  ) -> Sequence[StepCallback]:
    if not self.config.validation_glob:
      return []
    crops = validation_crops(find_images(self.config.validation_glob), console.warn)
    return [self.validate(plan, crops, reports.make_writer(folder, "validation"), console)]

  @abc.abstractmethod
  def validate(
    self,
    plan: Plan,
    images: Sequence[np.ndarray],
    writer: tf.summary.SummaryWriter,
    console: Console,
  ) -> StepCallback:
    """Makes what looks at images at checkpoints; arguments as those of `Validation`."""


class Validation(StepCallback):
  """Looks at images with the averaged weights at checkpoints; subclasses have `measure`.

  Args:
    plan: when.
    images: uint8 [H, W, 3] each, sides multiples of 16.
    writer: of TensorBoard.
    say: takes a line.
  """

  def __init__(
    self,
    plan: Plan,
    images: Sequence[np.ndarray],
    writer: tf.summary.SummaryWriter,
    say: Say,
  ):
    super().__init__(plan)
    self.images = list(images)
    self.writer, self.say = writer, say

  def after_step(self, step: int) -> None:
    if self.plan.is_checkpoint(step) and self.images:
      self.measure(step)

  def measure(self, step: int) -> None:
    """Writes and says what it finds."""
    raise NotImplementedError(f"{type(self).__name__} must measure something")


def rate_of(config: PhotosConfig) -> WarmUpCosine:
  """The learning rate of a training."""
  return WarmUpCosine(config.peak_rate, config.steps, constant_share=config.constant_share)


def tiles_of(
  config: PhotosConfig, warn: Say, candidates: int = CANDIDATES
) -> tuple[TileSource | RecordSource, str]:
  """Tiles of photos, or tiles that were mined, uint8 [N, H, W, 3]; and of what: "12 images".

  Args:
    config: which.
    warn: takes lines about what is left out.
    candidates: of a tile of photos: see TileSource.

  Raises:
    ConfigError, FormatError, ImageError: if there are none.
  """
  if config.train_records:
    files = shards.find(config.train_records)
    tiles = RecordSource(files, config.patch_size, config.batch_size, config.seed, warn)
    return tiles, f"{tiles.tiles} tiles"
  if not config.train_glob:
    raise ConfigError("train_glob must name the training images, or train_records their tiles")
  paths = find_images(config.train_glob)
  if not paths:
    raise ConfigError(f"train_glob matches no file: {config.train_glob}")
  source = TileSource(
    paths, config.patch_size, config.batch_size, config.seed, warn=warn, candidates=candidates
  )
  if source.note:
    warn(source.note)
  return source, f"{len(source.paths)} images"


def validation_crops(paths: Sequence[str], warn: Say) -> list[np.ndarray]:
  """The centres of the first 8 images that can be read: sides multiples of 16, at most 256."""
  crops: list[np.ndarray] = []
  for path in paths:
    if len(crops) == _CROPS:
      break
    try:
      image = read_photo(path).image
      height, width = (
        min(side // _GRANULARITY * _GRANULARITY, _CROP_SIDE) for side in image.shape[:2]
      )
      if not height or not width:
        raise ImageError(f"{path}: is smaller than {_GRANULARITY}x{_GRANULARITY} pixels")
    except ImageError as error:
      warn(f"{error}; left out of the validation")
      continue
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    crops.append(np.ascontiguousarray(image[top : top + height, left : left + width]))
  return crops
