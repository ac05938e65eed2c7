"""The codecs that can be trained on photos, by name. Importing this needs no TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compression.training.experiment import Experiment
from compression.training.tasks.prediction.config import PredictionExperiment
from compression.training.tasks.rate_distortion.config import (
  Balle2017Experiment,
  Hu2020Experiment,
  RateDistortionExperiment,
)
from compression.training.tasks.recurrent import config as recurrent

if TYPE_CHECKING:
  from compression.training.tasks.base import Task

EXPERIMENTS: dict[str, type[Experiment]] = {
  experiment.codec: experiment
  for experiment in (
    recurrent.Experiment,
    Balle2017Experiment,
    Hu2020Experiment,
    PredictionExperiment,
  )
}
"""Codec -> what a run of it is; the first is the default."""


def make_task(experiment: Experiment) -> Task:
  """What the loop trains."""
  if isinstance(experiment, RateDistortionExperiment):
    from compression.training.tasks.rate_distortion.task import RateDistortionTask

    return RateDistortionTask(experiment)
  if isinstance(experiment, PredictionExperiment):
    from compression.training.tasks.prediction.task import PredictionTask

    return PredictionTask(experiment)
  from compression.training.tasks.recurrent.task import RecurrentTask

  assert isinstance(experiment, recurrent.Experiment)
  return RecurrentTask(experiment)
