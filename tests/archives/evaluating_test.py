"""Rows of a photo are measured once, for each codec, and belong to what they were made of."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("apache_beam", reason="Apache Beam is not installed")

from compression.archives import evaluating
from compression.archives.evaluating import Evaluate
from compression.archives.pipeline import Folder, Report
from compression.codecs.base import Options
from compression.common.errors import CompressionError

JPEG = "jpeg420"


def test_a_photo_and_codec_are_measured_once(tmp_path: pathlib.Path, photo: np.ndarray) -> None:
  folder = Folder(f"{tmp_path}/out")
  Image.fromarray(photo[:20, :30]).save(tmp_path / "a.png")
  source = f"{tmp_path}/a.png"
  first = Evaluate(folder, (JPEG,), Options(), ()).do(source, "a.png")
  assert first.done == 1
  [(name, digest, rows)] = first.rows
  assert name == "a.png" and len(digest) == 64 and rows.startswith(f"a.png,{JPEG},")

  again = Evaluate(folder, (JPEG,), Options(), ()).do(source, "a.png")
  assert again == first._replace(done=0, skipped=1)
  both = Evaluate(folder, (JPEG, "dct"), Options(), ()).do(source, "a.png")
  assert both.done == 1 and both.rows[0][2].startswith(rows)
  assert len(list((tmp_path / "out/rows").iterdir())) == 2
  other = Evaluate(folder, (JPEG,), Options(), ()).do(source, "deep/a.png")
  assert other.rows[0][2].startswith("deep/a.png,")
  Image.fromarray(photo[1:21, :30]).save(tmp_path / "a.png")
  assert Evaluate(folder, (JPEG,), Options(), ()).do(source, "a.png").done == 1


def test_nothing_is_written_where_no_photo_is_left(tmp_path: pathlib.Path) -> None:
  folder = Folder(f"{tmp_path}/out")
  with pytest.raises(CompressionError, match="^no photo is left: a.png: is bad$"):
    evaluating.finish(folder, {"codecs": {}}, Report(failed=["a.png: is bad"]))
  assert not (tmp_path / "out").exists()
