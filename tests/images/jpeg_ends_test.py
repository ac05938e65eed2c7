"""A JPEG file that lacks its end marker is read; one that lacks pixels never is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from compression.images.photos import read_photo
from tests.images.examples import (
  PHOTO,
  nothing_printed,  # noqa: F401  a fixture that all tests here use
  refusal,
  saved,
)

NO_END = "its end is missing, behind all pixels"
CUT = "X: the image is cut short or damaged"
SMALL = np.ascontiguousarray(PHOTO[40:72, 60:107])

KINDS = {
  "baseline": (SMALL, {}),
  "optimised": (SMALL, {"optimize": True, "quality": 95}),
  "progressive": (SMALL, {"progressive": True}),
  "grey": (SMALL[..., 0], {}),
  "restarts": (SMALL, {"restart_marker_blocks": 1}),
  "flat": (np.full((40, 40, 3), 90, np.uint8), {"quality": 30}),
}


def encoded(kind: str) -> bytes:
  image, options = KINDS[kind]
  return saved(image, "JPEG", **options).getvalue()


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("cut", [1, 2])
def test_all_pixels_without_the_end_are_read_with_a_note(kind, cut):
  content = encoded(kind)
  photo = read_photo(io.BytesIO(content[:-cut]))
  expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
  np.testing.assert_array_equal(photo.image, expected)
  assert photo.notes == (NO_END,)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_whatever_is_cut_off_pixels_are_never_made_up(kind):
  content = encoded(kind)
  whole = read_photo(io.BytesIO(content)).image
  refused = 0
  for length in range(len(content) - 60, len(content) - 2):
    try:
      photo = read_photo(io.BytesIO(content[:length]), name="X")
    except Exception as error:  # noqa: BLE001
      assert str(error).startswith("X: ")
      refused += 1
    else:  # a byte may have held nothing but the bits that fill it up
      np.testing.assert_array_equal(photo.image, whole)
  assert refused >= 55


def test_a_progressive_file_that_ends_between_two_scans_is_cut_short():
  content = encoded("progressive")
  starts = [k for k in range(len(content) - 1) if content[k : k + 2] == b"\xff\xda"]
  assert len(starts) > 3
  for place in starts[1:]:
    cuts = [place, content.rindex(b"\xff\xc4", 0, place)]  # before its tables as well
    for cut in cuts:
      assert refusal(io.BytesIO(content[:cut]), name="X") == CUT


def test_what_stands_behind_the_marker_does_not_matter():
  content = encoded("baseline")
  for extra in (b"\n", bytes(100), b"\xff" * 9):
    assert read_photo(io.BytesIO(content + extra)).notes == ()
