"""Experiments of any codec: tests of those of each are in tests/training/tasks."""

from __future__ import annotations

import json
import pathlib

import pytest

from compression.common.errors import ConfigError
from compression.training import experiment
from compression.training.tasks.rate_distortion.config import Balle2017Experiment
from compression.training.tasks.recurrent.config import Experiment


def test_a_file_says_its_codec_and_without_it_is_of_the_recurrent_one(
  tmp_path: pathlib.Path,
) -> None:
  Balle2017Experiment().save(tmp_path)
  assert experiment.codec_in(tmp_path / experiment.FILE) == "balle2017"
  Experiment().save(tmp_path)
  assert "codec" not in json.loads((tmp_path / experiment.FILE).read_text())
  assert experiment.codec_in(tmp_path / experiment.FILE) == "recurrent"


def test_one_codec_does_not_read_what_is_of_another() -> None:
  with pytest.raises(ConfigError, match="is of codec 'balle2017', not 'recurrent'"):
    Experiment.from_dict(Balle2017Experiment().to_dict())
