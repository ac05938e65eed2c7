"""The validation measures what compression gives, on the centres of photos."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from compression.codecs.recurrent.config import RecurrentConfig
from compression.metrics import psnr
from compression.training import reports
from compression.training.callbacks import Plan
from compression.training.tasks.recurrent.config import Experiment
from compression.training.tasks.recurrent.task import make_trainer
from compression.training.tasks.recurrent.validation import Validate, validation_crops
from tests.training.processes import read_events


def test_validation_measures_what_compression_gives(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  trainer = make_trainer(Experiment(RecurrentConfig(width=1 / 32, bits=8, iterations=4)))
  lines: list[str] = []
  images = [photo[100:132, 200:248], photo[200:248, 100:132]]
  validate = Validate(
    Plan(0, 7, 7), images, reports.make_writer(tmp_path, "validation"), lines.append
  )
  validate.set_model(trainer)
  validate.on_train_batch_end(5)
  assert not lines
  validate.on_train_batch_end(6)
  network = trainer.averaged
  expected = np.zeros([4, 2])
  for column, image in enumerate(images):
    outputs = network(network.to_x(image[np.newaxis])).images
    for row in range(4):
      expected[row, column] = psnr(image, network.to_pixels(outputs[row, 0]).numpy())
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
  crops = validation_crops(paths, warnings.append)
  assert len(crops) == 8 and len(warnings) == 2
  np.testing.assert_array_equal(crops[0], photo[22:278, 4:36])
