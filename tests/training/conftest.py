"""What tests of the training share."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True, scope="module")
def quick_start() -> Iterator[None]:
  """As in a run on a CPU: TensorFlow's rewriting of graphs takes seconds for each trainer."""
  import tensorflow as tf

  tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
  yield
  tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, photo: np.ndarray) -> pathlib.Path:
  """Photos of odd sizes, and a file that is none."""
  folder = tmp_path_factory.mktemp("images")
  Image.fromarray(photo[:201, 100:333]).save(folder / "a.jpg", quality=95)
  Image.fromarray(photo[200:, 101:]).save(folder / "b.png")
  (folder / "notes.txt").write_text("no image")
  return folder
