"""The report as a program: one whole file, or one line and nothing."""

from __future__ import annotations

import functools
import os
import pathlib
import sys

import numpy as np
import pytest
from PIL import Image

from compression.codecs.recurrent.codec import load
from compression.evaluation import means as means_lib
from compression.evaluation import results
from compression.metrics import psnr
from compression.reporting.pictures import STORED_PSNR
from tests import programs
from tests.codecs.examples import Planes
from tests.evaluation.examples import network
from tests.exporting.examples import save_small_model
from tests.near import assert_near_pixels
from tests.reporting.examples import Parsed, read_picture

ITERATIONS = 2


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  folder = tmp_path_factory.mktemp("models") / "model"
  return save_small_model(folder, unit="gru", iterations=ITERATIONS)


@pytest.fixture
def folder(tmp_path: pathlib.Path, photo: np.ndarray) -> pathlib.Path:
  """With three photos: grey, portrait with an alpha channel, and one of one pixel."""
  (tmp_path / "photos").mkdir()
  Image.fromarray(photo[:90, :150]).convert("L").save(tmp_path / "photos/a & <b>.png")
  Image.fromarray(photo[:100, :60]).convert("RGBA").save(tmp_path / "photos/portrait.png")
  Image.fromarray(photo[:1, :1]).save(tmp_path / "photos/z.png")
  return tmp_path


_report = functools.partial(programs.call, "compression.report")
_refuses = functools.partial(programs.refuses, "compression.report")


def test_one_command_gives_a_whole_report(folder: pathlib.Path, model: pathlib.Path) -> None:
  flags = [f"--model={model}", "--images=photos/*.png", "--output=report.html"]
  status, out, err = _report(folder, *flags)
  assert (status, err) == (0, "")
  file = folder / "report.html"
  assert out == f"report.html: 3 photo(s), {file.stat().st_size} bytes\n"
  assert sorted(os.listdir(folder)) == ["photos", "report.html"]  # nothing temporary

  page = Parsed(file.read_text("utf-8"))
  assert [each["name"] for each in page.data] == ["a & <b>.png", "portrait.png", "z.png"]
  codec = load(model)
  for each, (height, width) in zip(page.data, [(90, 150), (100, 60), (1, 1)]):
    assert (each["height"], each["width"]) == (height, width)
    original = read_picture(each["original"]["uri"])
    for iterations, version in enumerate(each["ours"], 1):
      data = codec.compress(original, iterations)
      decoded = codec.decompress(data)
      assert psnr(read_picture(version["uri"]), decoded) >= STORED_PSNR
      assert version["facts"][0] == f"{len(data):,} bytes"
      decibels, unit = version["facts"][2].split()
      assert unit == "dB" and float(decibels) == pytest.approx(psnr(original, decoded), abs=0.1)
    assert len(each["ours"]) == ITERATIONS
  assert {"jpeg420", "BD-rate"} <= set(page.words)  # its own curves and tables
  assert _plots(page) == 2 * len(means_lib.MEASURES)

  before = file.read_bytes()
  _refuses(folder, "report.html: exists already; --overwrite replaces it", *flags)
  assert file.read_bytes() == before


def test_flags(folder: pathlib.Path, model: pathlib.Path) -> None:
  (folder / "evaluation").mkdir()
  points = network("another", [(0.1, 21.25), (0.2, 22.5)], images=["x.png", "y.png"])
  (folder / "evaluation" / results.RESULTS_FILE).write_text(results.to_csv(points))
  (folder / "report.html").write_text("old")
  status, out, err = _report(
    folder,
    f"--model={model}",
    "--images=photos/*.png",
    "--output=report.html",
    "--evaluation=evaluation",
    "--max_images=2",
    "--max_side=50",
    "--lossless",
    "--overwrite",
  )
  assert (status, err) == (0, "") and out.startswith("report.html: 2 photo(s)")
  page = Parsed((folder / "report.html").read_text("utf-8"))
  assert [(each["width"], each["height"]) for each in page.data] == [(50, 30), (30, 50)]
  facts = [each["original"]["facts"] for each in page.data]
  assert [fact[-1] for fact in facts] == ["scaled from 150 × 90", "scaled from 60 × 100"]
  codec = load(model)
  for each in page.data:
    original = read_picture(each["original"]["uri"])
    decoded = codec.decompress(codec.compress(original, ITERATIONS))
    assert_near_pixels(read_picture(each["ours"][-1]["uri"]), decoded)
  words = set(page.words)
  assert "another" in words and "BD-rate" not in words  # the evaluation's, which has no JPEG
  assert _plots(page) == 2 * len(means_lib.MEASURES)


def test_any_codec_can_be_shown(folder: pathlib.Path) -> None:
  planes = f"{programs.ROOT}/tests/codecs/examples.py:Planes"
  for name, titles in ((planes, "planes 8"), ("jpeg420", "quality 92")):
    flags = [f"--model={name}", "--images=photos/z.png", "--output=report.html", "--overwrite"]
    status, out, err = _report(folder, *flags, "--lossless")
    assert (status, err) == (0, "")
    (shown,) = Parsed((folder / "report.html").read_text("utf-8")).data
    assert shown["ours"][-1]["title"] == f"Ours, {titles}"
    if name == planes:
      original = read_picture(shown["original"]["uri"])
      for setting, version in enumerate(shown["ours"], 1):
        expected = Planes().decompress(Planes().compress(original, setting))
        np.testing.assert_array_equal(read_picture(version["uri"]), expected)


def test_what_is_wrong_is_one_line(folder: pathlib.Path, model: pathlib.Path) -> None:
  images, output = "--images=photos/*.png", "--output=report.html"
  _refuses(folder, "--images is missing", output, status=2)
  _refuses(folder, "--output is missing", images, status=2)
  _refuses(folder, "unexpected argument", images, output, "photos/z.png", status=2)
  _refuses(folder, "gone/*.png: matches no file", "--images=gone/*.png", output)
  _refuses(folder, "photos: is a directory", images, "--output=photos")
  _refuses(folder, "there is no folder", images, "--output=gone/report.html")
  _refuses(folder, "no such model or folder", images, output, "--model=gone")
  _refuses(folder, "results.csv", images, output, f"--model={model}", "--evaluation=photos")
  (folder / "photos/text.png").write_text("text")
  _refuses(folder, "photos/text.png", "--images=photos/t*.png", output, f"--model={model}")


def test_without_matplotlib_no_work_is_done(
  folder: pathlib.Path, model: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
  flags = [f"--model={model}", "--images=photos/*.png", "--output=report.html"]
  # Were a photo read before, this one would be what is told of.
  (folder / "photos/text.png").write_text("text")
  _refuses(folder, "plots need matplotlib", *flags)


def test_the_help_names_the_flags(tmp_path: pathlib.Path) -> None:
  status, out, _ = _report(tmp_path, "--help")
  assert status == 0
  for word in ("--images", "--output", "--model", "--evaluation", "--lossless", "--overwrite"):
    assert word in out


def _plots(page: Parsed) -> int:
  uris = [attributes.get("src") or "" for tag, attributes in page.tags if tag == "img"]
  return sum(uri.startswith("data:image/svg+xml") for uri in uris)
