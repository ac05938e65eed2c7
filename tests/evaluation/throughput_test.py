"""Seconds per megapixel are of real work at a setting that is alike for all."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from compression.codecs import registry
from compression.codecs.base import Options
from compression.common import timing
from compression.common.errors import OutputError
from compression.evaluation import throughput
from compression.evaluation.means import means
from compression.evaluation.throughput import Throughput
from tests import programs
from tests.evaluation.examples import curve
from tests.shared import work_here


def test_the_setting_is_the_nearest_to_half_a_bit() -> None:
  points = curve("a", [(0.1, 20.0), (0.45, 25.0), (0.6, 30.0)])
  points += curve("b", [(0.9, 30.0), (2.0, 40.0)]) + curve("jpeg420_baseline", [(0.5, 29.0)])
  assert throughput.choose_settings(means(points)) == {"a": 2, "b": 1}


def test_a_codec_is_measured_with_one_thread_and_with_all(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  files = [tmp_path / f"{size}.png" for size in (40, 60)]
  for file in files:
    Image.fromarray(photo[: int(file.stem), :100]).save(file)
  rows = throughput.measure("jpeg420", "jpeg420", 50, files, Options())
  assert [row.threads for row in rows] == [1, os.cpu_count()]
  for row in rows:
    assert (row.codec, row.setting, row.machine) == ("jpeg420", 50, throughput.machine())
    assert row.encode_seconds > 0 and row.decode_seconds > 0


def test_a_codec_is_found_by_what_was_asked_for(
  tmp_path: pathlib.Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
  Image.fromarray(photo[:20, :30]).save(tmp_path / "a.png")
  work_here(monkeypatch)
  found, find = [], registry.find
  monkeypatch.setattr(
    registry, "find", lambda name, options: found.append((name, options)) or find(name, options)
  )
  wanted = f"{programs.ROOT}/tests/codecs/examples.py:Planes"
  options = Options("mixed_bfloat16")
  rows = throughput.measure("planes", wanted, 3, [tmp_path / "a.png"], options)
  assert [(row.codec, row.setting) for row in rows] == [("planes", 3)] * 2
  assert found == [(wanted, options._replace(threads=threads)) for threads in (1, 0)]


def test_seconds_are_for_a_megapixel(
  tmp_path: pathlib.Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
  Image.fromarray(photo[:50, :100]).save(tmp_path / "a.png")
  monkeypatch.setattr(timing, "measure", lambda function, repeat: 2.0)
  found = throughput._measure("jpeg420", 50, [tmp_path / "a.png"], Options(threads=1))
  assert found == pytest.approx((400, 400))  # of 0.005 megapixels


def test_rows_read_back_as_they_were(tmp_path: pathlib.Path) -> None:
  rows = [Throughput("a", 0.5, 1, 1 / 3, 2.0, "2 x cpu, fast"), Throughput("b", 7, 2, 1, 2, "x")]
  file = tmp_path / "throughput.csv"
  assert throughput.read(file) == []
  throughput.write(file, rows)
  assert throughput.read(file) == rows
  file.write_text("codec\na\n")
  with pytest.raises(OutputError, match="throughput.csv: is not what an evaluation writes"):
    throughput.read(file)
