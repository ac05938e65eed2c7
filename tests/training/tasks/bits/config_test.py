"""The three JSON files of an entropy coder's training, the release's among them."""

from __future__ import annotations

import dataclasses
import json

import pytest

from compression.common.errors import ConfigError, ModelError
from compression.entropy.bits.configs import InterlacedConfig, ProgressiveConfig
from compression.training.config import CHECKPOINTS
from compression.training.tasks.bits import config as bits_config
from compression.training.tasks.bits.config import (
  EntropyExperiment,
  EntropyTrainConfig,
  InputConfig,
)

RELEASE = {"batch_size": 4, "learning_rate": 0.1, "decay_rate": 0.9, "samples_per_decay": 20000}


def test_the_releases_configurations_are_understood_as_there():
  config = EntropyTrainConfig.from_json(json.dumps(RELEASE))
  assert config.to_dict().items() >= RELEASE.items()
  assert config.adam_epsilon == 1.0
  values = {"data": "synthetic_dataset", "unique_code_size": True}
  assert InputConfig.from_json(json.dumps(values)).to_dict().items() >= values.items()


def test_our_defaults_have_a_usual_optimizer():
  assert EntropyTrainConfig().adam_epsilon == 1e-7
  assert EntropyTrainConfig(epsilon=0.5).adam_epsilon == 0.5
  assert dataclasses.replace(EntropyTrainConfig(**RELEASE), epsilon=0.5).adam_epsilon == 0.5


@pytest.mark.parametrize(
  "kind, values, message",
  [
    (EntropyTrainConfig, {"batch_size": 0}, "batch_size must be from 1 to 65536: 0"),
    (EntropyTrainConfig, {"batch_size": 1.5}, "batch_size must be a whole number: 1.5"),
    (EntropyTrainConfig, {"decay_rate": 2.0}, "decay_rate must be from 1e-09 to 1: 2.0"),
    (EntropyTrainConfig, {"lr": 1}, "unknown key 'lr'"),
    (InputConfig, {"data": 3}, "data must be a text: 3"),
    (InputConfig, {"unique_code_size": 1}, "unique_code_size must be true or false: 1"),
  ],
)
def test_wrong_values_are_named(tmp_path, kind, values, message):
  file = tmp_path / "config.json"
  file.write_text(json.dumps(values))
  with pytest.raises(ConfigError, match=f"config.json: .*{message}"):
    bits_config.read(file, kind)


def test_files_that_cannot_be_read(tmp_path):
  with pytest.raises(ConfigError, match="gone.json: No such file"):
    bits_config.read(tmp_path / "gone.json", InputConfig)
  (tmp_path / "bytes.json").write_bytes(b"\xff\xfe{")
  with pytest.raises(ConfigError, match="bytes.json: is not JSON"):
    bits_config.read(tmp_path / "bytes.json", InputConfig)


def begin(folder, experiment):
  experiment.save(folder)
  (folder / CHECKPOINTS).mkdir()
  (folder / CHECKPOINTS / "checkpoint").touch()


def test_a_run_goes_on_only_as_it_was_begun(tmp_path):
  experiment = EntropyExperiment("interlaced", InterlacedConfig())
  bits_config.check_resumable(experiment, tmp_path)
  begin(tmp_path, experiment)
  longer = experiment._replace(
    training=EntropyTrainConfig(steps=5), input=InputConfig(data="elsewhere")
  )
  bits_config.check_resumable(longer, tmp_path)
  for other, message in (
    (
      experiment._replace(model=InterlacedConfig(hidden=5)),
      "begun with hidden 128 and cannot go on",
    ),
    (experiment._replace(training=EntropyTrainConfig(seed=5)), "begun with seed 0"),
    (experiment._replace(input=InputConfig(crop_size=5)), "begun with crop_size 10"),
    (EntropyExperiment("progressive", ProgressiveConfig()), "begun with another model"),
  ):
    with pytest.raises(ModelError, match=message):
      bits_config.check_resumable(other, tmp_path)
