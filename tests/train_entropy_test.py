"""`python -m compression.train_entropy` with the release's files, and what it leaves.

tests/training/tasks/bits has what it learns.
"""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from compression.codecs.recurrent.folders import ENTROPY_CODER_FOLDER
from compression.datasets.codes import write_codes
from compression.datasets.synthetic_codes import synthetic_codes
from compression.entropy.bits import learned
from compression.entropy.bits.configs import InterlacedConfig
from tests import programs

PROGRAM = "compression.train_entropy"
MODEL = InterlacedConfig(2, 4, hidden=4, state=4, groups=2, group_hidden=4)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
  """With a file of codes, and the three configurations."""
  write_codes(tmp_path / "codes", synthetic_codes(6))
  for name, values in (
    ("model", MODEL.to_dict()),
    ("train", {"batch_size": 2, "steps": 60, "checkpoint_steps": 5}),
    ("input", {"crop_size": 6}),
  ):
    (tmp_path / f"{name}.json").write_text(json.dumps(values))
  return tmp_path


@pytest.mark.parametrize(
  ("flags", "status", "message"),
  [
    (["--model=zip"], 1, "probability model 'zip' is unknown; known: interlaced, progressive"),
    (["--ps_tasks=2"], 2, "--ps_tasks=2: went with TensorFlow 1; --distribution"),
    (["--model_config=gone.json"], 1, "gone.json: No such file"),
    (["--steps=0"], 2, "--steps"),
    (["--distribution=tpu"], 2, "--distribution"),
    (["file"], 2, "takes flags only: 'file'"),
  ],
)
def test_what_is_wrong_is_one_line(
  folder: pathlib.Path, flags: list[str], status: int, message: str
) -> None:
  flags = ["--train_dir=run", "--codes=codes", *flags]
  programs.refuses(PROGRAM, folder, message, *flags, status=status)


@pytest.mark.slow
def test_a_run_with_the_releases_files_is_what_entropy_coder_single_takes(
  folder: pathlib.Path,
) -> None:
  files = [f"--{name}_config={name}.json" for name in ("model", "train", "input")]
  flags = ["--train_dir=run", "--codes=codes", *files, "--steps=4", "--distribution=mirrored"]
  status, out, err = programs.call(PROGRAM, folder, *flags)
  assert (status, err) == (0, "")
  assert "; 6 codes; steps 0 to 4" in out and "step 4/4  bits per bit " in out
  learned.load(folder / "run" / ENTROPY_CODER_FOLDER)
  saved = json.loads((folder / "run" / "train_config.json").read_text())
  assert (saved["batch_size"], saved["steps"], saved["distribution"]) == (2, 4, "mirrored")

  bits = np.random.default_rng(0).random([4, 1, 5, 6, 2]) < 0.5
  np.savez(folder / "c.npz", shape=np.array(bits.shape), codes=np.packbits(bits))
  tool = "tools.entropy_coder_single"
  status, out, err = programs.call(tool, folder, "--input_codes=c.npz", "--checkpoint=run")
  assert (status, err) == (0, "")
  lines = out.splitlines()
  assert len(lines) == 6 and lines[4].startswith("code length: ")
  mean = np.mean([float(line.split()[2]) for line in lines[:4]])
  assert float(lines[4].split()[2]) == pytest.approx(mean, abs=1e-4)
