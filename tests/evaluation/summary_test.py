"""The files at the end of an evaluation agree with its rows."""

from __future__ import annotations

import csv
import pathlib

import pytest

from compression.evaluation import plots, summary
from compression.evaluation.throughput import Throughput
from tests.evaluation.examples import KODAK, curve, network

PAIRS = [(0.2, 25.0), (0.5, 30.0), (1.5, 36.0)]


def test_a_folder_gets_means_tables_and_plots(tmp_path: pathlib.Path) -> None:
  points = network("m", PAIRS, ["a.png", "b.png"]) + curve("jpeg420", PAIRS, ["a.png", "b.png"])
  seconds = [Throughput("m", 2, threads, 3, 4, "2 x cpu") for threads in (1, 2)]
  text = summary.write(tmp_path, points, {"m": "files 12", "jpeg420": "4:2:0"}, seconds)
  assert (tmp_path / "tables.md").read_text() == text
  for part in (
    "Means over 2 images",
    "## PSNR (dB)\n\n| codec | 0.125 bpp |",
    "## Area under the curve",
    "| m | +0.0% | +0.0% | +0.0% | 2 | 3.000 | 3.000 | 4.000 | 4.000 |",
    "- jpeg420: 4:2:0\n",
  ):
    assert part in text
  with open(tmp_path / "means.csv", newline="") as file:
    rows = list(csv.DictReader(file))
  assert len(rows) == 6 and rows[1]["bpp"] == "0.5" and rows[1]["images"] == "2"
  assert len(list(tmp_path.glob("*.svg"))) == len(list(tmp_path.glob("*.png"))) == 6
  assert "published" not in text


def test_on_kodak_what_was_published_stands_beside(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setattr(plots, "write_all", lambda *_: [])  # which takes most of the time
  text = summary.write(tmp_path, curve("jpeg420", PAIRS, KODAK), {"jpeg420": "4:2:0"})
  assert "Means over 24 Kodak images" in text
  assert "Toderici et al. 2017, nominal bpp (published)" in text
  assert "per megapixel" not in text


def test_settings_are_one_table_for_each_codec() -> None:
  one = summary.settings_text(network("m", PAIRS))
  assert one.startswith("| iterations |") and len(one.splitlines()) == 2 + 3
  both = summary.settings_text(network("m", PAIRS) + curve("jpeg420", PAIRS))
  assert both == f"## m\n\n{one}\n\n## jpeg420\n\n" + summary.settings_text(curve("jpeg420", PAIRS))
