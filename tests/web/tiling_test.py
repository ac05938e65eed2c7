"""web/tiling.js: the tiles are Python's; windows keep each block once, and see what they must."""

from __future__ import annotations

from typing import Any

import numpy as np

from compression.codecs.recurrent.tiling import Tiling, tiles
from tests.web import node

pytestmark = node.needs_node


def _slices(rectangle: dict[str, int]) -> tuple[slice, slice]:
  return (
    slice(rectangle["top"], rectangle["bottom"]),
    slice(rectangle["left"], rectangle["right"]),
  )


def test_tiles_are_those_of_python() -> None:
  tasks = [
    (1, 1, 0, 0),
    (3, 5, 0, 0),
    (20, 7, 6, 2),
    (12, 12, 6, 5),
    (250, 375, 68, 4),
    (5, 9, 40, 4),
  ]
  found = node.run(
    'const {tiles} = await load("tiling.js"); answer(value.map((task) => tiles(...task)));', tasks
  )
  for (high, wide, side, halo), parts in zip(tasks, found):
    expected = list(tiles(high, wide, Tiling(side, halo)))
    assert len(parts) == len(expected)
    for part, tile in zip(parts, expected):
      assert (_slices(part["inner"]), _slices(part["outer"])) == (tile.blocks, tile.outer)


def _windows(tasks: list[list[int | None]]) -> list[Any]:
  return node.run(
    """
    const {windows, windowSize, MAX_WINDOW} = await load("tiling.js");
    answer(value.map(([high, wide, reach, workers]) => {
      const size = windowSize(high, wide, reach, workers);
      return {most: MAX_WINDOW, parts: windows(high, wide, size, reach)};
    }));
    """,
    tasks,
  )


def test_windows_keep_each_block_once_and_see_reach_more() -> None:
  rng = np.random.default_rng(5)
  tasks = [[32, 48, 3, workers] for workers in (1, 2, 3, 4)]
  tasks += [[1, 1, 3, 4], [1, 500, 3, 4], [76, 76, 3, 2], [200, 9, 0, 3], [300, 400, 5, 4]]
  tasks += [[*rng.integers(1, 90, 2).tolist(), *rng.integers(1, 5, 2).tolist()] for _ in range(40)]
  for (high, wide, reach, workers), found in zip(tasks, _windows(tasks)):
    kept = np.zeros([high, wide], int)
    sizes = set()
    for part in found["parts"]:
      inner, outer = _slices(part["inner"]), _slices(part["outer"])
      kept[inner] += 1
      for own, seen, side in zip(inner, outer, (high, wide)):
        assert seen.start == 0 or seen.start <= own.start - reach
        assert seen.stop == side or seen.stop >= own.stop + reach
        assert 0 <= seen.start <= own.start < own.stop <= seen.stop <= side
      sizes.add(tuple(seen.stop - seen.start for seen in outer))
    assert (kept == 1).all()
    ((rows, columns),) = sizes  # one size, so that the network is made ready once
    assert rows * columns <= found["most"]
    if high * wide > 1000:
      assert len(found["parts"]) >= workers


def test_what_may_not_be_cut_is_one_window() -> None:
  (found,) = _windows([[300, 400, None, 4]])
  assert len(found["parts"]) == 1
