"""Training patches from files of tiles: batch number s is a function of the seed and s alone.

So a training run that was cut off sees the batches that it would have seen, though the tiles stay
on the disk: a table of where they lie, eight bytes a tile, is all that is in memory.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from compression.common.errors import ConfigError, FormatError
from compression.datasets import tile_records

_DEPTH = 3


class RecordSource:
  """Batches of the tiles of a data set, as `mine_tiles` writes it.

  The tiles come in a random order, each once, then in another one, and so on. Of larger tiles than
  patches, a random place is taken; half of the patches are mirrored. A damaged record is replaced
  by the next good one.

  Args:
    paths: files of tiles; some may be empty.
    patch_size: pixels along a side of a patch.
    batch_size: patches in a batch.
    seed: 0 to 2^32 - 1.
    warn: is told of damaged records, in one line each.

  Attributes:
    shape, dtype: of the patches, (p, p, 3) and uint8.
    tiles: how many there are.

  Raises:
    ConfigError: if there are no tiles, or a file begins with one smaller than a patch.
    FormatError: if a file cannot be read, is cut short, or begins with what is no tile.
  """

  def __init__(
    self,
    paths: Sequence[str],
    patch_size: int,
    batch_size: int,
    seed: int = 0,
    warn: Callable[[str], None] = warnings.warn,
  ):
    self.shape = (patch_size, patch_size, _DEPTH)
    self.dtype = np.uint8
    self.batch_size = batch_size
    self.seed = seed
    self._paths = list(paths)
    self._starts = [tile_records.read_index(path) for path in self._paths]
    self._ends = np.cumsum([len(starts) - 1 for starts in self._starts], dtype=np.int64)
    self.tiles = int(self._ends[-1]) if paths else 0
    self._warn = warn
    self._damaged: set[int] = set()
    self._lock = threading.Lock()  # tf.data calls from several threads
    if not self.tiles:
      raise ConfigError(f"there are no tiles in {', '.join(paths) or 'no file'}")
    for end, starts in zip(self._ends, self._starts):
      if len(starts) > 1:
        self._read(int(end) - len(starts) + 1)

  def batch(self, step: int, begin: int = 0, end: int | None = None) -> np.ndarray:
    """Patches begin .. end - 1 of batch number `step`: uint8 [end - begin, p, p, 3].

    The same whatever was asked before, and whichever part is asked for.
    """
    key = np.array([self.seed, step], np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key))
    places = generator.random((self.batch_size, 2))
    mirrored = generator.random(self.batch_size) < 0.5
    rows = np.arange(self.batch_size)[begin:end]
    tiles = self._order(step * self.batch_size + rows)
    patches = [self._patch(tile, *places[row]) for tile, row in zip(tiles.tolist(), rows)]
    mirror = mirrored[rows, np.newaxis, np.newaxis, np.newaxis]
    stacked = np.stack(patches)
    return np.where(mirror, stacked[:, :, ::-1], stacked)

  def _order(self, places: np.ndarray) -> np.ndarray:
    """Which tiles come at these places of the endless sequence."""
    epochs, numbers = np.divmod(places, self.tiles)
    tiles = np.empty_like(numbers)
    for epoch in np.unique(epochs):
      chosen = epochs == epoch
      # A permutation of which single elements can be computed.
      seed = np.array([self.seed, epoch], np.int64)
      last = np.int64(self.tiles - 1)
      tiles[chosen] = tf.random.experimental.index_shuffle(numbers[chosen], seed, last).numpy()
    return tiles

  def _patch(self, number: int, down: float, right: float) -> np.ndarray:
    """The patch of a tile, as far down and right as these shares of what is free."""
    pixels = self._tile(number)
    high, wide, _ = self.shape
    top = int(down * (pixels.shape[0] - high + 1))
    left = int(right * (pixels.shape[1] - wide + 1))
    return pixels[top : top + high, left : left + wide]

  def _tile(self, number: int) -> np.ndarray:
    """The tile of that number, or the next good one."""
    for offset in range(self.tiles):
      candidate = (number + offset) % self.tiles
      if candidate in self._damaged:
        continue
      try:
        return self._read(candidate)
      except (ConfigError, FormatError) as error:
        with self._lock:
          known = candidate in self._damaged
          self._damaged.add(candidate)
        if not known:
          self._warn(f"{error}; training goes on with the other tiles")
    raise FormatError(f"no tile can be used; all of {self.tiles} records are damaged")

  def _read(self, number: int) -> np.ndarray:
    """The pixels of a tile, at least as large as a patch."""
    file = int(np.searchsorted(self._ends, number, side="right"))
    starts = self._starts[file]
    record = number - int(self._ends[file]) + len(starts) - 1
    path = self._paths[file]
    name = f"{path}: record {record + 1}"
    content = tile_records.read_record(path, int(starts[record]), int(starts[record + 1]))
    pixels = tile_records.parse(content, name).pixels
    if min(pixels.shape[:2]) < self.shape[0]:
      raise ConfigError(
        f"{name} is a tile of {pixels.shape[1]}x{pixels.shape[0]} pixels, smaller than patch_size "
        f"{self.shape[0]}"
      )
    return pixels
