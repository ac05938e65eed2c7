"""The photos of a training and of its validation."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from PIL import Image

from compression.common.errors import ConfigError
from compression.training.tasks.photos import tiles_of, validation_crops
from compression.training.tasks.recurrent.config import TrainConfig


def test_tiles_are_of_the_photos_that_a_configuration_names(images: pathlib.Path) -> None:
  config = TrainConfig(train_glob=f"{images}/*", patch_size=48, batch_size=3)
  warnings: list[str] = []
  source, content = tiles_of(config, warnings.append)
  assert content == "2 images" and source.batch(0).shape == (3, 48, 48, 3)
  assert len(warnings) == 1 and "notes.txt" in warnings[0]
  plain, _ = tiles_of(config, str, candidates=1)
  assert not (plain.batch(0) == source.batch(0)).all()
  with pytest.raises(ConfigError, match="train_glob must name"):
    tiles_of(TrainConfig(), str)


def test_crops_are_the_centres_of_what_can_be_read(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  for number in range(10):
    Image.fromarray(photo[: 300 + number, :40]).save(tmp_path / f"{number}.png")
  (tmp_path / "1.png").write_bytes(b"no image")
  Image.fromarray(photo[:15, :40]).save(tmp_path / "2.png")
  warnings: list[str] = []
  paths = sorted(str(path) for path in tmp_path.glob("*.png"))
  crops = validation_crops(paths, warnings.append)
  assert len(crops) == 8 and len(warnings) == 2
  np.testing.assert_array_equal(crops[0], photo[22:278, 4:36])
