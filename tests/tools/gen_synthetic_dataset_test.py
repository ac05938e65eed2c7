"""Claims about the command line `tools/gen_synthetic_dataset.py`."""

from __future__ import annotations

import functools
import json
import os

import numpy as np
import pytest

from compression.datasets.codes import read_codes
from compression.datasets.synthetic_codes import synthetic_codes
from tests import programs

PROGRAM = "tools/gen_synthetic_dataset.py"
FILES = ["input_config.json", "model_config.json", "synthetic_dataset", "train_config.json"]

run = functools.partial(programs.call, PROGRAM)


def test_the_data_set_and_its_configurations(tmp_path):
  status, out, err = run(tmp_path, "--dataset_dir=new/d", "--count=3", "--seed=5")
  assert (status, err) == (0, "")
  folder = tmp_path / "new/d"
  assert sorted(os.listdir(folder)) == FILES
  size = (folder / "synthetic_dataset").stat().st_size
  assert out == (
    "new/d/synthetic_dataset: 3 codes of 35x48x8 bits, 0.72 bits per bit, "
    f"{size} bytes; 3 configurations beside it\n"
  )
  configs = {name: json.loads((folder / name).read_text()) for name in FILES if "json" in name}
  path = configs["input_config.json"].pop("data")
  assert os.path.isabs(path) and os.path.samefile(path, folder / "synthetic_dataset")
  assert configs == {
    "input_config.json": {"unique_code_size": True},
    "model_config.json": {"layer_depth": 2, "layer_count": 4},
    "train_config.json": {
      "batch_size": 4,
      "learning_rate": 0.1,
      "decay_rate": 0.9,
      "samples_per_decay": 20000,
    },
  }
  for code, expected in zip(read_codes(path), synthetic_codes(3, 5)):
    np.testing.assert_array_equal(code.unpack(), expected)


def test_a_second_run_replaces_the_first(tmp_path):
  contents = []
  for arguments in (["--count=2"], ["--count=2", "--seed=1"], ["--count=1"], ["--count=2"]):
    assert run(tmp_path, "--dataset_dir=.", *arguments)[0] == 0
    assert sorted(os.listdir(tmp_path)) == FILES
    contents.append((tmp_path / "synthetic_dataset").read_bytes())
  assert contents[0] == contents[3] and len(set(contents)) == 3
  assert contents[0].startswith(contents[2])  # fewer codes are the first of more


@pytest.mark.parametrize(
  "arguments, status, complaint",
  [
    ([], 2, "--dataset_dir is missing"),
    (["--dataset_dir=d", "--count=0"], 2, "--count=0"),
    (["--dataset_dir=d", "--seed=-1"], 2, "--seed=-1"),
    (["--dataset_dir=d", "more"], 2, "more: unexpected argument"),
    (["--dataset_dir=file"], 1, "file: cannot be made"),
    (["--dataset_dir=taken"], 1, "model_config.json: is a directory"),
  ],
)
def test_what_is_wrong_is_one_line(tmp_path, arguments, status, complaint):
  (tmp_path / "file").touch()
  (tmp_path / "taken/model_config.json").mkdir(parents=True)
  programs.refuses(PROGRAM, tmp_path, complaint, *arguments, status=status)


def test_help_says_that_the_release_made_a_thousand(tmp_path):
  status, out, err = run(tmp_path, "--help")
  assert (status, err) == (0, "")
  for part in ("--dataset_dir", "--count", "(default: 1000)", "--seed"):
    assert part in out
