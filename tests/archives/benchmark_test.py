"""The benchmark runs both programs; how fast they are is not tested."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

pytest.importorskip("apache_beam", reason="Apache Beam is not installed")

from compression.archives import benchmark
from compression.common.errors import CompressionError


def test_both_programs_are_measured(tmp_path: pathlib.Path, photo: np.ndarray) -> None:
  found = benchmark.photos_per_minute("jpeg420", photo[:20, :30], 2, 1, tmp_path)
  assert list(found) == ["compress", "archive"] and min(found.values()) > 0
  files = {path.name: path.read_bytes() for path in tmp_path.glob("compress/*.jpg")}
  assert sorted(files) == ["0.jpg", "1.jpg"]
  assert all((tmp_path / "archive" / name).read_bytes() == files[name] for name in files)


def test_a_program_that_fails_is_a_line(tmp_path: pathlib.Path, photo: np.ndarray) -> None:
  with pytest.raises(CompressionError, match="^compress ended with status 1$"):
    benchmark.photos_per_minute("none", photo[:20, :30], 1, 1, tmp_path)
