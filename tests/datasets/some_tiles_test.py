"""Which tiles of a batch are others: an even share, on each device, too."""

from __future__ import annotations

import numpy as np
import pytest

from compression.datasets.some_tiles import is_chosen


@pytest.mark.parametrize(
  ("batch_size", "share", "count"), [(64, 0.05, 3), (4, 0.01, 1), (4, 0, 0), (4, 1, 4), (5, 0.5, 2)]
)
def test_a_share_is_drawn_at_even_distances(batch_size: int, share: float, count: int) -> None:
  drawn = is_chosen(batch_size, share)
  assert drawn.sum() == count
  gaps = np.diff(np.flatnonzero(drawn))
  assert not gaps.size or gaps.max() - gaps.min() <= 1


def test_each_half_of_a_batch_has_its_share() -> None:
  drawn = is_chosen(64, 1 / 16)
  assert drawn[:32].sum() == drawn[32:].sum() == 2
