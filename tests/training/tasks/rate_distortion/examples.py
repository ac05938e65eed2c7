"""Small trainings."""

from __future__ import annotations

import pathlib

from compression.training.tasks.rate_distortion.config import (
  Balle2017Config,
  Balle2017Experiment,
  RateDistortionConfig,
)


def experiment(images: pathlib.Path, channels: int = 6, **settings: object) -> Balle2017Experiment:
  values = {
    "train_glob": f"{images}/*",
    "batch_size": 2,
    "patch_size": 32,
    "seed": 1,
    "lmbda": 0.01,
    "learning_rate": 0.01,
  }
  return Balle2017Experiment(
    Balle2017Config(channels), RateDistortionConfig(**{**values, **settings})
  )
