"""Training of dpcm_mlp: it learns, goes on where it was, and writes the codec's model."""

from __future__ import annotations

import pathlib
import signal

import numpy as np
import pytest

from compression.codecs.dpcm import network
from compression.codecs.dpcm.codec import DPCMNetwork
from compression.codecs.model_folders import Model
from compression.common.errors import ConfigError, ModelError
from compression.training.callbacks import Plan, StepCallback
from compression.training.console import Console
from compression.training.loop import train
from compression.training.tasks.prediction.config import (
  NetworkConfig,
  PredictionConfig,
  PredictionExperiment,
)
from compression.training.tasks.prediction.task import PredictionTask
from tests.training.processes import assert_close, last_checkpoint

QUIET = Console(str, str)


def experiment(images: pathlib.Path, hidden: int = 4, **settings: object) -> PredictionExperiment:
  values = {"train_glob": f"{images}/*", "batch_size": 256, "steps": 6, **settings}
  return PredictionExperiment(NetworkConfig(hidden), PredictionConfig(**values))


def trained(folder: pathlib.Path) -> DPCMNetwork:
  return DPCMNetwork(Model("trained", folder / "model"))


@pytest.mark.slow
def test_it_learns_to_predict_and_the_codec_takes_it(tmp_path, images, photo):
  lines: list[str] = []
  task = PredictionTask(experiment(images, steps=400, ema=0.9))
  assert train(task, tmp_path / "after", Console(lines.append, str)) is None
  (tmp_path / "before").mkdir()
  source, _ = task.source(str)
  task.make_trainer(source, "").export(tmp_path / "before")
  sizes = {}
  for name in ("before", "after"):
    codec, image = trained(tmp_path / name), photo[:64, 100:164]
    data = codec.compress(image, 1)
    np.testing.assert_array_equal(codec.decompress(data), image)
    sizes[name] = len(data)
  assert sizes["after"] < 0.95 * sizes["before"]
  assert lines[0].startswith("dpcm_mlp, hidden 4: 0.00 M parameters; 2000 windows of 2 images;")
  assert lines[-1].startswith("step 400/400  loss ") and "  Co " in lines[-1]


@pytest.mark.slow
def test_a_run_that_goes_on_is_the_run_in_one_piece(tmp_path, images):
  class Cut(PredictionTask):
    def before_steps(self, plan: Plan) -> list[StepCallback]:
      class Stop(StepCallback):
        def before_step(self, step: int) -> None:
          if step == 2:
            signal.raise_signal(signal.SIGTERM)

      return [Stop(plan)]

  settings = experiment(images, seed=3)
  assert train(PredictionTask(settings), tmp_path / "whole", QUIET) is None
  assert train(Cut(settings), tmp_path / "cut", QUIET) == signal.SIGTERM
  assert train(PredictionTask(settings), tmp_path / "cut", QUIET) is None
  assert_close(last_checkpoint(tmp_path / "whole"), last_checkpoint(tmp_path / "cut"), 1e-4)


def test_it_starts_from_another_model(tmp_path, images):
  task = PredictionTask(experiment(images, hidden=32))
  source, _ = task.source(str)
  trainer = task.make_trainer(source, "dpcm_mlp")
  trainer.export(tmp_path)
  folder = pathlib.Path(network.__file__).parents[3] / "models" / "dpcm_mlp"
  assert trained(tmp_path)._network.model_id == network.read(folder).model_id
  base = PredictionExperiment.base(tmp_path / "none", "dpcm_mlp")
  assert base.model.hidden == 32
  with pytest.raises((ModelError, ConfigError), match="mobile"):
    PredictionExperiment.base(tmp_path / "none", "mobile")


def test_weights_stay_where_they_have_integers(images):
  task = PredictionTask(experiment(images))
  source, _ = task.source(str)
  trainer = task.make_trainer(source, "")
  trainer.network.named["kernel_1"].assign_add(np.full((network.inputs(1), 4), 20, np.float32))
  trainer.limit_weights()
  network.export({n: v.numpy() for n, v in trainer.network.named.items()})


def test_what_is_missing_is_named(tmp_path, images):
  with pytest.raises(ConfigError, match="matches no file"):
    train(PredictionTask(experiment(images, train_glob="none/*")), tmp_path / "run", QUIET)
  with pytest.raises(ConfigError, match="no photos"):
    train(PredictionTask(experiment(images, train_glob=f"{images}/*.txt")), tmp_path / "r", QUIET)
