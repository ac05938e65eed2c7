"""Training an entropy coder: it learns, goes on after being killed, and its result codes."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from compression.codecs.recurrent.folders import ENTROPY_CODER_FOLDER
from compression.common.errors import ConfigError, ModelError
from compression.datasets.codes import read_codes, write_codes
from compression.datasets.synthetic_codes import ENTROPY, synthetic_codes
from compression.entropy.bits import learned
from compression.entropy.bits.configs import InterlacedConfig, ProgressiveConfig
from compression.training.tasks import bits_run
from compression.training.tasks.bits_config import (
  EntropyExperiment,
  EntropyTrainConfig,
  InputConfig,
)

MODELS = {
  "interlaced": InterlacedConfig(
    2, 4, raster_layers=4, shared_from=4, context=7, hidden=32, state=16, groups=2, group_hidden=32
  ),
  "progressive": ProgressiveConfig(2, 4),
}


@pytest.fixture(scope="module")
def codes(tmp_path_factory):
  """The release's synthetic codes: 4 layers of 2 bits, each bit with an entropy of 0.72."""
  file = tmp_path_factory.mktemp("codes") / "synthetic"
  write_codes(file, synthetic_codes(200))
  return file


def experiment(name, codes, **training):
  settings = {"batch_size": 4, "steps": 6, "checkpoint_steps": 2, **training}
  data = InputConfig(data=str(codes), unique_code_size=True)
  return EntropyExperiment(name, MODELS[name], EntropyTrainConfig(**settings), data)


def run_program(folder, codes, *arguments):
  command = [sys.executable, "-m", "compression.train_entropy", f"--train_dir={folder}"]
  return subprocess.run([*command, f"--codes={codes}", *arguments], capture_output=True, text=True)


def arrays(folder):
  return dict(np.load(folder / ENTROPY_CODER_FOLDER / learned.WEIGHTS_FILE))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_result_codes_what_it_has_learned(tmp_path, codes, name):
  lines = []
  bits_run.train(experiment(name, codes), tmp_path, lines.append)
  assert f"{name}: " in lines[0] and "200 codes; steps 0 to 6" in lines[0]
  assert lines[-1].startswith("step 6/6  bits per bit ")
  coder = learned.load(tmp_path / ENTROPY_CODER_FOLDER)
  code = read_codes(str(codes))[0].unpack()[:6, :7]
  bits = np.moveaxis(code.reshape(6, 7, 4, 2) > 0, 2, 0)
  np.testing.assert_array_equal(coder.decode(coder.encode(bits), (6, 7, 2)), bits)


def test_a_run_that_is_continued_is_the_run_in_one_piece(tmp_path, codes):
  bits_run.train(experiment("interlaced", codes, steps=4), tmp_path / "parts")
  bits_run.train(experiment("interlaced", codes, steps=4), tmp_path / "parts")
  short = arrays(tmp_path / "parts")
  bits_run.train(experiment("interlaced", codes, steps=4), tmp_path / "again")
  again = arrays(tmp_path / "again")
  assert all((short[name] == again[name]).all() for name in short)
  # A constant rate, so that the number of steps does not matter to the first of them.
  steady = {"samples_per_decay": 10**6, "epsilon": 1e-7, "learning_rate": 1e-3}
  bits_run.train(experiment("interlaced", codes, steps=3, **steady), tmp_path / "two")
  bits_run.train(experiment("interlaced", codes, steps=6, **steady), tmp_path / "two")
  bits_run.train(experiment("interlaced", codes, steps=6, **steady), tmp_path / "one")
  one, two = arrays(tmp_path / "one"), arrays(tmp_path / "two")
  assert all(np.abs(one[name].astype(float) - two[name]).max() <= 1 for name in one)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_muon_trains_the_kernels_as_matrices(tmp_path, codes, name):
  lines = []
  settings = {"optimizer": "muon", "steps": 60, "learning_rate": 5e-3}
  bits_run.train(experiment(name, codes, **settings), tmp_path, lines.append)
  lengths = [float(line.split("bits per bit ")[1].split()[0]) for line in lines[1:]]
  assert lengths[-1] < lengths[0]
  coder = bits_run.EntropyTrainer(experiment(name, codes), 4).coder
  for variable, count in zip(coder.trainable_variables, bits_run.matrices_of(coder)):
    assert count == ("kernel" in variable.name)


def test_training_starts_from_another_coder(tmp_path, codes):
  first = tmp_path / "first" / ENTROPY_CODER_FOLDER
  bits_run.train(experiment("interlaced", codes, steps=3), tmp_path / "first")
  tiny = {"steps": 1, "learning_rate": 1e-9, "init": str(first)}
  bits_run.train(experiment("interlaced", codes, **tiny), tmp_path / "second")
  before, after = arrays(tmp_path / "first"), arrays(tmp_path / "second")
  assert all(np.abs(before[key].astype(int) - after[key]).max() <= 1 for key in before)

  # What is begun goes on from its own checkpoint, wherever the other is now.
  shutil.rmtree(first)
  bits_run.train(experiment("interlaced", codes, **{**tiny, "steps": 2}), tmp_path / "second")
  with pytest.raises(ModelError, match="first/entropy_coder/config.json: cannot be read"):
    bits_run.train(experiment("interlaced", codes, **tiny), tmp_path / "third")
  bits_run.train(experiment("progressive", codes, steps=1), tmp_path / "other")
  tiny["init"] = str(tmp_path / "other" / ENTROPY_CODER_FOLDER)
  with pytest.raises(ModelError, match="other/entropy_coder: has another architecture"):
    bits_run.train(experiment("interlaced", codes, **tiny), tmp_path / "third")


def test_codes_that_do_not_fit_are_refused(tmp_path, codes):
  other = experiment("interlaced", codes)._replace(model=InterlacedConfig())
  with pytest.raises(ConfigError, match="has 8 bits at each place; the model takes up to 16 lay"):
    bits_run.train(other, tmp_path)
  with pytest.raises(ConfigError, match="no such file"):
    bits_run.train(experiment("interlaced", tmp_path / "gone"), tmp_path)


def test_the_program_says_what_is_wrong_in_one_line(tmp_path, codes):
  for arguments, status, message in (
    (["--model=zip"], 1, "probability model 'zip' is unknown; known: interlaced, progressive"),
    (["--ps_tasks=2"], 2, "--ps_tasks=2: parameter servers went with TensorFlow 1"),
    (["--model_config=gone.json"], 1, "gone.json: No such file"),
    (["--steps=0"], 2, "--steps"),
    (["file"], 2, "takes flags only: 'file'"),
  ):
    done = run_program(tmp_path / "run", codes, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr and done.stderr.count("\n") <= 2
  assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path, codes):
  files = {}
  for name, values in (
    ("model", MODELS["interlaced"].to_dict()),
    ("train", {"batch_size": 2, "steps": 60, "checkpoint_steps": 5}),
    ("input", {"unique_code_size": True}),
  ):
    files[name] = tmp_path / f"{name}.json"
    files[name].write_text(json.dumps(values))
  flags = [f"--{name}_config={file}" for name, file in files.items()]
  folder = tmp_path / "run"
  command = [sys.executable, "-m", "compression.train_entropy", f"--train_dir={folder}"]
  process = subprocess.Popen([*command, f"--codes={codes}", *flags], stdout=subprocess.DEVNULL)
  while process.poll() is None and not (folder / "checkpoints/checkpoint").exists():
    time.sleep(0.05)
  os.kill(process.pid, signal.SIGKILL)
  process.wait()
  done = run_program(folder, codes, *flags)
  assert done.returncode == 0, done.stderr
  assert "steps 0 to" not in done.stdout and "step 60/60" in done.stdout
  learned.load(folder / ENTROPY_CODER_FOLDER)
  done = run_program(folder, codes, *flags)
  assert (done.returncode, "has made 60 steps already" in done.stdout) == (0, True)
  single = pathlib.Path(__file__).parents[3] / "tools/entropy_coder_single.py"
  bits = np.random.default_rng(0).random([4, 1, 5, 6, 2]) < 0.5
  np.savez(tmp_path / "c.npz", shape=np.array(bits.shape), codes=np.packbits(bits))
  command = [sys.executable, str(single), f"--input_codes={tmp_path / 'c.npz'}"]
  done = subprocess.run([*command, f"--checkpoint={folder}"], capture_output=True, text=True)
  assert (done.returncode, done.stderr) == (0, "")
  lines = done.stdout.splitlines()
  assert len(lines) == 6 and lines[4].startswith("code length: ")
  mean = np.mean([float(line.split()[2]) for line in lines[:4]])
  assert float(lines[4].split()[2]) == pytest.approx(mean, abs=1e-4)


@pytest.mark.slow
def test_the_synthetic_codes_are_learned_to_their_entropy(tmp_path, codes):
  lines = []
  settings = {"steps": 700, "checkpoint_steps": 700, "learning_rate": 3e-3}
  bits_run.train(experiment("interlaced", codes, **settings), tmp_path, lines.append)
  length = float(lines[-1].split("bits per bit ")[1].split()[0])
  assert ENTROPY - 0.01 < length < ENTROPY + 0.03
