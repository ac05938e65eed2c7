"""Experiments: from files and flags, of runs that go on, of the released models."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import pytest

from compression.codecs import model_folders
from compression.codecs.recurrent import folders
from compression.codecs.recurrent.config import RecurrentConfig
from compression.common.errors import ConfigError, ModelError
from compression.training.config import CHECKPOINTS, read
from compression.training.experiment import FILE
from compression.training.tasks.recurrent.config import Experiment, TrainConfig

_MODELS = pathlib.Path(__file__).resolve().parents[4] / "models"
_EXPERIMENTS = sorted(_MODELS.glob("*/training/*.json"))


@pytest.mark.parametrize(
  ("key", "value"),
  [
    ("patch_size", 40),
    ("patch_size", 32.0),
    ("batch_size", 0),
    ("steps", -1),
    ("learning_rate", -1e-3),
    ("optimizer", "adagrad"),
    ("loss", "l2"),
    ("loss", "l1"),  # which is not in decibels, as rate_weight has to be
    ("constant_share", 1.0),
    ("synthetic", 1.5),
    ("stochastic_binarizer", 1),
    ("curriculum", "16"),
    ("ema", 1),
    ("precision", "float16"),
    ("train_glob", None),
  ],
)
def test_values_that_are_not_allowed_are_refused_by_name(key: str, value: object) -> None:
  with pytest.raises(ConfigError, match=key):
    TrainConfig(**{key: value})


def test_the_rate_is_what_suits_the_optimizer_unless_it_is_given() -> None:
  assert TrainConfig().peak_rate == 10 * TrainConfig(optimizer="adam").peak_rate == 1e-2
  assert TrainConfig(learning_rate=0.5).peak_rate == 0.5


@pytest.mark.parametrize(
  ("values", "message"),
  [
    ({"modle": {}}, "unknown key 'modle'"),
    ({"model": {"widht": 1}}, "unknown key 'widht'"),
    ({"training": {"learning_rat": 1}}, "unknown key 'learning_rat'"),
    ({"training": 3}, "must be an object"),
    ([], "must be an object"),
    ({"model": {"width": 100}}, "width"),
  ],
)
def test_unknown_keys_and_wrong_kinds_are_refused(values: object, message: str) -> None:
  with pytest.raises(ConfigError, match=message):
    Experiment().override(values)


def test_photos_and_tiles_of_photos_exclude_each_other() -> None:
  experiment = Experiment().override({"training": {"train_glob": "photos/*"}})
  with pytest.raises(ConfigError, match="train_glob and train_records exclude each other"):
    experiment.override({"training": {"train_records": "tiles@8.tfrecord"}})
  experiment.override({"training": {"train_records": "tiles@8.tfrecord", "train_glob": ""}})


def test_override_changes_only_what_it_names() -> None:
  first = Experiment().override({"model": {"unit": "gru"}, "training": {"seed": 5}})
  second = first.override({"training": {"learning_rate": 1}})
  assert second.model == RecurrentConfig(unit="gru", use_bias=True)
  assert second.training == TrainConfig(seed=5, learning_rate=1)


def test_what_is_saved_reads_as_the_same_experiment(tmp_path: pathlib.Path) -> None:
  experiment = Experiment(RecurrentConfig(unit="lstm"), TrainConfig(ema=0, train_glob="a,b"))
  experiment.save(tmp_path)
  assert Experiment().override(read(tmp_path / FILE)) == experiment


def begin(folder: pathlib.Path, experiment: Experiment) -> None:
  """What a run leaves at its first checkpoint, as far as this module looks."""
  experiment.save(folder)
  (folder / CHECKPOINTS).mkdir()
  (folder / CHECKPOINTS / "checkpoint").touch()


def test_a_run_goes_on_with_its_own_experiment(tmp_path: pathlib.Path) -> None:
  experiment = Experiment(RecurrentConfig(unit="lstm", width=0.5), TrainConfig(steps=7))
  assert Experiment.base(tmp_path) == Experiment()
  begin(tmp_path, experiment)
  assert Experiment.base(tmp_path, init="residual_gru") == experiment


@pytest.mark.parametrize("part", ["model", "training"])
def test_only_settings_that_leave_the_weights_alone_may_change(
  tmp_path: pathlib.Path, part: str
) -> None:
  others = {
    "unit": "lstm", "framework": "additive", "width": 0.5, "bits": 16, "iterations": 8,
    "pixel_range": 0.9, "use_bias": False, "priming": 1, "train_glob": "a", "validation_glob": "b",
    "train_records": "c",
    "patch_size": 64, "batch_size": 8, "steps": 5, "checkpoint_steps": 2, "learning_rate": 0.5,
    "optimizer": "sgd", "epsilon": 1.0, "clip_norm": 0.0, "loss": "psnr_hvs",
    "stochastic_binarizer": True, "curriculum": "16:1", "ema": 0.9,
    "constant_share": 0.25, "rate_weight": 0.5, "rate_weight_last": 0.5, "rate_ramp": 0.5,
    "rate_learning_rate": 0.5, "synthetic": 0.5, "synthetic_weight": 0.5,
    "precision": "mixed_bfloat16", "seed": 9, "distribution": "mirrored", "init": "x",
  }  # fmt: skip
  in_decibels = Experiment(training=TrainConfig(loss="log_mse"))
  begin(tmp_path, in_decibels)
  in_decibels.check_resumable(tmp_path)
  for field in dataclasses.fields(getattr(in_decibels, part)):
    changed = in_decibels.override({part: {field.name: others[field.name]}})
    if field.name in Experiment.may_change:
      changed.check_resumable(tmp_path)
    else:
      with pytest.raises(ModelError, match=f"begun with {field.name} "):
        changed.check_resumable(tmp_path)


def test_a_run_without_a_checkpoint_may_begin_anew(tmp_path: pathlib.Path) -> None:
  Experiment(training=TrainConfig(seed=1)).save(tmp_path)
  Experiment(training=TrainConfig(seed=2)).check_resumable(tmp_path)


def test_a_damaged_experiment_of_a_run_is_named(tmp_path: pathlib.Path) -> None:
  begin(tmp_path, Experiment())
  (tmp_path / FILE).write_text(json.dumps({"training": {"seeds": 1}}))
  with pytest.raises(ConfigError, match=f"{FILE}: unknown key 'seeds'"):
    Experiment.base(tmp_path)


def test_the_architecture_is_that_of_the_model_to_start_from() -> None:
  model = model_folders.find()
  assert Experiment.base(pathlib.Path("none"), model.name).model == folders.read_config(model)
  with pytest.raises(ModelError, match="nothing_such"):
    Experiment.base(pathlib.Path("none"), "nothing_such")


@pytest.mark.parametrize("file", _EXPERIMENTS, ids=lambda file: file.stem)
def test_experiments_of_released_models_say_what_they_cost_and_gave(file: pathlib.Path) -> None:
  values = read(file)
  assert values["about"].keys() == {"command", "cost", "result"}
  name = file.relative_to(_MODELS.parent).as_posix()
  assert values["about"]["command"].startswith(f"python -m compression.train --config={name} ")
  experiment = Experiment().override(values)
  assert experiment != Experiment()


def test_every_released_recurrent_model_has_the_experiments_that_made_it() -> None:
  with_experiments = {file.parent.parent.name for file in _EXPERIMENTS}
  assert with_experiments == {model.name for model in folders.released()}
