"""What tests of the training share."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, photo: np.ndarray) -> pathlib.Path:
  """Photos of odd sizes, and a file that is none."""
  folder = tmp_path_factory.mktemp("images")
  Image.fromarray(photo[:201, 100:333]).save(folder / "a.jpg", quality=95)
  Image.fromarray(photo[200:, 101:]).save(folder / "b.png")
  (folder / "notes.txt").write_text("no image")
  return folder
