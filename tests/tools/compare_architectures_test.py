"""Each pair is trained and measured once, whatever is asked for later."""

from __future__ import annotations

import csv
import functools
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

import compression
from compression import metrics
from compression.training.tasks.recurrent.config import PAPER
from tests import forks, programs, shared

_call = functools.partial(programs.call, "tools.compare_architectures")
_refuses = functools.partial(programs.refuses, "tools.compare_architectures")

_SIZE = (176, 165)
_ITERATIONS = 2
_FLAGS = ("--train_glob=*.png", "--images=a.png", "--output_dir=out", "--config=small.json")


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
  for number, name in enumerate(("a.png", "b.png")):
    image = np.random.default_rng(number).integers(0, 256, [*_SIZE, 3], np.uint8)
    Image.fromarray(image).save(tmp_path / name)
  experiment = {
    "model": {"width": 1 / 32, "iterations": _ITERATIONS},
    "training": {**PAPER, "batch_size": 2, "steps": 5, "curriculum": f"{_ITERATIONS}:1"},
  }
  (tmp_path / "small.json").write_text(json.dumps(experiment))
  return tmp_path


@pytest.mark.slow
def test_pairs_are_compared_and_others_are_added(
  folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  forks.share_tensorflow(monkeypatch)
  flags = (*_FLAGS, "--frameworks=one_shot", "--steps=3")
  status, out, err = _call(folder, *flags, "--units=lstm", "--jobs=2")
  assert status == 0, err
  assert _names(out) == {"lstm-one_shot"}
  assert out == (folder / "out/table.md").read_text()
  saved = json.loads((folder / "out/lstm-one_shot/train_config.json").read_text())
  assert saved["training"]["steps"] == 3  # the flag has the last word
  before = (folder / "out/results.csv").read_text()

  shared.work_here(monkeypatch)
  status, out, err = _call(folder, *flags, "--units=lstm,gru")
  assert status == 0, err
  assert err.count("has made 3 steps already") == 1
  assert _names(out) == {"lstm-one_shot", "gru-one_shot"}
  after = (folder / "out/results.csv").read_text()
  assert set(before.splitlines()) < set(after.splitlines())
  _is_that_of_the_model(folder, after)


def _is_that_of_the_model(folder: pathlib.Path, results: str) -> None:
  """The rows of a model say what its own encoder and decoder do, at the rate of its bits."""
  image = np.array(Image.open(folder / "a.png"))
  codec = compression.load(folder / "out/gru-one_shot/model")
  decoded = list(codec.decode(codec.encode(image)))
  rows = [row for row in csv.DictReader(results.splitlines()) if row["codec"] == "gru-one_shot"]
  assert [int(row["setting"]) for row in rows] == [1, 2]
  blocks = 11 * 11  # of 16x16 pixels, begun ones, too
  for count, row in enumerate(rows, 1):
    here = decoded[count - 1][: _SIZE[0], : _SIZE[1]]
    assert float(row["psnr"]) == pytest.approx(metrics.psnr(image, here), abs=0.01)
    assert float(row["bpp"]) == pytest.approx(count * blocks * 32 / (_SIZE[0] * _SIZE[1]))


def _names(table: str) -> set[str]:
  return {line.strip("| ").split(" | ")[0] for line in table.splitlines()[2:]}


def test_wrong_flags_are_refused_before_anything_is_trained(folder: pathlib.Path) -> None:
  _refuses(folder, "--images is missing", "--train_glob=*.png", "--output_dir=out", status=2)
  _refuses(folder, "unit must be one of", *_FLAGS, "--units=transformer")
  _refuses(folder, "framework must be one of", *_FLAGS, "--frameworks=two_shot")
  _refuses(folder, "no pair is left", *_FLAGS, "--units=", status=2)
  (folder / "small.json").write_text('{"model": {"depth": 1}}')
  _refuses(folder, "small.json: ", *_FLAGS)
