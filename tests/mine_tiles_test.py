"""`python -m compression.mine_tiles`: what it says, and runs of several processes or cut off."""

from __future__ import annotations

import functools
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("apache_beam", reason="Apache Beam is not installed")

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from compression.datasets import mining
from compression.datasets.mining import Settings
from compression.datasets.shards import Shards
from tests import programs

PROGRAM = "compression.mine_tiles"

# The program, killed when it has written the reports of two shards.
_KILLED = """
import os, runpy, signal, sys
from compression.common import stores

written = []
write = stores.write

def write_two(path, data):
  if len(written) == 2:
    os.kill(os.getpid(), signal.SIGKILL)
  written.append(path)
  write(path, data)

stores.write = write_two
runpy.run_module("compression.mine_tiles", run_name="__main__", alter_sys=True)
"""


def shards(folder: pathlib.Path, prefix: str) -> list[bytes]:
  """The contents of the files that were written."""
  return [path.read_bytes() for path in sorted(folder.glob(f"{prefix}-*.tfrecord"))]


def expected(folder: pathlib.Path, pattern: str, count: int, settings: Settings) -> list[bytes]:
  """What the pipeline writes in this process."""
  target = Shards(f"{folder}/expected", count)
  mining.mine(f"{folder}/{pattern}", target, settings, PipelineOptions([]), FnApiRunner())
  return shards(folder, "expected")


@pytest.fixture
def folder(tmp_path: pathlib.Path, photo: np.ndarray) -> pathlib.Path:
  """Three photos of odd sizes."""
  for k in range(3):
    Image.fromarray(photo[50 * k :][: 70 + k, 60 * k :][:, : 99 - k]).save(tmp_path / f"{k}.png")
  return tmp_path


def test_photos_become_files_of_tiles_and_what_is_no_photo_is_left_out(
  folder: pathlib.Path,
) -> None:
  for k in range(12):
    (folder / f"text{k:02}.png").write_text("no image")
  Image.new("RGB", (9, 9)).save(folder / "small.png")
  run = functools.partial(programs.call, PROGRAM, folder)
  status, out, err = run("--images=*.png", "--output=tiles@2.tfrecord", "--keep=4")
  assert status == 0, err
  assert out == "tiles@2.tfrecord: 12 tiles of 3 images; 1 smaller than a tile, 12 unreadable\n"
  lines = err.splitlines()
  assert lines[0] == "warning: text00.png: not an image that can be read; left out"
  assert lines[10:] == ["warning: 12 files were left out: tiles.unreadable.txt"]
  assert len((folder / "tiles.unreadable.txt").read_text().splitlines()) == 12
  assert len(shards(folder, "tiles")) == 2
  status, out, err = run("--images=*.png", "--output=tiles@3.tfrecord")
  assert (status, out) == (1, "")
  assert err == "error: tiles-00000-of-00002.tfrecord: exists already; --overwrite replaces it\n"


@pytest.mark.parametrize(
  "arguments, complaint",
  [
    (["--output=t@2.tfrecord"], "--images is missing"),
    (["--images=*"], "--output is missing"),
    (["--images=*", "--output=tiles.tfrecord"], "--output=tiles.tfrecord: must be NAME@COUNT"),
    (["--images=*", "--output=t@2.tfrecord", "--keep=0"], "--keep=0"),
    (["--images=*", "--output=t@2.tfrecord", "--score=jpeg"], "--score=jpeg"),
    (["more", "--images=*", "--output=t@2.tfrecord"], "more: unexpected argument"),
    (["--images=*", "--output=t@2.tfrecord", "--kep=1"], "Unknown command line flag 'kep'"),
  ],
)
def test_what_is_wrong_is_one_line(
  folder: pathlib.Path, arguments: list[str], complaint: str
) -> None:
  programs.refuses(PROGRAM, folder, complaint, *arguments, status=2)


def test_without_beam_it_says_what_to_install(
  folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setitem(sys.modules, "apache_beam", None)
  monkeypatch.delitem(sys.modules, "compression.datasets.mining")
  monkeypatch.delattr("compression.datasets.mining")
  status, out, err = programs.call(PROGRAM, folder, "--images=*.png", "--output=t@2.tfrecord")
  assert (status, out) == (1, "")
  assert err == "error: needs Apache Beam: pip install 'compression-rnn[beam]'\n"


def test_help_of_another_runner_needs_neither_beam_nor_tensorflow(folder: pathlib.Path) -> None:
  programs.hide(folder, "apache_beam")
  programs.hide(folder, "tensorflow")
  status, out, err = programs.run(PROGRAM, folder, "--help", "--runner=FlinkRunner")
  assert (status, err) == (0, "")
  for flag in ("images", "output", "tile_size", "keep", "score", "overwrite"):
    assert f"--{flag} " in out


@pytest.mark.slow
def test_two_processes_write_what_one_does(folder: pathlib.Path) -> None:
  workers = ("--direct_running_mode=multi_processing", "--direct_num_workers", "2")
  flags = ("--keep=5", "--score=busyness", *workers)
  flags = (f"--images={folder}/*.png", "--output=two@3.tfrecord", *flags)
  status, out, err = programs.run(PROGRAM, folder, *flags)
  assert status == 0, err
  assert out.startswith("two@3.tfrecord: 15 tiles of 3 images; ")
  assert shards(folder, "two") == expected(folder, "*.png", 3, Settings(32, 5, "busyness"))


@pytest.mark.slow
def test_a_killed_run_leaves_no_shard_and_goes_on(folder: pathlib.Path, photo: np.ndarray) -> None:
  for k in range(12):
    Image.fromarray(photo[k : k + 99, :99]).save(folder / f"large{k:02}.png")
  flags = (f"--images={folder}/large*.png", "--keep=3", "--output=cut@6.tfrecord")
  killed = subprocess.run(
    [sys.executable, "-c", _KILLED, *flags], cwd=folder, env=programs.environment(folder)
  )
  assert killed.returncode == -signal.SIGKILL
  assert not shards(folder, "cut")
  assert len(list(folder.glob("cut.parts/*.json"))) == 2
  status, _, err = programs.run(PROGRAM, folder, *flags)
  assert (status, err) == (0, "")
  assert shards(folder, "cut") == expected(folder, "large*.png", 6, Settings(32, 3, "png"))
  assert not (folder / "cut.parts").exists()
