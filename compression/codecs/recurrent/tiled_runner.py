"""Runs a codec on images of any size, tile by tile where they are large."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent.config import BLOCK
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.codecs.recurrent.runner import Runner
from compression.codecs.recurrent.tiling import Tiling, run_tiles, tiles
from compression.common.memory import return_large_blocks


class TiledRunner:
  """Encodes and decodes single images.

  A tile runs through all its iterations before the next one starts, so that only one tile's states
  are held.

  Args:
    model: the networks, with their weights.
  """

  def __init__(self, model: RecurrentNetwork):
    self.config = model.config
    self._runner = Runner(model)

  def encode(self, image: np.ndarray, iterations: int, tiling: Tiling) -> np.ndarray:
    """The bits of an image.

    Args:
      image: uint8 [H, W, 3].
      iterations: how many to run.
      tiling: how the image is cut.

    Returns: bool [T, ceil(H/16), ceil(W/16), bits]; True is +1.
    """
    high, wide = (-(-side // BLOCK) for side in image.shape[:2])
    bits = np.empty([iterations, high, wide, self.config.bits], bool)
    with _sparing_memory(tiling):
      for tile in tiles(high, wide, tiling):
        layers = self._runner.encode(pad_to_blocks(image[tile.outer_pixels]), iterations)
        for t, layer in enumerate(layers):
          bits[t][tile.blocks] = layer.bits[tile.inner]
    return bits

  def encode_and_decode(
    self, image: np.ndarray, iterations: int, tiling: Tiling
  ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The bits of each iteration, [h, w, bits], and what `decode` makes of them, [H, W, 3].

    An image that is not cut is run no further than the caller asks; one that is, to its end.
    """
    height, width, _ = image.shape
    if tiling.tile:
      bits = self.encode(image, iterations, tiling)
      for layer, pixels in zip(bits, self.decode(bits, tiling)):
        yield layer, pixels[:height, :width]
      return
    for step in self._runner.encode(pad_to_blocks(image), iterations, keep_last=True):
      assert step.state is not None
      yield step.bits, self._runner.pixels(step.state)[:height, :width]

  def decode(self, bits: np.ndarray, tiling: Tiling) -> Iterator[np.ndarray]:
    """The image after each iteration, uint8 [16 h, 16 w, 3].

    Args:
      bits: bool [T, h, w, bits].
      tiling: how the image was cut; the images of all iterations are held if it was.
    """
    if not tiling.tile:
      yield from self._images(bits)
      return
    with _sparing_memory(tiling):
      images = run_tiles(self._images, len(bits), bits, tiling)
    yield from images

  def decode_last(self, bits: np.ndarray, tiling: Tiling) -> np.ndarray:
    """The image after the last iteration alone, uint8 [16 h, 16 w, 3]; arguments as `decode`'s."""
    with _sparing_memory(tiling):
      return run_tiles(self._last_image, 1, bits, tiling)[0]

  def _images(self, bits: np.ndarray) -> Iterator[np.ndarray]:
    return map(self._runner.pixels, self._runner.decode(bits))

  def _last_image(self, bits: np.ndarray) -> Iterator[np.ndarray]:
    for state in self._runner.decode(bits):
      last = state
    yield self._runner.pixels(last)


@contextlib.contextmanager
def _sparing_memory(tiling: Tiling) -> Iterator[None]:
  """While tiles are run, large blocks go back when freed, and operations do not run side by side.

  Each has all threads to itself. Without oneDNN a convolution packs all that its kernel sees, 0.8
  GiB for a tile, and by default two of a step, of its input and of its state, do so at once. Where
  there is a GPU steps are left as they are: it has memory of its own, and their parts on it and off
  it wait for each other.
  """
  if not tiling.tile:
    yield
    return
  return_large_blocks()
  executor = "" if tf.config.list_logical_devices("GPU") else "SINGLE_THREADED_EXECUTOR"
  with tf.experimental.function_executor_type(executor):
    yield


def pad_to_blocks(image: np.ndarray) -> np.ndarray:
  """Repeats the last row and column until both sides are multiples of 16."""
  height, width, _ = image.shape
  return np.pad(image, [(0, -height % BLOCK), (0, -width % BLOCK), (0, 0)], "edge")
