"""Claims about `python -m compression.mine_tiles`: whole processes."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("apache_beam", reason="Apache Beam is not installed")

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from compression import mine_tiles
from compression.common.program import UsageError
from compression.datasets import mining
from compression.datasets.mining import Settings
from compression.datasets.shards import Shards

ROOT = pathlib.Path(__file__).parents[2]


def start(folder: pathlib.Path, *arguments: str, path: str = "") -> subprocess.Popen[str]:
  environment = {**os.environ, "PYTHONPATH": f"{path}:{ROOT}"}
  environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # a program must be quiet by itself
  command = [sys.executable, "-m", "compression.mine_tiles", *arguments]
  pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
  return subprocess.Popen(command, cwd=folder, env=environment, **pipes)


def run(folder: pathlib.Path, *arguments: str, path: str = "") -> tuple[int, str, str]:
  """Status, standard output and standard error of the program, started in this folder."""
  process = start(folder, *arguments, path=path)
  out, err = process.communicate()
  return process.returncode, out, err


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
  status, out, err = run(folder, "--images=*.png", "--output=tiles@2.tfrecord", "--keep=4")
  assert status == 0, err
  assert out == "tiles@2.tfrecord: 12 tiles of 3 images; 1 smaller than a tile, 12 unreadable\n"
  lines = err.splitlines()
  assert lines[0] == "warning: text00.png: not an image that can be read; left out"
  assert lines[10:] == ["warning: 12 files were left out: tiles.unreadable.txt"]
  assert len((folder / "tiles.unreadable.txt").read_text().splitlines()) == 12
  assert len(shards(folder, "tiles")) == 2
  status, out, err = run(folder, "--images=*.png", "--output=tiles@3.tfrecord")
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
  before = sorted(os.listdir(folder))
  status, out, err = run(folder, *arguments)
  assert (status, out) == (2, ""), err
  assert err.startswith("error: ") and err.count("\n") == 1 and complaint in err
  assert sorted(os.listdir(folder)) == before


def test_without_beam_it_says_what_to_install(folder: pathlib.Path) -> None:
  (folder / "without").mkdir()
  (folder / "without" / "apache_beam.py").write_text(
    "raise ModuleNotFoundError('no such module', name='apache_beam')"
  )
  status, out, err = run(
    folder, "--images=*.png", "--output=t@2.tfrecord", path=f"{folder}/without"
  )
  assert (status, out) == (1, "")
  assert err == "error: needs Apache Beam: pip install 'compression-rnn[beam]'\n"


def test_help_names_every_flag_and_needs_neither_beam_nor_tensorflow(folder: pathlib.Path) -> None:
  status, out, err = run(folder, "--help", "--runner=FlinkRunner")
  assert (status, err) == (0, "")
  for flag in ("images", "output", "tile_size", "keep", "score", "overwrite"):
    assert f"--{flag} " in out
  code = (
    "import sys, compression.mine_tiles\n"
    "assert not {'tensorflow', 'apache_beam'} & set(sys.modules)"
  )
  subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_flags_that_are_not_ours_are_beams() -> None:
  line = "mine --images a --runner=R x --keep=3 --flink_master b --nooverwrite -o c --output e"
  ours, beams = mine_tiles._split(line.split())
  assert ours == "mine --images a x --keep=3 --nooverwrite --output e".split()
  assert beams == "--runner=R --flink_master b -o c".split()


def test_flags_of_beam_are_checked() -> None:
  options = mine_tiles._options(["--runner=DirectRunner", "--direct_num_workers", "2"])
  assert options.get_all_options()["direct_num_workers"] == 2
  mine_tiles._options(["--runner=FlinkRunner", "--of_flink=1"])  # it may know more
  for runner in ([], ["--runner=DirectRunner"]):
    with pytest.raises(UsageError, match="Unknown command line flag 'kep'"):
      mine_tiles._options([*runner, "--kep=3"])
  with pytest.raises(UsageError, match="direct_num_workers: invalid int value: 'x'$"):
    mine_tiles._options(["--direct_num_workers=x"])


@pytest.mark.slow
def test_two_processes_write_what_one_does(folder: pathlib.Path) -> None:
  workers = ("--direct_running_mode=multi_processing", "--direct_num_workers", "2")
  flags = ("--keep=5", "--score=busyness", *workers)
  status, out, err = run(folder, f"--images={folder}/*.png", "--output=two@3.tfrecord", *flags)
  assert status == 0, err
  assert out.startswith("two@3.tfrecord: 15 tiles of 3 images; ")
  assert shards(folder, "two") == expected(folder, "*.png", 3, Settings(32, 5, "busyness"))


@pytest.mark.slow
def test_a_killed_run_leaves_no_shard_and_goes_on(folder: pathlib.Path, photo: np.ndarray) -> None:
  for k in range(12):
    Image.fromarray(photo[k:]).save(folder / f"large{k:02}.png")
  flags = (f"--images={folder}/large*.png", "--keep=10", "--output=cut@6.tfrecord")
  killed = start(folder, *flags)
  while not list(folder.glob("cut.parts/*.json")):
    assert killed.poll() is None, killed.communicate()
    time.sleep(0.01)
  killed.kill()
  killed.communicate()
  assert killed.returncode == -signal.SIGKILL
  assert not shards(folder, "cut")
  assert 0 < len(list(folder.glob("cut.parts/*.json"))) < 6
  status, _, err = run(folder, *flags)
  assert (status, err) == (0, "")
  assert shards(folder, "cut") == expected(folder, "large*.png", 6, Settings(32, 10, "png"))
  assert not (folder / "cut.parts").exists()
