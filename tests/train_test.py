"""`python -m compression.train`: what it refuses, and a run that is cut off and goes on."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import signal
import struct
import subprocess
import sys
import termios

import numpy as np
import pytest
from PIL import Image

from compression.training.console import Console
from compression.training.loop import train
from compression.training.tasks.recurrent.config import Experiment
from compression.training.tasks.recurrent.task import RecurrentTask
from tests import programs
from tests.forks import Fork
from tests.training.processes import assert_close, last_checkpoint, newest_checkpoint

PROGRAM = "compression.train"

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_TINY = ("--width=0.03125", "--bits=8", "--iterations=2", "--batch_size=4")

# Traced sooner than others.
_SMALLEST = {"unit": "toderici2016_fc", "framework": "additive"}

# The program, killed when it has made five steps.
_KILLED = """
import os, runpy, signal
from compression.training.callbacks import StopOnSignal

def kill(callback, step):
  if step == 5:
    os.kill(os.getpid(), signal.SIGKILL)

StopOnSignal.before_step = kill
runpy.run_module("compression.train", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def images(tmp_path: pathlib.Path, photo: np.ndarray) -> str:
  folder = tmp_path / "images"
  folder.mkdir()
  Image.fromarray(photo[:201, 100:333]).save(folder / "a.jpg", quality=95)
  Image.fromarray(photo[200:, 101:]).save(folder / "b.png")
  return f"--train_glob={folder}/*"


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    ([], "--train_dir is missing"),
    (["--train_dir=x"], "--train_glob or --train_records is missing"),
    (["--train_dir=x", "--train_glob=y", "--train_records=z"], "exclude each other"),
    (["--train_dir=x", "photo.png"], "takes flags only"),
    (["--widht=1"], "Unknown command line flag 'widht'"),
    (["--unit=rnn"], "unit"),
    (["--iterations=17"], "iterations"),
    (["--steps=many"], "steps"),
    (["--learning_rate=-1"], "learning_rate"),
    (["--batch_size=0"], "batch_size"),
    (["--train_dir=x", "--train_glob=y", "--width=0.3"], "width must make whole depths"),
    (["--train_dir=x", "--train_glob=y", "--patch_size=40"], "multiple of 16: 40"),
    (["--train_dir=x", "--train_glob=y", "--curriculum=16"], "curriculum must be"),
    (["--train_dir=x", "--train_glob=y", "--ema=1"], "ema"),
    (["--codec=none", "--train_dir=x"], "codec"),
    (["--codec=dpcm_mlp", "--train_dir=x"], "--train_glob is missing"),
    (["--codec=dpcm_mlp", "--train_dir=x", "--train_records=y"], "--train_records is of the codec"),
    (["--train_dir=x", "--lambda=1"], "--lambda is of the codec balle2017 or hu2020, and here"),
    (["--train_dir=x", "--codec=balle2017", "--unit=gru"], "--unit is of the codec recurrent, and"),
    (["--codec=balle2017", "--train_dir=x", "--train_glob=y", "--lambda=0"], "lambda"),
    (["--codec=balle2017", "--train_dir=x", "--train_glob=y", "--patch_size=40"], "multiple of 16"),
  ],
)
def test_wrong_usage_is_one_line_and_status_2(
  tmp_path: pathlib.Path, flags: list[str], message: str
) -> None:
  programs.refuses(PROGRAM, tmp_path, message, *flags, status=2)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("{", "experiment.json: is not JSON"),
    ('{"model": {"depth": 3}}', "experiment.json: unknown key 'depth'"),
    ('{"training": {"steps": "many"}}', "experiment.json: steps must be a whole number"),
    (
      '{"codec": "jpeg"}',
      "experiment.json: is of codec 'jpeg'; known: recurrent, balle2017, hu2020",
    ),
    ('{"codec": "balle2017", "model": {"unit": "gru"}}', "experiment.json: unknown key 'unit'"),
  ],
)
def test_bad_experiment_files_are_one_line_and_status_1(
  tmp_path: pathlib.Path, text: str, message: str
) -> None:
  (tmp_path / "experiment.json").write_text(text)
  flags = ("--config=experiment.json", "--train_dir=run", "--train_glob=x")
  programs.refuses(PROGRAM, tmp_path, message, *flags)


def test_what_is_missing_is_one_line_and_status_1(tmp_path: pathlib.Path) -> None:
  flags = ("--train_dir=run", "--train_glob=gone/*")
  programs.refuses(PROGRAM, tmp_path, "train_glob matches no file", *flags)
  programs.refuses(PROGRAM, tmp_path, "nothing_such: no such model", *flags, "--init=nothing_such")


def test_help_names_every_flag_and_needs_no_tensorflow(tmp_path: pathlib.Path) -> None:
  programs.hide(tmp_path, "tensorflow")
  status, out, err = programs.run(PROGRAM, tmp_path, "--help")
  assert (status, err) == (0, "")
  for name in (
    "train_glob train_records validation_glob train_dir config unit framework width bits "
    "iterations patch_size batch_size steps checkpoint_steps learning_rate optimizer loss "
    "stochastic_binarizer curriculum ema precision seed distribution init clip_norm codec lambda "
    "channels enlarged"
  ).split():
    assert f"--{name} " in out, name


@pytest.mark.slow
def test_a_run_of_another_codec_goes_on_without_being_told_which(
  tmp_path: pathlib.Path, images: str
) -> None:
  flags = ("--codec=balle2017", "--channels=4", "--lambda=0.02", "--batch_size=2", images)
  small = ("--patch_size=32", "--train_dir=run")
  status, out, err = programs.call(PROGRAM, tmp_path, *flags, *small, "--steps=2")
  assert (status, err) == (0, "")
  assert out.startswith("balle2017, channels 4, lambda 0.02: ")
  status, out, err = programs.call(PROGRAM, tmp_path, "--train_dir=run", "--steps=3")
  assert (status, err) == (0, "") and "; steps 2 to 3\n" in out
  message = "was begun with lmbda 0.02 and cannot go on with 0.5"
  programs.refuses(PROGRAM, tmp_path, message, "--train_dir=run", "--lambda=0.5")
  message = "is of codec balle2017, and not of recurrent"
  programs.refuses(PROGRAM, tmp_path, message, "--train_dir=run", "--codec=recurrent")


def run_on_terminal(*flags: str) -> tuple[int, str]:
  """Status, and what is seen."""
  terminal, end = pty.openpty()
  fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))  # rows and columns
  command = [sys.executable, "-m", PROGRAM, *flags]
  process = subprocess.Popen(command, cwd=_ROOT, stdout=end, stderr=end)
  os.close(end)
  seen = b""
  with contextlib.suppress(OSError):  # the other end is closed
    while chunk := os.read(terminal, 4096):
      seen += chunk
  os.close(terminal)
  return process.wait(), seen.decode()


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_been(tmp_path: pathlib.Path, images: str) -> None:
  """Weights, averages, optimizers, schedules, curriculum, batches, random bits: all the same."""
  file = tmp_path / "experiment.json"
  file.write_text(json.dumps({"model": _SMALLEST, "training": {"steps": 9, "seed": 3}}))
  flags = (
    f"--config={file}", images, *_TINY, "--steps=8", "--checkpoint_steps=4",
    "--curriculum=1:0.75,2:1", "--stochastic_binarizer", "--learning_rate=0.01",
    "--loss=log_mse", "--rate_weight=1", "--synthetic=0.25",
  )  # fmt: skip
  killed = Fork(_KILLED, *flags, f"--train_dir={tmp_path}/cut", output=tmp_path / "out")
  assert killed.wait() == -signal.SIGKILL, killed.errors
  assert newest_checkpoint(tmp_path / "cut") == 4

  # The folder is all it needs.
  status, text = run_on_terminal(f"--train_dir={tmp_path}/cut")
  assert status == 0, text
  assert "toderici2016_fc, additive, width 0.03125: " in text and "; steps 4 to 8" in text
  assert "100%|" in text and "8/8 [" in text and "iterations 2, loss " in text
  for noise in ("Addons", "Epoch", "Warning", "Traceback"):
    assert noise not in text

  # Flags had the last word over the file; the run remembers both.
  saved = json.loads((tmp_path / "cut" / "train_config.json").read_text())
  assert saved["model"]["unit"] == _SMALLEST["unit"] and saved["model"]["bits"] == 8
  assert saved["training"]["steps"] == 8 and saved["training"]["seed"] == 3

  whole = Experiment.from_dict(saved)
  train(RecurrentTask(whole), tmp_path / "whole", Console(str, str))
  expected, found = last_checkpoint(tmp_path / "whole"), last_checkpoint(tmp_path / "cut")
  for part in ("generator", "averaged_beside", "rate_optimizer"):
    assert any(part in name for name in expected), part
  assert_close(expected, found, 1e-4)

  # Other settings would make another model of it.
  message = "was begun with batch_size 4 and cannot go on with 8"
  programs.refuses(PROGRAM, tmp_path, message, "--train_dir=cut", "--batch_size=8")
