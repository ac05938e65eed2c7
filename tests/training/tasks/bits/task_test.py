"""Codes become an entropy coder: it learns, goes on, starts from another one, and codes."""

from __future__ import annotations

import pathlib
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent.folders import ENTROPY_CODER_FOLDER
from compression.common.errors import ConfigError, ModelError
from compression.datasets.codes import read_codes, write_codes
from compression.datasets.synthetic_codes import ENTROPY, synthetic_codes
from compression.entropy.bits import learned, networks
from compression.entropy.bits.configs import InterlacedConfig, ProgressiveConfig
from compression.training.console import Console
from compression.training.loop import train
from compression.training.tasks.bits.config import (
  EntropyExperiment,
  EntropyTrainConfig,
  InputConfig,
)
from compression.training.tasks.bits.task import BitsTask, matrices_of
from compression.training.tasks.bits.trainer import EntropyTrainer

MODELS = {
  "interlaced": InterlacedConfig(
    4, 2, raster_layers=1, shared_from=1, hidden=8, state=8, groups=2, group_hidden=8
  ),
  "progressive": ProgressiveConfig(4, 2),
}


@pytest.fixture(scope="module")
def codes(tmp_path_factory):
  """The release's synthetic codes: 8 bits at each place, each with an entropy of 0.72."""
  file = tmp_path_factory.mktemp("codes") / "synthetic"
  write_codes(file, synthetic_codes(100))
  return file


def task(name, codes, **training):
  """With a constant rate, so that the number of steps does not matter to the first of them."""
  steady = {"samples_per_decay": 10**6, "epsilon": 1e-7, "learning_rate": 1e-3}
  settings = {"batch_size": 4, "steps": 4, "checkpoint_steps": 2, **steady, **training}
  data = InputConfig(data=str(codes), crop_size=7)
  return BitsTask(EntropyExperiment(name, MODELS[name], EntropyTrainConfig(**settings), data))


def arrays(folder):
  return dict(np.load(folder / ENTROPY_CODER_FOLDER / learned.WEIGHTS_FILE))


class Run(NamedTuple):
  """What a training leaves and says."""

  folder: pathlib.Path
  lines: list[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, codes):
  made = {}
  for name in MODELS:
    made[name] = Run(tmp_path_factory.mktemp("runs") / name, [])
    console = Console(made[name].lines.append, str)
    assert train(task(name, codes), made[name].folder, console) is None
  return made


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_result_codes_what_it_has_learned(runs, codes, name):
  folder, lines = runs[name]
  assert lines[0].startswith(f"{name}: ") and "; 100 codes; steps 0 to 4" in lines[0]
  assert lines[-1].startswith("step 4/4  bits per bit ") and "  by layer 1: " in lines[-1]
  assert {path.name for path in folder.iterdir()} == {
    "model_config.json", "train_config.json", "input_config.json", "checkpoints", "tensorboard",
    ENTROPY_CODER_FOLDER,
  }  # fmt: skip
  coder = learned.load(folder / ENTROPY_CODER_FOLDER)
  code = read_codes(str(codes))[0].unpack()[:6, :7]
  bits = np.moveaxis(code.reshape(6, 7, 2, 4) > 0, 2, 0)
  np.testing.assert_array_equal(coder.decode(coder.encode(bits), (6, 7, 4)), bits)


@pytest.mark.slow
def test_a_run_that_is_continued_is_the_run_in_one_piece(tmp_path, runs, codes):
  for steps in (1, 4):
    train(task("interlaced", codes, steps=steps), tmp_path, Console(str, str))
  one, two = arrays(runs["interlaced"].folder), arrays(tmp_path)
  assert all(np.abs(one[name].astype(float) - two[name]).max() <= 1 for name in one)


@pytest.mark.slow
def test_training_starts_from_another_coder(tmp_path, runs, codes):
  begin = task("interlaced", codes, seed=9)
  source, _ = begin.source(str)
  folder = runs["interlaced"].folder
  begin.make_trainer(source, str(folder / ENTROPY_CODER_FOLDER)).export(tmp_path)
  before, after = arrays(folder), arrays(tmp_path)
  assert all(np.abs(before[key].astype(int) - after[key]).max() <= 1 for key in before)
  with pytest.raises(ModelError, match="gone/config.json: cannot be read"):
    begin.make_trainer(source, str(tmp_path / "gone"))
  with pytest.raises(ModelError, match="progressive/entropy_coder: has another architecture"):
    begin.make_trainer(source, str(runs["progressive"].folder / ENTROPY_CODER_FOLDER))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_muon_takes_the_kernels_for_matrices(codes, name):
  network = EntropyTrainer(task(name, codes).experiment, 4).network
  counts = dict(zip((id(v) for v in network.trainable_variables), matrices_of(network)))
  for key, variable in networks.named_variables(network).items():
    assert counts[id(variable)] == key.endswith("kernel"), key


def test_the_rate_is_the_releases_or_ours(codes):
  falling = task("interlaced", codes, samples_per_decay=40, decay_rate=0.5, learning_rate=0.1)
  rates = [float(falling.rate()(step)) for step in (0, 9, 10, 20)]
  assert rates == pytest.approx([0.1, 0.1, 0.05, 0.025])
  ours = task("interlaced", codes, samples_per_decay=0, steps=1000, learning_rate=0.1)
  assert float(ours.rate()(400)) == pytest.approx(0.1)
  assert float(ours.rate()(1000)) == pytest.approx(0.002)


def test_the_optimizer_is_what_the_experiment_says(codes):
  settings = {"epsilon": 0.0, "clip_norm": 0.25}
  begin = task("interlaced", codes, **settings)
  source, _ = begin.source(str)
  optimizer = begin.make_trainer(source, "").optimizer
  assert isinstance(optimizer, tf.keras.optimizers.Adam)
  assert (optimizer.epsilon, optimizer.global_clipnorm) == (1.0, 0.25)  # the release's epsilon


def test_codes_that_do_not_fit_are_refused(tmp_path, codes):
  begin = task("interlaced", codes)
  other = BitsTask(begin.experiment._replace(model=InterlacedConfig()))
  with pytest.raises(ConfigError, match="has 8 bits at each place; the model takes up to 16 lay"):
    other.source(str)
  with pytest.raises(ConfigError, match="no such file"):
    task("interlaced", tmp_path / "gone").source(str)
  with pytest.raises(ConfigError, match="data must name"):
    BitsTask(begin.experiment._replace(input=InputConfig())).source(str)


@pytest.mark.slow
def test_the_synthetic_codes_are_learned_to_their_entropy(tmp_path, codes):
  model = InterlacedConfig(  # it sees all that the next bit follows from
    2, 4, raster_layers=4, shared_from=4, context=7, hidden=32, state=16, groups=2, group_hidden=32
  )
  settings = {
    "steps": 200, "checkpoint_steps": 200, "optimizer": "muon", "learning_rate": 0.05,
    "samples_per_decay": 4 * 70, "decay_rate": 0.3, "ema": 0.9,
  }  # fmt: skip
  experiment = task("interlaced", codes, **settings).experiment
  data = InputConfig(data=str(codes), crop_size=30)
  lines = []
  learning = BitsTask(experiment._replace(model=model, input=data))
  train(learning, tmp_path, Console(lines.append, str))
  length = float(lines[-1].split("bits per bit ")[1].split()[0])
  assert ENTROPY - 0.01 < length < ENTROPY + 0.04
