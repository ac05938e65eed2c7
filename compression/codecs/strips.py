"""Images of any size through convolutions: strip by strip, which overlap as far as those reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

ROWS = 32
"""Of the latent in a strip: 512 of pixels, with blocks of 16."""


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
