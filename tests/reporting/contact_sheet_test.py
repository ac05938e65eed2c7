"""The contact sheet shows every version at its place, whatever the size of the photo."""

from __future__ import annotations

import numpy as np
import pytest

from compression.reporting.contact_sheet import Row, Version, draw


def _version(height: int, width: int, colour: tuple[int, int, int]) -> Version:
  return Version(np.full([height, width, 3], colour, np.uint8), 100, 30.0, 0.9)


@pytest.mark.parametrize("height,width", [(1, 1), (40, 600), (900, 50), (300, 451)])
def test_every_version_is_there(height: int, width: int) -> None:
  rows = [
    Row(1, _version(height, width, (200, 0, 0)), _version(height, width, (0, 200, 0))),
    Row(16, _version(height, width, (0, 0, 200)), _version(height, width, (200, 200, 0))),
  ]
  original = np.full([height, width, 3], 100, np.uint8)
  sheet = draw(original, rows)
  assert sheet.dtype == np.uint8 and sheet.shape[2] == 3
  red, green, blue = np.moveaxis(sheet.astype(np.uint32), -1, 0)
  colours = set(np.unique(red << 16 | green << 8 | blue).tolist())
  for row in rows:
    for version in (row.ours, row.jpeg):
      assert int.from_bytes(version.image[0, 0].tobytes(), "big") in colours
  # original - reconstruction of the first row, twice, around grey: (100 - 200) * 2 + 128 < 0 ...
  assert 0x00FFFF in colours
