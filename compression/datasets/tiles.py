"""Training patches from photos of any size: batch number s is a function of the seed and s alone.

So a training run that was cut off sees the batches that it would have seen, and the devices of a
distributed one can each cut out their part of the same batch.
"""

from __future__ import annotations

import collections
import glob
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from compression.common.errors import ImageError
from compression.images.photos import read_photo

CACHE_BYTES = 2 * 2**30
CANDIDATES = 2
"""Random tiles of which the busiest is taken: a cheap form of the high-entropy set of Toderici et
al. (CVPR 2017), section 4. Flat tiles teach little."""
_NAMES_IN_NOTE = 3
_DEPTH = 3


class _Place(NamedTuple):
  """Where a candidate lies: which image, and how far down and right, as shares of what is free."""

  image: int
  down: float
  right: float


class TileSource:
  """Random tiles of a set of images.

  A tile is drawn so: an image, with probability proportional to its area; a place in it; of two
  such tiles (or as many as `candidates` says) the one with the larger mean difference between
  neighbouring pixels; in half of the cases its mirror image. All from a counter-based generator
  with the key (seed, step).

  Sizes come from the headers. Files without an image of at least a tile's size are left out, and
  one whose pixels turn out to be damaged is replaced by the next good one of the list. Decoded
  images are kept in memory as long as they fit; with many more than that, most of the time goes
  into decoding: then cut them into smaller files first.

  Args:
    paths: image files of any kind that Pillow reads.
    patch_size: pixels along a side of a tile.
    batch_size: tiles in a batch.
    seed: 0 to 2^64 - 1.
    cache_bytes: how much memory decoded images may take.
    warn: is told of damaged files, in one line each.
    candidates: random tiles of which the busiest is taken; 1 for what photos are made of.

  Attributes:
    shape, dtype: of the tiles, (p, p, 3) and uint8.
    paths: the files that are used.
    skipped: those that are not.

  Raises:
    ImageError: if no file can be used.
  """

  def __init__(
    self,
    paths: Sequence[str],
    patch_size: int,
    batch_size: int,
    seed: int = 0,
    cache_bytes: int = CACHE_BYTES,
    warn: Callable[[str], None] = warnings.warn,
    candidates: int = CANDIDATES,
  ):
    self._candidates = candidates
    self.patch_size = patch_size
    self.shape = (patch_size, patch_size, _DEPTH)
    self.dtype = np.uint8
    self.batch_size = batch_size
    self.seed = seed
    self.paths: list[str] = []
    self.skipped: list[str] = []
    areas = []
    for path in paths:
      width, height = _header_size(path)
      if min(width, height) < patch_size:
        self.skipped.append(path)
      else:
        self.paths.append(path)
        areas.append(width * height)
    self._ends = np.cumsum(areas, dtype=np.float64)
    self._warn = warn
    self._damaged: set[int] = set()
    self._cache: collections.OrderedDict[int, np.ndarray] = collections.OrderedDict()
    self._cached_bytes, self._cache_bytes = 0, cache_bytes
    self._lock = threading.Lock()  # tf.data calls from several threads
    if not self.paths:
      raise ImageError(f"no training image can be used; {self.note or 'none was named'}")
    self._image(0)  # raises if all are damaged

  @property
  def note(self) -> str:
    """One line about the files left out; empty if there are none."""
    if not self.skipped:
      return ""
    named = ", ".join(self.skipped[:_NAMES_IN_NOTE])
    more = len(self.skipped) - _NAMES_IN_NOTE
    rest = f" and {more} more" if more > 0 else ""
    total = len(self.skipped) + len(self.paths)
    return (
      f"{len(self.skipped)} of {total} files are no images of at least "
      f"{self.patch_size}x{self.patch_size} pixels: {named}{rest}"
    )

  def batch(self, step: int, begin: int = 0, end: int | None = None) -> np.ndarray:
    """Tiles begin .. end - 1 of batch number `step`: uint8 [end - begin, p, p, 3].

    The same whatever was asked before, and whichever part is asked for.
    """
    key = np.array([self.seed, step], np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key))
    draws = generator.random((self.batch_size, self._candidates, 3))
    mirrored = generator.random(self.batch_size) < 0.5
    # The last end is left out: rounding could reach it.
    images = np.searchsorted(self._ends[:-1], draws[..., 0] * self._ends[-1], side="right")
    rows = range(*slice(begin, end).indices(self.batch_size))
    tiles = np.stack(
      [
        self._tile(_Place(int(images[row, k]), draws[row, k, 1], draws[row, k, 2]))
        for row in rows
        for k in range(self._candidates)
      ]
    ).reshape(len(rows), self._candidates, *self.shape)
    chosen = tiles[np.arange(len(rows)), busyness(tiles).argmax(axis=1)]
    mirror = mirrored[rows.start : rows.stop, np.newaxis, np.newaxis, np.newaxis]
    return np.where(mirror, chosen[:, :, ::-1], chosen)

  def _tile(self, place: _Place) -> np.ndarray:
    image = self._image(place.image)
    top = int(place.down * (image.shape[0] - self.patch_size + 1))
    left = int(place.right * (image.shape[1] - self.patch_size + 1))
    return image[top : top + self.patch_size, left : left + self.patch_size]

  def _image(self, index: int) -> np.ndarray:
    """The image of that number, or the next good one."""
    for offset in range(len(self.paths)):
      candidate = (index + offset) % len(self.paths)
      if candidate not in self._damaged:
        image = self._read(candidate)
        if image is not None:
          return image
    raise ImageError(f"no training image can be used; {self.paths[index]} is damaged like all")

  def _read(self, index: int) -> np.ndarray | None:
    with self._lock:
      if index in self._cache:
        self._cache.move_to_end(index)
        return self._cache[index]
    path = self.paths[index]
    try:
      image = read_photo(path).image  # outside the lock: several threads may decode at once
      if min(image.shape[:2]) < self.patch_size:
        raise ImageError(f"{path}: is smaller than its header says")
    except ImageError as error:
      with self._lock:
        known = index in self._damaged
        self._damaged.add(index)
      if not known:
        self._warn(f"{error}; training goes on with the other images")
      return None
    with self._lock:
      if index not in self._cache and image.nbytes <= self._cache_bytes:
        self._cache[index] = image
        self._cached_bytes += image.nbytes
        while self._cached_bytes > self._cache_bytes:
          _, oldest = self._cache.popitem(last=False)
          self._cached_bytes -= oldest.nbytes
    return image


def busyness(tiles: np.ndarray) -> np.ndarray:
  """The mean absolute difference between neighbours, down and right: [..., p, p, 3] -> [...]."""
  values = tiles.astype(np.int16)  # differences of uint8 would wrap around
  down = np.abs(np.diff(values, axis=-3)).mean(axis=(-3, -2, -1))
  right = np.abs(np.diff(values, axis=-2)).mean(axis=(-3, -2, -1))
  return down + right


def find_images(patterns: str) -> list[str]:
  """The files that patterns with commas between them match, sorted; `**` goes into folders."""
  found = set()
  for pattern in patterns.split(","):
    found.update(glob.glob(pattern.strip(), recursive=True))
  return sorted(found)


def _header_size(path: str) -> tuple[int, int]:
  """Width and height as the header says (before any turning), or (0, 0) if it has none."""
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      with Image.open(path) as image:
        return image.size
  except Exception:  # noqa: BLE001  Pillow's readers raise nearly anything on damaged files
    return 0, 0
