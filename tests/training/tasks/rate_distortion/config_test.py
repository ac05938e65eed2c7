"""Trainings of one quality: what is refused, and where the architecture comes from."""

from __future__ import annotations

import pathlib

import pytest

from compression.common.errors import ConfigError, ModelError
from compression.training.config import CHECKPOINTS
from compression.training.tasks.rate_distortion.config import (
  Balle2017Config,
  Balle2017Experiment,
  CoarseToFineConfig,
  Hu2020Config,
  RateDistortionConfig,
)
from tests.codecs.balle2017.examples import CHANNELS, write_model


@pytest.mark.parametrize(
  ("key", "value"),
  [("patch_size", 40), ("lmbda", 0.0), ("lmbda", "1"), ("enlarged", 2.0), ("ema", 1), ("steps", 0)],
)
def test_values_that_are_not_allowed_are_refused_by_name(key, value):
  with pytest.raises(ConfigError, match=key):
    RateDistortionConfig(**{key: value})
  for make, channels in ((Balle2017Config, 0), (Hu2020Config, 48), (Hu2020Config, 0)):
    with pytest.raises(ConfigError, match="channels"):
      make(channels)
  with pytest.raises(ConfigError, match="helping"):
    CoarseToFineConfig(helping=-1.0)


def test_photos_and_tiles_of_photos_exclude_each_other():
  with pytest.raises(ConfigError, match="exclude each other"):
    RateDistortionConfig(train_glob="a", train_records="b")


def test_a_file_names_the_codec_and_reads_as_the_same_experiment(tmp_path):
  made = Balle2017Experiment(Balle2017Config(7), RateDistortionConfig(lmbda=0.5))
  made.save(tmp_path)
  assert made.to_dict()["codec"] == "balle2017"
  assert Balle2017Experiment.load(tmp_path / "train_config.json") == made
  with pytest.raises(ConfigError, match="is of codec 'other'"):
    made.override({"codec": "other"})


def test_the_architecture_is_that_of_the_model_to_start_from(tmp_path):
  model = write_model(tmp_path / "model")
  found = Balle2017Experiment.base(pathlib.Path("none"), str(model))
  assert found.model == Balle2017Config(CHANNELS)
  with pytest.raises(ModelError, match="no model of balle2017"):
    Balle2017Experiment.base(pathlib.Path("none"), "dpcm_mlp")


def test_a_run_that_goes_on_keeps_its_lambda(tmp_path):
  made = Balle2017Experiment()
  made.save(tmp_path)
  (tmp_path / CHECKPOINTS).mkdir()
  (tmp_path / CHECKPOINTS / "checkpoint").touch()
  made.override({"training": {"steps": 5}}).check_resumable(tmp_path)
  with pytest.raises(ModelError, match="begun with lmbda 0.01"):
    made.override({"training": {"lmbda": 0.5}}).check_resumable(tmp_path)
