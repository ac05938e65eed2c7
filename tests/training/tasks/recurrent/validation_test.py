"""The validation measures what compression gives, on the centres of photos."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs import model_folders
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import RecurrentConfig
from compression.metrics import ms_ssim, psnr
from compression.training import reports
from compression.training.callbacks import Plan
from compression.training.tasks.recurrent.config import PAPER, Experiment, TrainConfig
from compression.training.tasks.recurrent.task import make_trainer
from compression.training.tasks.recurrent.validation import (
  Curve,
  Validate,
  curve_of_files,
)
from tests.training.processes import read_events


def test_validation_measures_what_compression_gives(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  config = RecurrentConfig(width=1 / 32, bits=8, iterations=4)
  trainer = make_trainer(Experiment(config, TrainConfig(**PAPER)))
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
  expected, similar = np.zeros([4, 2]), np.zeros([4, 2])
  for column, image in enumerate(images):
    outputs = network(network.to_x(image[np.newaxis])).images
    for row in range(4):
      pixels = network.to_pixels(outputs[row, 0]).numpy()
      expected[row, column], similar[row, column] = psnr(image, pixels), ms_ssim(image, pixels)
  events = read_events(tmp_path)
  for row in range(4):
    value = events[f"psnr/iteration_{row + 1:02}", 7]
    assert value == pytest.approx(expected[row].mean(), abs=0.01)
    value = events[f"ms_ssim/iteration_{row + 1:02}", 7]
    assert value == pytest.approx(similar[row].mean(), abs=0.002)
  assert lines[0].startswith("step 7/7  validation PSNR, MS-SSIM by iteration  1: ")
  assert "bpp/iteration_01" not in {name for name, _ in events}
  shape = events["reconstructions", 7]  # width, height and the PNG files
  assert [int(side) for side in shape[:2]] == [48 + 48, 48 * 4]
  grid = tf.io.decode_png(shape[2]).numpy()
  np.testing.assert_array_equal(grid[:32, :48], images[0])
  assert (grid[32:48, :48] == 255).all()


def test_estimated_bits_are_compared_with_the_files_of_the_start(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  trained = {"loss": "log_mse", "rate_weight": 1.0}
  config = RecurrentConfig(width=1 / 32, bits=8, iterations=3)
  trainer = make_trainer(Experiment(config, TrainConfig(**trained)))
  image = photo[100:148, 200:248]
  asked: list[int] = []

  def start() -> Curve:
    asked.append(1)
    psnrs = np.array([8.0, 12.0, 40.0])  # from worse than this network to better
    return Curve(np.array([0.5, 1.0, 2.0]), psnrs, 1 - 10 ** (-psnrs / 10))

  lines: list[str] = []
  plan, writer = Plan(0, 4, 2), reports.make_writer(tmp_path, "validation")
  validate = Validate(plan, [image], writer, lines.append, start)
  validate.set_model(trainer)
  for step in (2, 4):
    validate.after_step(step)
  assert len(asked) == 1 and len(lines) == 2
  bits = trainer.averaged_beside(trainer.averaged(trainer.network.to_x(image[np.newaxis])).codes)
  bpp = np.cumsum(bits[:, 0]) / (48 * 48)
  events = read_events(tmp_path)
  for t in (1, 2, 3):
    assert events[f"bpp/iteration_{t:02}", 4] == pytest.approx(bpp[t - 1], rel=1e-4)
  assert f" @{bpp[0]:.3f}" in lines[1] and lines[0].split("  ", 1)[1] == lines[1].split("  ", 1)[1]
  assert ("bd_rate/psnr", 4) in events or "no quality in common" in lines[1]


def test_savings_are_bd_rates() -> None:
  quality = np.array([25.0, 28.0, 31.0, 34.0])
  start = Curve(np.array([0.1, 0.2, 0.4, 0.8]), quality, 1 - 10 ** (-quality / 10))
  half = start._replace(bpp=start.bpp / 2)
  assert half.savings(start) == pytest.approx((-50, -50))


def test_files_of_a_model_have_the_bytes_of_their_layers(photo: np.ndarray) -> None:
  codec = RecurrentCodec(model_folders.find("mobile"))
  image = photo[100:164, 200:264]
  curve = curve_of_files(codec, [image])
  data = codec.compress(image, 16)
  ends = np.array(codec.ends(data))
  np.testing.assert_allclose(curve.bpp[-1] - curve.bpp[0], (ends[-1] - ends[0] - 15 * 6) / 512)
  assert curve.bpp[0] * 512 < ends[0] - 20  # without the header
  assert curve.psnr[15] == pytest.approx(psnr(image, codec.decompress(data)), abs=0.05)
  assert (np.diff(curve.ms_ssim) > -0.01).all()
