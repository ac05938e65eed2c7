"""Tests of `python -m compression.train`: whole processes."""

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
import time

import numpy as np
import pytest
from PIL import Image

from tests.training.processes import last_checkpoint

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_TINY = ("--width=0.03125", "--bits=8", "--iterations=2", "--batch_size=4")


def command(*flags: object) -> list[str]:
  return [sys.executable, "-m", "compression.train", *map(str, flags)]


def run(*flags: object) -> subprocess.CompletedProcess[str]:
  return subprocess.run(command(*flags), cwd=_ROOT, capture_output=True, text=True, check=False)


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
  ],
)
def test_wrong_usage_is_one_line_and_status_2(flags: list[str], message: str) -> None:
  result = run(*flags)
  assert result.returncode == 2
  assert result.stderr.startswith("error: ") and message in result.stderr
  assert result.stderr.count("\n") == 1 and result.stdout == ""


def test_bad_experiment_files_are_one_line_and_status_1(tmp_path: pathlib.Path) -> None:
  file = tmp_path / "experiment.json"
  for text, message in (
    ("{", "is not JSON"),
    ('{"model": {"depth": 3}}', "unknown key 'depth'"),
    ('{"training": {"steps": "many"}}', "steps must be a whole number"),
  ):
    file.write_text(text)
    result = run(f"--config={file}", f"--train_dir={tmp_path}/run", "--train_glob=x")
    assert result.returncode == 1
    assert "experiment.json: " in result.stderr and message in result.stderr
    assert result.stderr.count("\n") == 1
  result = run("--init=nothing_such", "--train_dir=x", "--train_glob=y")
  assert result.returncode == 1 and "nothing_such: no such model" in result.stderr


def test_help_names_every_flag_quickly() -> None:
  began = time.monotonic()
  result = run("--help")
  assert time.monotonic() - began < 5  # TensorFlow alone takes longer on many a machine
  assert result.returncode == 0 and result.stderr == ""
  for name in (
    "train_glob train_records validation_glob train_dir config unit framework width bits "
    "iterations patch_size batch_size steps checkpoint_steps learning_rate optimizer loss "
    "stochastic_binarizer curriculum ema precision seed distribution init clip_norm"
  ).split():
    assert f"--{name} " in result.stdout, name


@pytest.mark.slow
def test_missing_images_are_one_line_and_status_1(tmp_path: pathlib.Path) -> None:
  result = run(f"--train_glob={tmp_path}/*.png", f"--train_dir={tmp_path}/run")
  assert result.returncode == 1
  assert result.stderr.startswith("error: train_glob matches no file")
  assert result.stderr.count("\n") == 1 and "Traceback" not in result.stderr
  assert not (tmp_path / "run").exists()


def start(*flags: object) -> subprocess.Popen[str]:
  pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
  return subprocess.Popen(command(*flags), cwd=_ROOT, **pipes)


def wait_for(file: pathlib.Path, process: subprocess.Popen[str]) -> None:
  while not file.exists():
    assert process.poll() is None, process.communicate()
    time.sleep(0.01)


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_been(tmp_path: pathlib.Path, images: str) -> None:
  """Weights, averages, optimizer, schedule, curriculum, batches and random bits: all the same.

  Half way the training step is traced anew, which leaves time enough to kill it.
  """
  flags = (
    images, *_TINY, "--steps=60", "--checkpoint_steps=20", "--curriculum=1:0.5,2:1",
    "--stochastic_binarizer", "--learning_rate=0.01", "--seed=3",
  )  # fmt: skip
  whole = run(*flags, f"--train_dir={tmp_path}/whole")
  assert whole.returncode == 0, whole.stderr
  assert whole.stderr == ""

  killed = start(*flags, f"--train_dir={tmp_path}/cut")
  wait_for(tmp_path / "cut" / "checkpoints" / "checkpoint", killed)
  killed.kill()
  killed.communicate()
  assert killed.returncode == -signal.SIGKILL

  # The folder is all it needs; a second interruption, by SIGTERM, is saved at its step.
  stopped = start(f"--train_dir={tmp_path}/cut")
  wait_for(tmp_path / "cut" / "checkpoints" / "ckpt-40.index", stopped)
  stopped.terminate()
  output, errors = stopped.communicate()
  if stopped.returncode:  # else it came to the end before the signal came to it
    assert stopped.returncode == 128 + signal.SIGTERM and errors == ""
    assert "stopped by SIGTERM; saved at step" in output
  assert "; steps 20 to 60" in output

  last = run(f"--train_dir={tmp_path}/cut")
  assert last.returncode == 0, last.stderr
  expected, found = last_checkpoint(tmp_path / "whole"), last_checkpoint(tmp_path / "cut")
  assert any("generator" in name for name in expected)
  assert expected.keys() == found.keys()
  for name, value in expected.items():
    np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-7, err_msg=name)

  # Other settings would make another model of it.
  refused = run(f"--train_dir={tmp_path}/cut", "--batch_size=8")
  assert refused.returncode == 1 and refused.stderr.count("\n") == 1
  assert "was begun with batch_size 4 and cannot go on with 8" in refused.stderr


@pytest.mark.slow
def test_flags_have_the_last_word_and_the_run_remembers(
  tmp_path: pathlib.Path, images: str
) -> None:
  file = tmp_path / "experiment.json"
  file.write_text(json.dumps({"model": {"unit": "gru"}, "training": {"steps": 9, "seed": 5}}))
  result = run(f"--config={file}", f"--train_dir={tmp_path}/run", images, *_TINY, "--steps=2")
  assert result.returncode == 0, result.stderr
  saved = json.loads((tmp_path / "run" / "train_config.json").read_text())
  assert saved["model"]["unit"] == "gru" and saved["model"]["bits"] == 8
  assert saved["training"]["steps"] == 2 and saved["training"]["seed"] == 5
  assert result.stdout.startswith("gru, one_shot, width 0.03125: ")


@pytest.mark.slow
def test_on_a_terminal_there_is_a_progress_bar(tmp_path: pathlib.Path, images: str) -> None:
  terminal, end = pty.openpty()
  fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))  # rows and columns
  validation = images.replace("train", "validation")
  flags = (images, validation, *_TINY, "--steps=4", f"--train_dir={tmp_path}/run")
  process = subprocess.Popen(command(*flags), cwd=_ROOT, stdout=end, stderr=end)
  os.close(end)
  seen = b""
  with contextlib.suppress(OSError):  # the other end is closed
    while chunk := os.read(terminal, 4096):
      seen += chunk
  os.close(terminal)
  assert process.wait() == 0
  text = seen.decode()
  assert "100%|" in text and "4/4 [" in text and "iterations 2, loss 0." in text
  assert "validation PSNR by iteration  1: " in text
  for noise in ("Addons", "Epoch", "Warning", "Traceback"):
    assert noise not in text
