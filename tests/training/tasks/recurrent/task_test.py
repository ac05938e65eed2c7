"""Photos and tiles become a model that compresses; where it starts, and what Muon is told."""

from __future__ import annotations

import pathlib
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import compression
from compression.codecs.recurrent.archives import read_weights
from compression.codecs.recurrent.config import UNITS, RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.codecs.recurrent.weights import named_variables
from compression.common.errors import ConfigError, ImageError, ModelError
from compression.datasets import tile_records
from compression.datasets.shards import Shards
from compression.datasets.tile_records import TileRecord
from compression.training.callbacks import Plan, StepCallback
from compression.training.console import Console
from compression.training.experiment import FILE
from compression.training.loop import train
from compression.training.muon import Muon
from compression.training.tasks.recurrent.config import PAPER, Experiment, TrainConfig
from compression.training.tasks.recurrent.curriculum import Curriculum
from compression.training.tasks.recurrent.task import (
  RecurrentTask,
  SetIterations,
  make_trainer,
  matrices_of,
)
from tests.training.processes import read_events

# The unit that is traced soonest.
_MODEL = RecurrentConfig("lstm", width=1 / 32, bits=8, iterations=2)


def experiment(
  images: pathlib.Path, model: RecurrentConfig = _MODEL, **settings: object
) -> Experiment:
  values = {"train_glob": f"{images}/*", "batch_size": 4, "learning_rate": 0.05, "seed": 1}
  return Experiment(model, TrainConfig(**{**PAPER, **values, **settings}))


class Run(NamedTuple):
  """What a training leaves and says."""

  folder: pathlib.Path
  lines: list[str]
  warnings: list[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, images: pathlib.Path) -> Run:
  made = Run(tmp_path_factory.mktemp("runs") / "first", [], [])
  settings = experiment(
    images, validation_glob=f"{images}/*.png", curriculum="1:0.5,2:1", steps=4, checkpoint_steps=2
  )
  console = Console(made.lines.append, made.warnings.append)
  assert train(RecurrentTask(settings), made.folder, console) is None
  return made


@pytest.mark.slow
def test_a_run_leaves_a_model_that_compresses(run: Run, photo: np.ndarray) -> None:
  assert run.lines[0] == (
    "lstm, one_shot, width 0.03125: 0.03 M parameters; 2 images; steps 0 to 4"
  )
  starts = [line.split("  ")[:2] for line in run.lines[1:]]
  assert starts == [
    ["step 2/4", "iterations 1"],
    ["step 2/4", "validation PSNR, MS-SSIM by iteration"],
    ["step 4/4", "iterations 2"],
    ["step 4/4", "validation PSNR, MS-SSIM by iteration"],
  ]
  assert len(run.warnings) == 1 and "notes.txt" in run.warnings[0]
  names = {path.name for path in run.folder.iterdir()}
  assert names == {FILE, "checkpoints", "model", "tensorboard"}
  assert {("loss", 2), ("psnr/iteration_02", 4)} <= read_events(run.folder / "tensorboard").keys()

  codec = compression.load(run.folder / "model")
  image = photo[:50, :70]
  assert codec.decompress(codec.compress(image, 2)).shape == image.shape


@pytest.mark.slow
def test_training_starts_from_another_model(run: Run, images: pathlib.Path) -> None:
  model = str(run.folder / "model")
  first = read_weights(run.folder / "model")
  second = make_trainer(experiment(images, seed=9), init=model)
  for network in (second.network, second.averaged):
    for name, variable in named_variables(network).items():
      np.testing.assert_array_equal(variable, first[name].astype(np.float32))

  double = RecurrentConfig("lstm", width=1 / 16, bits=8, iterations=2)
  wide = make_trainer(experiment(images, double), init=model)
  x = wide.network.to_x(np.random.default_rng(0).integers(0, 256, [1, 32, 32, 3]).astype(np.uint8))
  expected, found = second.network(x), wide.network(x)
  assert (found.codes.numpy() == expected.codes.numpy()).mean() > 0.95
  np.testing.assert_allclose(found.images[0], expected.images[0], atol=0.1)

  other = RecurrentConfig("lstm", width=1 / 16, bits=16)
  with pytest.raises(ModelError, match="must have shape"):
    make_trainer(experiment(images, other), init=model)
  with pytest.raises(ModelError, match="no_such_model"):
    make_trainer(experiment(images), init="no_such_model")


def test_photos_and_tiles_of_photos_are_sources(
  tmp_path: pathlib.Path, images: pathlib.Path, photo: np.ndarray
) -> None:
  source, content = RecurrentTask(experiment(images, patch_size=48)).source(str)
  assert content == "2 images" and source.batch(3).shape == (4, 48, 48, 3)
  tiles = Shards(f"{tmp_path}/tiles", 2)
  for number, name in enumerate(tiles.names()):
    records = (TileRecord(photo[k : k + 32, number:][:, :32], b"", 0, 0, 0.0) for k in range(5))
    with open(name, "wb") as file:
      file.write(tile_records.framed(map(tile_records.serialize, records), f"{tmp_path}/scratch"))
  settings = experiment(images, train_glob="", train_records=str(tiles))
  source, content = RecurrentTask(settings).source(str)
  assert content == "10 tiles" and source.batch(0).shape == (4, 32, 32, 3)


def test_precision_is_of_the_networks_and_not_of_their_average(images: pathlib.Path) -> None:
  trainer = make_trainer(experiment(images, precision="mixed_bfloat16"))
  assert trainer.network.encoder.cells[0].compute_dtype == "bfloat16"
  assert trainer.network.decoder.cells[0].compute_dtype == "bfloat16"
  assert trainer.averaged.encoder.cells[0].compute_dtype == "float32"


def test_what_is_missing_is_named_and_nothing_is_made(
  tmp_path: pathlib.Path, images: pathlib.Path
) -> None:
  for settings, error, message in (
    ({"train_glob": ""}, ConfigError, "train_glob must name"),
    ({"train_glob": "", "train_records": "gone@2.tfrecord"}, ConfigError, "gone@2.tfrecord: match"),
    ({"train_glob": "nothing/*"}, ConfigError, "matches no file: nothing/*"),
    ({"train_glob": f"{images}/*.txt"}, ImageError, "notes.txt"),
  ):
    with pytest.raises(error, match=message):
      train(RecurrentTask(experiment(images, **settings)), tmp_path / "run", Console(str, str))
  assert not (tmp_path / "run").exists()


def test_curriculum_changes_the_trained_iterations_in_the_middle_of_fit(
  images: pathlib.Path,
) -> None:
  seen = []
  trainer = make_trainer(experiment(images, RecurrentConfig(width=1 / 32, bits=8, iterations=3)))
  trainer.train_step = lambda data: {"loss": tf.constant(1.0)}  # what matters is around it

  class Watch(StepCallback):
    def after_step(self, step: int) -> None:
      seen.append((step, self.model.iterations))

  plan = Plan(2, 8, 100)
  changing = [SetIterations(plan, Curriculum.parse("1:0.5,2:0.75,16:1")), Watch(plan)]
  trainer.fit(tf.data.Dataset.range(6), steps_per_epoch=6, verbose=0, callbacks=changing)
  assert seen == [(3, 1), (4, 1), (5, 2), (6, 2), (7, 3), (8, 3)]


def test_the_optimizer_is_what_the_experiment_says(images: pathlib.Path) -> None:
  settings = {"clip_norm": 0.25, "epsilon": 0.125, "steps": 100}
  optimizer = make_trainer(experiment(images, **settings)).optimizer
  assert isinstance(optimizer, Muon) and sum(map(bool, optimizer.matrices)) > 10
  assert (optimizer.global_clipnorm, optimizer.epsilon) == (0.25, 0.125)
  assert float(optimizer.learning_rate) == pytest.approx(0.05 / 300)
  adam = RecurrentTask(experiment(images, optimizer="adam", learning_rate=0.0))
  assert float(adam.rate()(299)) == pytest.approx(1e-3)


@pytest.mark.parametrize("unit", UNITS)
def test_kernels_of_units_are_matrices_and_nothing_else(unit: str) -> None:
  network = RecurrentNetwork(
    RecurrentConfig(unit=unit, framework="residual_scaling", width=1 / 16, use_bias=True)
  )
  network.build()
  counts = dict(zip((id(v) for v in network.trainable_variables), matrices_of(network)))
  found = {name: counts[id(variable)] for name, variable in named_variables(network).items()}
  gru, lstm = {"input": 3, "gates": 2}, {"input": 4, "hidden": 4}
  gates = {"residual_gru": gru, "gru": gru, "lstm": lstm, "associative_lstm": lstm}[unit]
  for name, count in found.items():
    kernel = name.split("/")[-1]
    if "/rnn" not in name or kernel == "bias":
      assert count == 0, name
    elif unit == "associative_lstm" and name.startswith("decoder"):
      assert count == 1, name  # its gates have different depths
    else:
      assert count == gates.get(kernel, 1), name
  Muon(0.01, matrices_of(network)).build(network.trainable_variables)
