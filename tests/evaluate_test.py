"""The evaluation as a program: killed, taken up again, and told to do what makes no sense."""

from __future__ import annotations

import csv
import functools
import os
import pathlib
import shutil
import signal
import sys

import numpy as np
import pytest
from PIL import Image

from compression.codecs.pillow import PillowCodec
from compression.evaluation import plots
from tests import programs, shared

PLOTS = {
  f"{measure}_{scale}.{suffix}"
  for measure in ("psnr", "ms_ssim", "psnr_hvs")
  for scale in ("linear", "log")
  for suffix in ("png", "svg")
}
FILES = {"results.csv", "run.json", "means.csv", "tables.md", "throughput.csv"} | PLOTS


@pytest.fixture
def folder(tmp_path: pathlib.Path, photo: np.ndarray) -> pathlib.Path:
  """With four photos."""
  for number in range(4):
    Image.fromarray(photo[20 * number : 20 * number + 48, :64]).save(tmp_path / f"{number}.png")
  return tmp_path


_start = functools.partial(programs.start, "compression.evaluate")
_evaluate = functools.partial(programs.call, "compression.evaluate")
_refuses = functools.partial(programs.refuses, "compression.evaluate")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
  """Nothing is measured in processes of its own, and released models are loaded once."""
  shared.work_here(monkeypatch)
  shared.share_models(monkeypatch)


def _rows(file: pathlib.Path) -> list[str]:
  return file.read_text().splitlines()[1:]


def _interrupt(folder: pathlib.Path, flags: list[str], number: signal.Signals) -> list[str]:
  """Sends a signal as soon as there are new rows; returns all that are there then."""
  file = folder / "out/results.csv"
  before = len(_rows(file)) if file.exists() else 0
  process = _start(folder, *flags)
  out, err = programs.interrupt(
    process, lambda: file.exists() and len(_rows(file)) > before, number
  )
  assert out == ""
  if number == signal.SIGTERM:
    assert (process.returncode, err) == (128 + number, "")
  return _rows(file)


@pytest.mark.slow
def test_a_killed_run_goes_on_without_losing_or_repeating_a_row(
  folder: pathlib.Path, here: None
) -> None:
  flags = ["--images=*.png", "--codecs=jpeg420,jpeg444", "--output_dir=out", "--nothroughput"]
  settings = len(PillowCodec("jpeg420").settings)
  first = _interrupt(folder, flags, signal.SIGTERM)
  second = _interrupt(folder, flags, signal.SIGKILL)
  assert 0 < len(first) < len(second) < 4 * 2 * settings
  assert len(first) % settings == len(second) % settings == 0
  # The seconds in a row are never the same twice: these were not measured again.
  assert set(first) < set(second)
  file = folder / "out/results.csv"
  with open(file, "a") as rows:  # as a machine that loses power may leave it
    rows.write("3.png,jpeg420,2,77")

  status, out, err = _evaluate(folder, *flags)
  assert (status, err) == (0, "")
  after = _rows(file)
  assert len(after) == len(set(after)) == 4 * 2 * settings
  assert set(second) < set(after)
  assert {path.name for path in (folder / "out").iterdir()} == FILES - {"throughput.csv"}
  assert "## Area under the curve" in out and out == (folder / "out/tables.md").read_text()

  flags[1] = "--codecs=jpeg420"
  _refuses(folder, "out: was begun with other codecs: jpeg444 is not among", *flags)
  flags[:2] = "--images=[0-2].png", "--codecs=jpeg420,jpeg444"
  _refuses(folder, "out: was begun with other images: 3.png is not among", *flags)


def test_a_missing_library_is_left_out_and_a_later_codec_added(
  folder: pathlib.Path, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setitem(sys.modules, "pillow_jxl", None)
  flags = ["--images=0.png", "--output_dir=out"]
  status, out, err = _evaluate(folder, *flags, "--codecs=jpeg420,jxl")
  assert status == 0
  assert err == "warning: left out: jxl needs the package pillow-jxl-plugin\n"
  assert "## Seconds per megapixel" in out
  first = _rows(folder / "out/results.csv")
  assert {path.name for path in (folder / "out").iterdir()} == FILES
  seconds = _rows(folder / "out/throughput.csv")
  assert [row.split(",")[:3] for row in seconds] == [
    ["jpeg420", seconds[0].split(",")[1], str(threads)] for threads in (1, os.cpu_count())
  ]

  monkeypatch.setattr(plots, "write_all", lambda *_: [])  # which takes most of the time
  status, out, err = _evaluate(folder, *flags, "--codecs=jpeg444,jpeg420", "--nothroughput")
  assert (status, err) == (0, "")
  rows = _rows(folder / "out/results.csv")
  assert set(first) < set(rows) and len(rows) == 2 * len(first)
  with open(folder / "out/results.csv", newline="") as file:
    for row in csv.DictReader(file):
      assert row["image"] == "0.png" and row["nominal_bpp"] == ""
      assert float(row["bpp"]) == pytest.approx(8 * int(row["bytes"]) / (48 * 64))
  assert "| jpeg444 |" in out and "## BD-rate against jpeg420, seconds per megapixel" in out
  assert _rows(folder / "out/throughput.csv") == seconds  # as it was measured before

  status, out, err = _evaluate(folder, *flags, "--codecs=jpeg420", "--nothroughput", "--overwrite")
  assert (status, err) == (0, "")
  assert not set(_rows(folder / "out/results.csv")) & set(rows) and "per megapixel" not in out
  assert not (folder / "out/throughput.csv").exists()


def test_a_codec_in_a_file_is_measured_beside_the_others(
  folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  """By other processes, which find it by the name that was given."""
  monkeypatch.setattr(plots, "write_all", lambda *_: [])  # which takes most of the time
  shutil.copy(programs.ROOT / "tests/codecs/examples.py", folder / "my_codec.py")
  flags = ["--images=[01].png", "--codecs=jpeg420,my_codec.py:Planes", "--output_dir=out"]
  flags += ["--nothroughput", "--jobs=2"]
  status, out, err = _evaluate(folder, *flags)
  assert (status, err) == (0, "")
  assert "| planes |" in out and "- planes: first\n" in out
  settings = len(PillowCodec("jpeg420").settings) + 8
  rows = _rows(folder / "out/results.csv")
  assert len(rows) == 2 * settings and sum(",planes," in row for row in rows) == 2 * 8
  with open(folder / "my_codec.py", "a") as file:
    file.write('\nPlanes.identity = "second"\n')
  _refuses(folder, "out: was begun with other codecs: planes has changed since", *flags)


def test_further_metrics_are_measured_or_left_out_with_a_line(
  folder: pathlib.Path, here: None
) -> None:
  flags = ["--images=0.png", "--codecs=jpeg420,webp", "--output_dir=out", "--nothroughput"]
  status, out, err = _evaluate(folder, *flags, "--metrics=psnr_hvs_m,nima")
  assert status == 0
  assert "left out: nima: needs --nima_weights=FILE" in err and err.count("\n") == 1
  assert "## PSNR-HVS-M (dB)" in out and "| PSNR-HVS | PSNR-HVS-M |" in out
  assert (folder / "out/psnr_hvs_m_log.svg").is_file()
  assert (folder / "out/results.csv").read_text().splitlines()[0].endswith(",psnr_hvs_m")
  _refuses(folder, "vmaf: no such metric; there are psnr, ", *flags, "--metrics=vmaf")


def test_without_other_codecs_the_model_is_measured_at_every_iteration(
  folder: pathlib.Path, here: None
) -> None:
  flags = ["--images=0.png", "--csv=points.csv", "--model=mobile"]
  status, out, err = _evaluate(folder, *flags)
  assert (status, err) == (0, "")
  assert len(out.splitlines()) == 2 + 16
  rows = (folder / "points.csv").read_text().splitlines()
  assert rows[0] == (
    "image,codec,setting,bytes,bpp,psnr,ms_ssim,psnr_hvs,encode_seconds,decode_seconds,nominal_bpp"
  )
  assert len(rows) == 1 + 16 and rows[1].startswith("0.png,mobile,1,")
  _refuses(folder, "points.csv: exists already", *flags)
  _refuses(folder, "--images is missing", status=2)


def test_photos_that_cannot_be_measured_are_left_out(
  folder: pathlib.Path, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setattr(plots, "write_all", lambda *_: [])  # which takes most of the time
  Image.new("RGB", (20000, 20)).save(folder / "wide.png")  # WebP has no sides of over 16383
  Image.new("RGB", (1, 1)).save(folder / "one.png")
  (folder / "text.png").write_text("no photo")
  status, out, err = _evaluate(folder, "--images=[0tow]*.png", "--codecs=webp", "--csv=a.csv")
  assert status == 0 and out
  lines = err.splitlines()
  assert [line.split(":")[1] for line in lines] == [" one.png", " text.png", " wide.png"]
  assert all(line.startswith("warning: ") and line.endswith("left out") for line in lines)
  assert {row.split(",")[0] for row in _rows(folder / "a.csv")} == {"0.png"}
  flags = ["--codecs=jpeg420,webp", "--output_dir=out", "--nothroughput"]
  status, out, err = _evaluate(folder, "--images=[0w]*.png", *flags)
  assert status == 0 and len(err.splitlines()) == 1 and "wide.png: " in err
  rows = {tuple(row.split(",")[:2]) for row in _rows(folder / "out/means.csv")}
  assert len(rows) > 2
  status, out, err = _evaluate(folder, "--images=w*.png", "--codecs=webp")
  assert (status, out) == (1, "") and err.splitlines()[1:] == ["error: no photo is left"]


def test_what_is_wrong_is_one_line_before_any_work(
  folder: pathlib.Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setitem(sys.modules, "pillow_jxl", None)
  Image.fromarray(photo[:10, :50]).save(folder / "small.bmp")
  (folder / "text.jpg").write_text("no photo")
  (folder / "again").mkdir()
  Image.fromarray(photo[:20, :50]).save(folder / "again/0.png")
  jpeg = ["--codecs=jpeg420", "--output_dir=out"]
  _refuses(folder, "none*.png: matches no file", "--images=none*.png", *jpeg)
  _refuses(folder, "small.bmp: has 50x10 pixels; MS-SSIM needs sides of", "--images=*.bmp", *jpeg)
  _refuses(folder, "text.jpg: not an image", "--images=text.jpg", *jpeg)
  _refuses(folder, "0.png: has the same name as", "--images=**/0.png", *jpeg)
  _refuses(folder, "jpg: no such model or folder", "--images=*.png", "--codecs=jpeg420,jpg")
  _refuses(folder, "no codec is left: jxl needs", "--images=*.png", "--codecs=jxl")
  _refuses(folder, "gone.py: no such file", "--images=*.png", "--codecs=gone.py:Codec")
  _refuses(folder, "nope: no such model", "--images=*.png", "--model=nope")
  _refuses(folder, "text.jpg: cannot be made", "--images=*.png", "--output_dir=text.jpg")
  both = ["--images=*.png", "--codecs=jpeg420", "--output_dir=out", "--csv=rows.csv"]
  _refuses(folder, "--csv and --output_dir exclude each other", *both, status=2)
  both = ["--images=*.png", "--codecs=jpeg420", "--model=residual_gru"]
  _refuses(folder, "--codecs and --model exclude each other", *both, status=2)
  _refuses(folder, "--jobs=0", "--images=*.png", "--jobs=0", status=2)
  monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
  _refuses(folder, "plots need matplotlib: pip install", "--images=*.png", *jpeg)


def test_the_help_names_the_flags(tmp_path: pathlib.Path) -> None:
  status, out, _ = _evaluate(tmp_path, "--help")
  assert status == 0
  for word in ("--images", "--output_dir", "--csv", "--jobs", "--codecs", "FILE.py:CLASS"):
    assert word in out
