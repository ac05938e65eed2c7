"""Small trainings."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from compression.training.tasks.rate_distortion.config import (
  Balle2017Config,
  Balle2017Experiment,
  CoarseToFineConfig,
  Hu2020Config,
  Hu2020Experiment,
  RateDistortionConfig,
)


def experiment(images: pathlib.Path, channels: int = 6, **settings: object) -> Balle2017Experiment:
  """A short training of balle2017."""
  return Balle2017Experiment(
    Balle2017Config(channels), RateDistortionConfig(**_settings(images, settings))
  )


def coarse_to_fine(images: pathlib.Path, **settings: object) -> Hu2020Experiment:
  """A short training of hu2020."""
  return Hu2020Experiment(Hu2020Config(32), CoarseToFineConfig(**_settings(images, settings)))


def _settings(images: pathlib.Path, others: dict[str, object]) -> dict[str, Any]:
  values = {
    "train_glob": f"{images}/*",
    "batch_size": 2,
    "patch_size": 32,
    "seed": 1,
    "lmbda": 0.01,
    "learning_rate": 0.01,
  }
  return {**values, **others}


class Photo:
  """A source of the same tiles of a photo at each step."""

  batch_size, shape, dtype = 16, (64, 64, 3), np.uint8

  def __init__(self, photo: np.ndarray):
    self.tiles = np.stack(
      [photo[k // 4 * 64 :, k % 4 * 64 :][:64, :64] for k in range(self.batch_size)]
    )

  def batch(self, step: int, begin: int = 0, end: int | None = None) -> np.ndarray:
    return self.tiles[begin:end]


def started_by(
  start: Callable[..., None],
  make: Callable[[int], tf.keras.Model],
  channels: int,
  tiles: np.ndarray,
  lmbda: float,
) -> tf.keras.Model:
  """A network with its first weights."""
  tf.keras.utils.set_random_seed(2)
  network = make(channels)
  network.build()
  start(network, tiles, lmbda)
  return network
