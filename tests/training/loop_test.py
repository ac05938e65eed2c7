"""Tests of compression/training/run.py."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf

import compression
from compression.codecs.recurrent.archives import read_weights
from compression.codecs.recurrent.config import RecurrentConfig
from compression.codecs.recurrent.weights import named_variables
from compression.common.errors import ConfigError, ImageError, ModelError, OutputError
from compression.datasets import tile_records
from compression.datasets.shards import Shards
from compression.datasets.tile_records import TileRecord
from compression.training import loop
from compression.training.config import FILE, Experiment, TrainConfig
from compression.training.loop import Console, make_trainer, train

_MODEL = RecurrentConfig(width=1 / 32, bits=8, iterations=2)


def experiment(
  images: pathlib.Path, model: RecurrentConfig = _MODEL, **settings: object
) -> Experiment:
  values = {
    "train_glob": f"{images}/*", "batch_size": 4, "steps": 6, "checkpoint_steps": 4,
    "learning_rate": 0.05, "curriculum": "2:1",
  }  # fmt: skip
  return Experiment(model, TrainConfig(**{**values, **settings}))


@pytest.mark.slow
def test_a_run_leaves_a_model_that_compresses(
  tmp_path: pathlib.Path, images: pathlib.Path, photo: np.ndarray
) -> None:
  lines: list[str] = []
  warnings: list[str] = []
  folder = tmp_path / "runs" / "first"
  settings = experiment(images, validation_glob=f"{images}/*.png", curriculum="1:0.5,2:1")
  assert train(settings, folder, Console(lines.append, warnings.append)) is None
  assert lines[0] == (
    "residual_gru, one_shot, width 0.03125: 0.03 M parameters; 2 images; steps 0 to 6"
  )
  assert [line.split()[1] for line in lines[1:]] == ["4/6", "4/6", "6/6", "6/6"]
  assert len(warnings) == 1 and "notes.txt" in warnings[0]
  names = {path.name for path in folder.iterdir()}
  assert names == {FILE, "checkpoints", "model", "tensorboard"}

  codec = compression.load(folder / "model")
  assert codec.config == _MODEL
  image = photo[:50, :70]
  assert codec.decompress(codec.compress(image, iterations=2)).shape == image.shape

  # Once more: there is nothing left to do, but the model is written should it be missing.
  (folder / "model" / "config.json").unlink()
  lines.clear()
  train(settings, folder, Console(lines.append, warnings.append))
  assert len(lines) == 1 and "6 steps already" in lines[0]
  assert (folder / "model" / "config.json").is_file()


@pytest.mark.slow
def test_training_starts_from_another_model(tmp_path: pathlib.Path, images: pathlib.Path) -> None:
  train(experiment(images, steps=1), tmp_path / "first", Console(str, str))
  first = read_weights(tmp_path / "first" / "model")
  second = make_trainer(experiment(images, seed=9), init=str(tmp_path / "first" / "model"))
  for coder in (second.coder, second.averaged):
    for name, variable in named_variables(coder).items():
      np.testing.assert_array_equal(variable, first[name].astype(np.float32))

  wide = make_trainer(
    experiment(images, RecurrentConfig(width=1 / 16, bits=8, iterations=2)),
    init=str(tmp_path / "first" / "model"),
  )
  x = wide.coder.to_x(np.random.default_rng(0).integers(0, 256, [1, 32, 32, 3]).astype(np.uint8))
  expected, found = second.coder(x), wide.coder(x)
  assert (found.codes.numpy() == expected.codes.numpy()).mean() > 0.99
  np.testing.assert_allclose(found.images[0], expected.images[0], atol=0.02)

  other = RecurrentConfig(width=1 / 16, bits=16)
  with pytest.raises(ModelError, match="must have shape"):
    make_trainer(experiment(images, other), init=str(tmp_path / "first" / "model"))


@pytest.mark.slow
def test_a_run_on_tiles_leaves_a_model(
  tmp_path: pathlib.Path, images: pathlib.Path, photo: np.ndarray
) -> None:
  tiles = Shards(f"{tmp_path}/tiles", 2)
  for number, name in enumerate(tiles.names()):
    records = (TileRecord(photo[k : k + 32, number:][:, :32], b"", 0, 0, 0.0) for k in range(5))
    with open(name, "wb") as file:
      file.write(tile_records.framed(map(tile_records.serialize, records), f"{tmp_path}/scratch"))
  lines: list[str] = []
  settings = experiment(images, train_glob="", train_records=str(tiles), steps=2)
  train(settings, tmp_path / "run", Console(lines.append, str))
  assert lines[0].endswith("; 10 tiles; steps 0 to 2")
  assert compression.load(tmp_path / "run" / "model").config == _MODEL


def test_precision_is_of_the_networks_and_not_of_their_average(images: pathlib.Path) -> None:
  config = TrainConfig(train_glob=str(images / "*"), precision="mixed_bfloat16")
  trainer = make_trainer(Experiment(RecurrentConfig(width=1 / 16), config))
  assert trainer.coder.encoder.cells[0].compute_dtype == "bfloat16"
  assert trainer.coder.decoder.cells[0].compute_dtype == "bfloat16"
  assert trainer.averaged.encoder.cells[0].compute_dtype == "float32"


def test_settings_of_tensorflow_are_put_back(images: pathlib.Path) -> None:
  before = tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)
  with loop.settings(TrainConfig(), str):
    pass
  after = tf.config.optimizer.get_experimental_options()["disable_meta_optimizer"]
  assert after == before


def test_first_weights_follow_from_the_seed(images: pathlib.Path) -> None:
  weights = []
  for seed in (1, 1, 2):
    config = experiment(images, seed=seed)
    with loop.settings(config.training, str):
      weights.append(make_trainer(config).coder.encoder.weights[0].numpy())
  np.testing.assert_array_equal(weights[0], weights[1])
  assert not np.array_equal(weights[0], weights[2])


def test_what_is_missing_is_named(
  tmp_path: pathlib.Path, images: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  quiet = Console(str, str)
  with pytest.raises(ConfigError, match="train_glob must name"):
    train(experiment(images, train_glob=""), tmp_path, quiet)
  with pytest.raises(ConfigError, match="gone@2.tfrecord: matches no file"):
    train(experiment(images, train_glob="", train_records="gone@2.tfrecord"), tmp_path, quiet)
  with pytest.raises(ConfigError, match="matches no file: nothing/*"):
    train(experiment(images, train_glob="nothing/*"), tmp_path, quiet)
  with pytest.raises(ImageError, match="notes.txt"):
    train(experiment(images, train_glob=f"{images}/*.txt"), tmp_path, quiet)
  with pytest.raises(ModelError, match="no_such_model"):
    train(experiment(images, init="no_such_model"), tmp_path, quiet)
  (tmp_path / "file").write_text("")
  with pytest.raises(OutputError, match="file: cannot be made"):
    train(experiment(images), tmp_path / "file", quiet)
  monkeypatch.delenv("TF_CONFIG", raising=False)
  with pytest.raises(ConfigError, match="TF_CONFIG"):
    train(experiment(images, distribution="multi_worker"), tmp_path, quiet)
