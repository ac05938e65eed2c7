"""Photos become a codec of one quality: it learns, goes on where it was, starts from another."""

from __future__ import annotations

import os
import pathlib
import signal

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs import qualities, registry
from compression.codecs.balle2017.codec import Balle2017Coder
from compression.codecs.model_folders import Model
from compression.common.errors import ConfigError, ModelError
from compression.training.callbacks import Plan, StepCallback
from compression.training.console import Console
from compression.training.experiment import FILE
from compression.training.loop import train
from compression.training.tasks.rate_distortion.task import RateDistortionTask
from tests.training.processes import assert_close, last_checkpoint, read_events
from tests.training.tasks.rate_distortion.examples import Photo, coarse_to_fine, experiment

QUIET = Console(str, str)


class Cut(RateDistortionTask):
  """Stops after a step, as by a signal."""

  def before_steps(self, plan: Plan) -> list[StepCallback]:
    class Stop(StepCallback):
      def before_step(self, step: int) -> None:
        if step == 2:
          os.kill(os.getpid(), signal.SIGTERM)

    return [Stop(plan)]


@pytest.fixture(scope="module")
def whole(
  tmp_path_factory: pytest.TempPathFactory, images: pathlib.Path
) -> tuple[pathlib.Path, list[str]]:
  """The folder of a run in one piece, and what it said."""
  folder = tmp_path_factory.mktemp("runs") / "whole"
  lines: list[str] = []
  settings = experiment(
    images, steps=6, checkpoint_steps=4, enlarged=0.5, validation_glob=f"{images}/*"
  )
  assert train(RateDistortionTask(settings), folder, Console(lines.append, str)) is None
  return folder, lines


def test_a_run_says_how_it_goes_and_leaves_a_model_that_compresses(whole, photo):
  folder, lines = whole
  assert lines[0].startswith(
    "balle2017, channels 6, lambda 0.01: 0.01 M parameters; 2 images, 1 of"
  )
  assert [line.split("  ")[0] for line in lines[1:]] == ["step 4/6", "step 4/6"] + ["step 6/6"] * 2
  assert "  loss " in lines[1] and "  bpp " in lines[1] and "  PSNR " in lines[1]
  assert "  validation bpp " in lines[2]
  assert {path.name for path in folder.iterdir()} == {FILE, "checkpoints", "model", "tensorboard"}
  events = read_events(folder)
  assert {("loss", 4), ("bpp", 6), ("psnr", 6), ("ms_ssim", 6)} <= events.keys()
  codec = registry.find(folder / "model")
  image = photo[:50, :70]
  assert codec.decompress(codec.compress(image, 1)).shape == image.shape


def test_a_run_that_goes_on_is_the_run_in_one_piece(tmp_path, whole, images):
  settings = experiment(images, steps=6, checkpoint_steps=4, enlarged=0.5)  # without validation
  assert train(Cut(settings), tmp_path, QUIET) == signal.SIGTERM
  assert train(RateDistortionTask(settings), tmp_path, QUIET) is None
  expected, found = last_checkpoint(whole[0]), last_checkpoint(tmp_path)
  assert any("averaged" in name for name in expected)
  assert_close(expected, found, 1e-4)


def test_the_bits_of_validation_are_those_of_files(whole, images, photo):
  """Nearly: files round around medians, and have tables of 16 bits."""
  trainer = RateDistortionTask(experiment(images, steps=1)).make_trainer(Photo(photo), "")
  arrays = trainer.arrays()
  image = photo[:256, :256]
  bits = float(trainer.averaged.rounded(image[np.newaxis].astype(np.float32) / 255).bits[0])
  assert len(Balle2017Coder(arrays, "here").encode(image)) * 8 == pytest.approx(bits, rel=0.05)


def test_first_weights_show_the_picture_already(images, photo):
  trainer = RateDistortionTask(experiment(images, channels=48)).make_trainer(Photo(photo), "")
  x = photo[np.newaxis, :128, :128].astype(np.float32) / 255
  coded = trainer.network.rounded(x)
  assert 10 * np.log10(1 / np.square(coded.x_hat - x).mean()) > 24
  assert float(coded.bits[0]) / 128**2 < 1.5
  for name, variable in trainer.network.named_variables().items():
    np.testing.assert_array_equal(trainer.averaged.named_variables()[name], variable)


@pytest.mark.parametrize(("settings", "tiles"), [(experiment, 16), (coarse_to_fine, 4)])
def test_it_learns(images, photo, settings, tiles):
  source = Photo(photo)
  how = {"optimizer": "adam", "clip_norm": 1.0}  # a step with Muon takes longer to trace
  task = RateDistortionTask(settings(images, steps=40, learning_rate=0.003, **how))
  trainer = task.make_trainer(source, "")
  history = trainer.fit(
    source.tiles[:tiles], epochs=40, batch_size=tiles, shuffle=False, verbose=0
  ).history
  assert np.mean(history["loss"][-5:]) < 0.9 * np.mean(history["loss"][:5])


def test_training_starts_from_the_quality_of_the_nearest_lambda(tmp_path, whole, images):
  model = whole[0] / "model"
  saved = Model("whole", model)
  config = qualities.read_config(saved, "balle2017")
  quality = qualities.read_quality(saved, config, 1)
  far = {n: a if n.startswith("prior/") else a * 0.5 for n, a in quality.arrays.items()}
  made = [quality, quality._replace(lmbda=0.1, arrays=far)]
  qualities.save(tmp_path / "two", "balle2017", config.model, made)
  for lmbda, arrays in ((0.02, quality.arrays), (0.05, far)):
    task = RateDistortionTask(experiment(images, lmbda=lmbda))
    trainer = task.make_trainer(None, str(tmp_path / "two"))
    for network in (trainer.network, trainer.averaged):
      found = network.named_variables()["synthesis/conv3/kernel"]
      np.testing.assert_allclose(found, arrays["synthesis/conv3/kernel"], rtol=2e-3, atol=1e-6)
  with pytest.raises(ModelError, match="must have shape"):
    RateDistortionTask(experiment(images, channels=7)).make_trainer(None, str(model))
  with pytest.raises(ModelError, match="no model of balle2017"):
    RateDistortionTask(experiment(images)).make_trainer(None, "dpcm_mlp")


def test_what_is_missing_is_named(tmp_path, images):
  with pytest.raises(ConfigError, match="matches no file"):
    train(RateDistortionTask(experiment(images, train_glob="none/*")), tmp_path / "run", QUIET)
  assert not (tmp_path / "run").exists()


def test_precision_is_of_what_is_trained_and_not_of_its_average(images, photo):
  task = RateDistortionTask(experiment(images, precision="mixed_bfloat16"))
  trainer = task.make_trainer(Photo(photo), "")
  assert trainer.network.analysis.layers[0].compute_dtype == "bfloat16"
  assert trainer.averaged.analysis.layers[0].compute_dtype == "float32"


def test_a_training_of_hu2020_leaves_a_model_that_compresses_and_that_another_lambda_starts_from(
  tmp_path, images, photo
):
  task = RateDistortionTask(coarse_to_fine(images))
  assert task.title == "hu2020, channels 32, lambda 0.01"
  folder = tmp_path / "run"
  task.make_trainer(Photo(photo), "").export(folder)
  codec = registry.find(folder / "model")
  image = photo[:50, :70]
  assert codec.decompress(codec.compress(image, 1)).shape == image.shape
  x = photo[np.newaxis, :64, :64].astype(np.float32) / 255
  coded = []
  for lmbda in (0.01, 0.0025):
    task = RateDistortionTask(coarse_to_fine(images, lmbda=lmbda))
    network = task.make_trainer(None, str(folder / "model")).averaged
    coded.append((network.g_a(x), network(x, tf.zeros(network.noise_shape(tf.shape(x)))).bits[0]))
  np.testing.assert_allclose(coded[1][0], coded[0][0] / 2, rtol=1e-4, atol=1e-3)
  assert float(coded[1][1]) < float(coded[0][1])


def test_what_helps_to_begin_is_a_part_of_the_loss_of_the_first_third(images, photo):
  batch = tf.constant(Photo(photo).tiles[:2])
  losses = {}
  for helping in (0.0, 100.0):
    task = RateDistortionTask(coarse_to_fine(images, steps=3, helping=helping))
    tf.keras.utils.set_random_seed(0)
    trainer = task.make_trainer(Photo(photo), "")
    for step in (0, 1):
      trainer.optimizer.iterations.assign(step)
      losses[helping, step] = float(trainer.measure(batch)[0])
  assert losses[100.0, 0] > losses[0.0, 0] + 1
  assert losses[100.0, 1] == pytest.approx(losses[0.0, 1], rel=1e-5)
