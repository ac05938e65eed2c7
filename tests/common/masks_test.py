"""The masks, as whole grids; and those of the 2017 release, all of them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from compression.common import masks
from tests.golden import release


@pytest.fixture(params=release.SOURCES)
def golden(request):
  return release.read("masks", request.param)


def grid(text):
  """0/1 rows from a drawing such as "T T F / T F F": T is 1."""
  return np.array([[cell == "T" for cell in row.split()] for row in text.split("/")], np.float32)


@pytest.mark.parametrize(
  "size, strict, expected",
  [
    ((3, 3), True, "T T T / T F F / F F F"),
    ((3, 3), False, "T T T / T T F / F F F"),
    ((1, 3), True, "T F F"),
    ((1, 3), False, "T T F"),
    ((3, 1), True, "T / F / F"),
    ((3, 1), False, "T / T / F"),
    ((1, 1), True, "F"),
    ((1, 1), False, "T"),
    ((3, 5), True, "T T T T T / T T F F F / F F F F F"),
    ((5, 3), False, "T T T / T T T / T T F / F F F / F F F"),
    (
      (7, 7),
      True,
      "T T T T T T T / T T T T T T T / T T T T T T T / T T T F F F F"
      " / F F F F F F F / F F F F F F F / F F F F F F F",
    ),
  ],
)
def test_raster_scan(size, strict, expected):
  mask = masks.raster_scan(size, strict)
  assert mask.dtype == np.float32
  np.testing.assert_array_equal(mask, grid(expected)[:, :, np.newaxis, np.newaxis])


@pytest.mark.parametrize(
  "depth_in, depth_out, strict, expected",
  [
    (3, 3, True, "F T T / F F T / F F F"),
    (3, 3, False, "T T T / F T T / F F T"),
    (2, 4, True, "F T T T / F F T T"),
    (2, 4, False, "T T T T / F T T T"),
    (3, 2, True, "F T / F F / F F"),
    (3, 2, False, "T T / F T / F F"),
  ],
)
def test_depth_order(depth_in, depth_out, strict, expected):
  mask = masks.depth_order(depth_in, depth_out, strict)
  assert mask.dtype == np.float32
  np.testing.assert_array_equal(mask, grid(expected)[np.newaxis, np.newaxis])


@pytest.mark.parametrize(
  "depths, groups, strict, centre",
  [
    ((4, 4), (2, 2), True, "F F T T / F F T T / F F F F / F F F F"),
    ((4, 4), (2, 2), False, "T T T T / T T T T / F F T T / F F T T"),
    ((2, 4), (1, 2), True, "F F T T / F F F F"),
    ((2, 4), (1, 2), False, "T T T T / F F T T"),
    ((4, 2), (2, 1), True, "F T / F T / F F / F F"),
    ((4, 2), (2, 2), False, "T T / T T / F F / F F"),
    # Where the release fails: more groups of outputs than of inputs.
    ((2, 3), (1, 1), True, "F T T / F F T"),
    ((2, 6), (2, 2), True, "F F T T T T / F F T T T T"),
  ],
)
def test_group_raster_scan(depths, groups, strict, centre):
  mask = masks.group_raster_scan((3, 3), *depths, *groups, strict)
  assert mask.shape == (3, 3, *depths) and mask.dtype == np.float32
  np.testing.assert_array_equal(mask[1, 1], grid(centre))
  around = np.broadcast_to(masks.raster_scan((3, 3), True), mask.shape).copy()
  around[1, 1] = mask[1, 1]
  np.testing.assert_array_equal(mask, around)


@pytest.mark.parametrize("strict", [False, True])
def test_one_group_is_the_raster_scan_and_groups_of_one_are_the_depth_order(strict):
  found = masks.group_raster_scan((5, 3), 4, 6, 4, 6, strict)
  np.testing.assert_array_equal(
    found, np.broadcast_to(masks.raster_scan((5, 3), strict), found.shape)
  )
  found = masks.group_raster_scan((1, 1), 4, 6, 1, 1, strict)
  np.testing.assert_array_equal(found, masks.depth_order(4, 6, strict))


@pytest.mark.parametrize(
  "size, expected",
  [
    ((3, 3), "T T T / T F T / T T T"),
    ((1, 3), "T F T"),
    ((5, 1), "T / T / F / T / T"),
    ((3, 5), "T T T T T / T T F T T / T T T T T"),
  ],
)
def test_in_filling(size, expected):
  mask = masks.in_filling(size)
  assert mask.dtype == np.float32
  np.testing.assert_array_equal(mask, grid(expected)[:, :, np.newaxis, np.newaxis])


def test_raster_scan_and_what_comes_later_make_in_filling():
  size = (5, 7)
  before = masks.raster_scan(size, strict=True)
  np.testing.assert_array_equal(before + before[::-1, ::-1], masks.in_filling(size))


@pytest.mark.parametrize("size", [(2, 3), (3, 2), (4, 4)])
def test_kernels_without_a_centre_are_refused(size):
  for make in (
    lambda: masks.raster_scan(size, True),
    lambda: masks.group_raster_scan(size, 2, 2, 1, 1, True),
    lambda: masks.in_filling(size),
  ):
    with pytest.raises(ValueError, match="must be odd.* Received: "):
      make()


def test_in_filling_of_one_place_is_refused():
  with pytest.raises(ValueError, match="1x1"):
    masks.in_filling((1, 1))


@pytest.mark.parametrize("depths, groups", [((4, 4), (3, 2)), ((4, 4), (2, 3)), ((4, 4), (0, 1))])
def test_groups_that_do_not_divide_the_depth_are_refused(depths, groups):
  with pytest.raises(ValueError, match="multiple of its group"):
    masks.group_raster_scan((3, 3), *depths, *groups, True)


def from_name(name):
  """The mask for a name of the release's, as "group_raster_scan/3x3/in8_out4_gin2_gout2/strict"."""
  kind, sides, *rest = name.split("/")
  size = tuple(int(side) for side in sides.split("x"))
  strict = name.endswith("/strict")
  if kind == "raster_scan":
    return masks.raster_scan(size, strict)
  if kind == "in_filling":
    return masks.in_filling(size)
  depths = [int(digits) for digits in re.findall(r"\d+", rest[0])]
  if kind == "depth_order":
    return masks.depth_order(*depths, strict)
  return masks.group_raster_scan(size, *depths, strict)


def test_the_releases_masks_are_reproduced_exactly(golden):
  assert len(golden) == 25
  for name, expected in golden.items():
    mask = from_name(name)
    assert mask.ndim == 4
    np.testing.assert_array_equal(np.broadcast_to(mask, expected.shape), expected, err_msg=name)
