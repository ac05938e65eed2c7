"""Images of any size through convolutions: strip by strip, which overlap as far as those reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
  import tensorflow as tf

ROWS = 32
"""Rows of the latent in a strip: 512 of pixels, with blocks of 16."""

_PEAK = np.float32(255)


class _Strip(NamedTuple):
  """Rows of the latent: those that are wanted, and those that they depend on."""

  start: int
  end: int
  first: int
  last: int


def in_strips(
  transform: Callable[..., np.ndarray],
  values: Sequence[np.ndarray],
  rows_in: Sequence[int],
  rows_out: int,
  reach: int,
) -> np.ndarray:
  """What a transform makes of values, strip by strip, so that memory does not grow with the image.

  Args:
    transform: of arrays [a, b, c] -> [d, e, f].
    values: what it takes, [rows, ...] each.
    rows_in, rows_out: of the values and of the result, for a row of the latent.
    reach: how many rows of the latent another one depends on, up and down.
  """
  parts = []
  for strip in _strips(len(values[0]) // rows_in[0], reach):
    made = transform(
      *(each[strip.first * rows : strip.last * rows] for each, rows in zip(values, rows_in))
    )
    begin = strip.start - strip.first
    parts.append(made[begin * rows_out : (begin + strip.end - strip.start) * rows_out])
  return np.concatenate(parts)


def _strips(rows: int, reach: int) -> Iterator[_Strip]:
  for start in range(0, rows, ROWS):
    end = min(start + ROWS, rows)
    yield _Strip(start, end, max(start - reach, 0), min(end + reach, rows))


def analyse(
  g_a: Callable[[np.ndarray], tf.Tensor], image: np.ndarray, block: int, reach: int
) -> np.ndarray:
  """Transforms an image, extended to whole blocks by its edges, in strips.

  Args:
    g_a: float32 [1, H, W, 3] in 0..1 -> [1, H / block, W / block, N].
    image: uint8 [H, W, 3].
    block: pixels along a side of what a place of the latent stands for.
    reach: as that of `in_strips`.

  Returns: float32 [ceil(H / block), ceil(W / block), N].
  """
  missing = [(0, -side % block) for side in image.shape[:2]]
  x = np.pad(image, [*missing, (0, 0)], mode="edge")

  def transform(part: np.ndarray) -> np.ndarray:
    return g_a((part / _PEAK)[np.newaxis])[0].numpy()

  return in_strips(transform, [x], [block], 1, reach)


def synthesise(
  g_s: Callable[..., tf.Tensor], latents: Sequence[np.ndarray], block: int, reach: int
) -> np.ndarray:
  """Makes pixels of latents of one size, in strips.

  Args:
    g_s: of each of them, float32 [1, h, w, n] -> [1, h * block, w * block, 3], pixels in 0..1.
    latents: float32 [h, w, n] each.
    block, reach: as those of `analyse`.

  Returns: uint8 [h * block, w * block, 3].
  """

  def transform(*parts: np.ndarray) -> np.ndarray:
    pixels = g_s(*(part[np.newaxis] for part in parts))[0].numpy() * _PEAK
    return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)

  return in_strips(transform, latents, [1] * len(latents), block, reach)
