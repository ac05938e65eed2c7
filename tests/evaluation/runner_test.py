"""Photos are checked before any work, and measured by other processes."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from PIL import Image

from compression.codecs.base import Options
from compression.codecs.pillow import PillowCodec
from compression.common.errors import CompressionError, ImageError
from compression.evaluation import runner
from compression.evaluation.points import measure


def test_photos_are_named_by_their_files(tmp_path: pathlib.Path, photo: np.ndarray) -> None:
  for name in ("b.png", "a.png"):
    Image.fromarray(photo[:20, :30]).save(tmp_path / name)
  files = [str(tmp_path / "b.png"), str(tmp_path / "a.png")]
  assert list(runner.name_photos(files).items()) == [
    ("b.png", tmp_path / "b.png"),
    ("a.png", tmp_path / "a.png"),
  ]


def test_photos_that_cannot_be_measured_are_refused(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  (tmp_path / "folder").mkdir()
  for name, height in (("a.png", 20), ("folder/a.png", 20), ("small.png", 10)):
    Image.fromarray(photo[:height, :30]).save(tmp_path / name)
  (tmp_path / "text.png").write_text("no photo")
  for names, error, message in (
    (["a.png", "folder/a.png"], CompressionError, "folder/a.png: has the same name as .*a.png$"),
    (["a.png", "small.png"], ImageError, "small.png: has 30x10 pixels; .* at least 11$"),
    (["text.png"], ImageError, "text.png: not an image"),
    (["gone.png"], ImageError, "gone.png: no such file"),
  ):
    with pytest.raises(error, match=message):
      runner.name_photos([str(tmp_path / name) for name in names])


def test_a_task_gives_the_rows_of_its_photo_and_codec(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  Image.fromarray(photo[:40, :50]).save(tmp_path / "b.png")
  task = runner.Task(tmp_path / "b.png", "jpeg444", Options())
  there = runner._measure(task, threads=1)
  here = measure(PillowCodec("jpeg444"), "b.png", photo[:40, :50])
  assert [point[:4] for point in here] == [point[:4] for point in there]
  for point, expected in zip(here, there):
    assert point[4:8] == pytest.approx(expected[4:8], rel=1e-6)  # bpp and the three measures


def test_a_photo_that_is_gone_is_one_line(tmp_path: pathlib.Path) -> None:
  task = runner.Task(tmp_path / "gone.png", "jpeg420", Options())
  with pytest.raises(ImageError, match="gone.png: no such file"):
    list(runner.run([task], jobs=1))
