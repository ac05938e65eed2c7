"""Tests of compression/training/reports.py."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from compression.codecs.recurrent.config import RecurrentConfig
from compression.common.errors import CompressionError
from compression.metrics import psnr
from compression.training import callbacks, reports
from compression.training.callbacks import Plan
from compression.training.config import Experiment, TrainConfig
from compression.training.loop import make_trainer
from compression.training.schedule import WarmUpCosine
from compression.training.tasks.recurrent import Trainer


@pytest.fixture(scope="module")
def trainer() -> Trainer:
  return make_trainer(
    Experiment(RecurrentConfig(width=1 / 32, bits=8, iterations=4), TrainConfig())
  )


def read_events(folder: pathlib.Path) -> dict[tuple[str, int], np.ndarray]:
  events = {}
  for file in folder.rglob("events*"):
    for record in tf.data.TFRecordDataset(str(file)):
      event = tf.compat.v1.Event.FromString(record.numpy())
      for value in event.summary.value:
        events[value.tag, event.step] = tf.make_ndarray(value.tensor)
  return events


def test_report_tells_loss_rate_and_speed(tmp_path: pathlib.Path, trainer: Trainer) -> None:
  lines: list[str] = []
  plan = Plan(0, 100, 25)
  writer = reports.make_writer(tmp_path, "train")
  saved = callbacks.Checkpoints(plan, callbacks.make_manager(trainer, tmp_path))
  report = reports.Report(plan, WarmUpCosine(0.5, 100), saved, writer, lines.append)
  report.set_model(trainer)
  for step in range(50):
    report.on_train_batch_begin(step)
    losses = np.zeros(16, np.float32)
    losses[:4] = [0.4, 0.3, 0.2, 0.1]
    trainer.losses_by_iteration.update_state(losses)
    trainer.squares_by_iteration.update_state(losses**2)
    report.on_train_batch_end(step)
  assert len(lines) == 2 and lines[0].startswith(
    "step 25/100  iterations 4  loss 0.2500  lr 4.2e-02  "
  )
  assert lines[1].endswith(" steps/s")
  events = read_events(tmp_path)
  assert events["loss", 50] == pytest.approx(0.25)
  assert events["learning_rate", 25] == pytest.approx(0.5 * 25 / 300)
  for number, loss in enumerate([0.4, 0.3, 0.2, 0.1], 1):
    assert events[f"loss/iteration_{number:02}", 25] == pytest.approx(loss)
    expected = 20 * np.log10(2 / loss)
    assert events[f"psnr/iteration_{number:02}", 25] == pytest.approx(expected, rel=1e-5)
  assert ("loss/iteration_05", 25) not in events


def test_a_loss_that_is_not_finite_ends_the_training(
  tmp_path: pathlib.Path, trainer: Trainer
) -> None:
  plan = Plan(0, 100, 1)
  saved = callbacks.Checkpoints(plan, callbacks.make_manager(trainer, tmp_path))
  writer = reports.make_writer(tmp_path, "train", writes=False)
  report = reports.Report(plan, WarmUpCosine(0.5, 100), saved, writer, print)
  report.set_model(trainer)
  trainer.losses_by_iteration.update_state(np.full(16, np.inf, np.float32))
  with pytest.raises(CompressionError, match="step 3: the loss is not finite; nothing was saved"):
    report.on_train_batch_end(2)
  trainer.reset_metrics()


def test_validation_measures_what_compression_gives(
  tmp_path: pathlib.Path, trainer: Trainer, photo: np.ndarray
) -> None:
  lines: list[str] = []
  images = [photo[100:132, 200:248], photo[200:248, 100:132]]
  validate = reports.Validate(
    Plan(0, 7, 7), images, reports.make_writer(tmp_path, "validation"), lines.append
  )
  validate.set_model(trainer)
  validate.on_train_batch_end(5)
  assert not lines
  validate.on_train_batch_end(6)
  coder = trainer.averaged
  expected = np.zeros([4, 2])
  for column, image in enumerate(images):
    outputs = coder(coder.to_x(image[np.newaxis])).images
    for row in range(4):
      expected[row, column] = psnr(image, coder.to_pixels(outputs[row, 0]).numpy())
  events = read_events(tmp_path)
  for row in range(4):
    value = events[f"psnr/iteration_{row + 1:02}", 7]
    assert value == pytest.approx(expected[row].mean(), abs=0.01)
  assert lines[0].startswith("step 7/7  validation PSNR by iteration  1: ")
  shape = events["reconstructions", 7]  # width, height and the PNG files
  assert [int(side) for side in shape[:2]] == [48 + 48, 48 * 4]
  grid = tf.io.decode_png(shape[2]).numpy()
  np.testing.assert_array_equal(grid[:32, :48], images[0])
  assert (grid[32:48, :48] == 255).all()


def test_crops_are_the_centres_of_what_can_be_read(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  for number in range(10):
    Image.fromarray(photo[: 300 + number, :40]).save(tmp_path / f"{number}.png")
  (tmp_path / "1.png").write_bytes(b"no image")
  Image.fromarray(photo[:15, :40]).save(tmp_path / "2.png")
  warnings: list[str] = []
  paths = sorted(str(path) for path in tmp_path.glob("*.png"))
  crops = reports.validation_crops(paths, warnings.append)
  assert len(crops) == 8 and len(warnings) == 2
  np.testing.assert_array_equal(crops[0], photo[22:278, 4:36])
