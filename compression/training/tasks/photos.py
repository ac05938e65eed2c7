"""The photos that tasks learn from and look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from compression.common.errors import ConfigError, ImageError
from compression.datasets import shards
from compression.datasets.record_source import RecordSource
from compression.datasets.tiles import CANDIDATES, TileSource, find_images
from compression.images.photos import read_photo
from compression.training.console import Say

_CROPS = 8
_CROP_SIDE = 256
_GRANULARITY = 16


class PhotosConfig(Protocol):
  """What a configuration says of the photos of a training; see recurrent/config.py."""

  @property
  def train_glob(self) -> str: ...
  @property
  def train_records(self) -> str: ...
  @property
  def patch_size(self) -> int: ...
  @property
  def batch_size(self) -> int: ...
  @property
  def seed(self) -> int: ...


def tiles_of(
  config: PhotosConfig, warn: Say, candidates: int = CANDIDATES
) -> tuple[TileSource | RecordSource, str]:
  """Tiles of photos, or tiles that were mined, uint8 [N, H, W, 3]; and of what: "12 images".

  Args:
    config: which.
    warn: takes lines about what is left out.
    candidates: of a tile of photos: see TileSource.

  Raises:
    ConfigError, FormatError, ImageError: if there are none.
  """
  if config.train_records:
    files = shards.find(config.train_records)
    tiles = RecordSource(files, config.patch_size, config.batch_size, config.seed, warn)
    return tiles, f"{tiles.tiles} tiles"
  if not config.train_glob:
    raise ConfigError("train_glob must name the training images, or train_records their tiles")
  paths = find_images(config.train_glob)
  if not paths:
    raise ConfigError(f"train_glob matches no file: {config.train_glob}")
  source = TileSource(
    paths, config.patch_size, config.batch_size, config.seed, warn=warn, candidates=candidates
  )
  if source.note:
    warn(source.note)
  return source, f"{len(source.paths)} images"


def validation_crops(paths: Sequence[str], warn: Say) -> list[np.ndarray]:
  """The centres of the first 8 images that can be read: sides multiples of 16, at most 256."""
  crops: list[np.ndarray] = []
  for path in paths:
    if len(crops) == _CROPS:
      break
    try:
      image = read_photo(path).image
      height, width = (
        min(side // _GRANULARITY * _GRANULARITY, _CROP_SIDE) for side in image.shape[:2]
      )
      if not height or not width:
        raise ImageError(f"{path}: is smaller than {_GRANULARITY}x{_GRANULARITY} pixels")
    except ImageError as error:
      warn(f"{error}; left out of the validation")
      continue
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    crops.append(np.ascontiguousarray(image[top : top + height, left : left + width]))
  return crops
