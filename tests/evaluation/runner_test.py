"""Photos are checked before any work, and measured by other processes."""

from __future__ import annotations

import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from compression.codecs.base import Options
from compression.codecs.pillow import PillowCodec
from compression.common.errors import ImageError
from compression.evaluation import runner
from compression.evaluation.points import measure


def test_photos_are_named_by_their_files(tmp_path: pathlib.Path, photo: np.ndarray) -> None:
  for name in ("b.png", "a.png"):
    Image.fromarray(photo[:20, :30]).save(tmp_path / name)
  files = [str(tmp_path / "b.png"), str(tmp_path / "a.png")]
  named, problems = runner.name_photos(files)
  assert list(named.items()) == [("b.png", tmp_path / "b.png"), ("a.png", tmp_path / "a.png")]
  assert problems == []


def test_photos_that_cannot_be_measured_are_left_out(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  (tmp_path / "folder").mkdir()
  for name, height in (("a.png", 20), ("folder/a.png", 20), ("small.png", 10)):
    Image.fromarray(photo[:height, :30]).save(tmp_path / name)
  (tmp_path / "text.png").write_text("no photo")
  Image.fromarray(photo[:30, :30]).save(tmp_path / "good.png")
  for names, messages in (
    (["a.png", "folder/a.png"], ["a.png: has the same name as .*folder/a.png$", "folder/a.png: h"]),
    (["small.png"], ["small.png: has 30x10 pixels; .* at least 11$"]),
    (["text.png"], ["text.png: not an image"]),
    (["gone.png"], ["gone.png: no such file"]),
  ):
    bad = [str(tmp_path / name) for name in names]
    named, problems = runner.name_photos([*bad, str(tmp_path / "good.png")])
    assert list(named) == ["good.png"] and len(problems) == len(messages)
    assert all(re.search(message, line) for message, line in zip(messages, problems))
    with pytest.raises(ImageError, match=messages[0].rstrip("$")):
      runner.name_photos(bad)


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
  (found,) = runner.run([task], jobs=1)
  assert found == runner.Failure("gone.png", f"{tmp_path}/gone.png: no such file")
