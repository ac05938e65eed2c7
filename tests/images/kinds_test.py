"""Kinds that are not read are named, and a thumbnail is never taken for the photo."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import features

from compression.images.photos import read_photo
from tests.images.examples import (
  PHOTO,
  nothing_printed,  # noqa: F401  a fixture that all tests here use
  refusal,
  saved,
)

SUBFILE, MAKE, PHOTOMETRIC, SUB_IFDS, DNG = 254, 271, 262, 330, 50706


def page(height: int, width: int, colours: int = 3, bits: int = 8, **more: object) -> dict:
  tags = {256: width, 257: height, 258: [bits] * colours, 259: 1, 262: 2, 277: colours}
  tags.update({278: height, 279: height * width * colours * bits // 8})
  return {**tags, **{int(name[1:]): value for name, value in more.items()}}


def tiff(*pages: dict, inner: dict | None = None, order: str = "<") -> io.BytesIO:
  """Pages one after the other, all grey 77; `inner` in a SubIFD of the first."""
  out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))

  def put(data: bytes) -> int:
    out.extend(bytes(len(out) % 2) + data)
    return len(out) - len(data)

  def write(tags: dict) -> int:
    tags = {**tags, 273: put(b"\x4d" * tags[279])}
    if inner is not None and tags.get(SUB_IFDS) == "inner":
      tags[SUB_IFDS] = write(inner)
    entries = b""
    for number, value in sorted(tags.items()):
      if isinstance(value, bytes):
        entries += struct.pack(f"{order}HHII", number, 2, len(value), put(value))
        continue
      values = value if isinstance(value, list) else [value]
      data = struct.pack(f"{order}{len(values)}I", *values)
      field = data if len(data) == 4 else struct.pack(f"{order}I", put(data))
      entries += struct.pack(f"{order}HHI", number, 4, len(values)) + field
    return put(struct.pack(f"{order}H", len(tags)) + entries + bytes(4))

  link = 4
  for tags in pages:
    place = write(tags)
    struct.pack_into(f"{order}I", out, link, place)
    link = place + 2 + 12 * struct.unpack_from(f"{order}H", out, place)[0]
  return io.BytesIO(bytes(out))


SENSOR = page(96, 128, 1, 16, t262=32803, t254=0)
LINEAR = page(96, 128, 3, 16, t262=34892, t254=0)
SMALL = page(24, 32, t254=1)
LARGE = page(96, 128, t254=0)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("sensor", [SENSOR, LINEAR])
def test_raw_files_are_not_their_thumbnail(order, sensor):
  front = {**SMALL, SUB_IFDS: "inner", MAKE: b"NIKON CORPORATION\0"}
  message = refusal(tiff(front, inner=sensor, order=order), name="X")
  assert message == (
    "X: is a camera raw file (NIKON CORPORATION), which is not supported; develop it first"
  )
  assert "camera raw" in refusal(tiff(SMALL, sensor, order=order), name="X")  # one after the other
  assert "camera raw" in refusal(tiff(sensor, order=order), name="X")
  large_preview = {**front, SUBFILE: 0, 256: 500, 279: 500 * 24 * 3}
  assert "camera raw" in refusal(tiff(large_preview, inner=sensor, order=order), name="X")


def test_what_says_that_it_is_raw_is_raw():
  assert "camera raw file (DNG)" in refusal(tiff({**LARGE, DNG: 0x0401}), name="X")
  cr2 = bytearray(tiff(LARGE).getvalue())
  cr2[8:12] = b"CR\x02\0"
  assert "camera raw file (Canon CR2)" in refusal(io.BytesIO(cr2), name="X")


def test_a_thumbnail_in_front_of_a_photo_is_refused_and_one_behind_it_is_none():
  for file in (tiff({**SMALL, SUB_IFDS: "inner"}, inner=LARGE), tiff(SMALL, LARGE)):
    assert "X: begins with a thumbnail of another image" in refusal(file, name="X")
  for file in (tiff({**LARGE, SUB_IFDS: "inner"}, inner=SMALL), tiff(SMALL), tiff(LARGE)):
    assert (read_photo(file).image == 77).all()
  photo = read_photo(tiff(LARGE, SMALL))
  assert photo.image.shape == (96, 128, 3) and photo.notes == ("first frame only",)


def test_tags_that_lead_in_a_circle_end():
  content = bytearray(tiff(LARGE).getvalue())
  (place,) = struct.unpack_from("<I", content, 4)
  (count,) = struct.unpack_from("<H", content, place)
  struct.pack_into("<I", content, place + 2 + 12 * count, place)
  refusal(io.BytesIO(content[: place + 20]), name="X")
  assert (read_photo(io.BytesIO(content)).image == 77).all()


def media(*brands: bytes) -> bytes:
  body = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
  return struct.pack(">I", 4 + len(body)) + body + bytes(20)


@pytest.mark.parametrize(
  "content, message",
  [
    (media(b"heic", b"mif1", b"heic"), "HEIC is not supported"),
    (media(b"mif1", b"mif1", b"heic"), "HEIF is not supported"),
    (media(b"xxxx", b"heix"), "HEIC is not supported"),
    (media(b"crx ", b"isom"), "is a camera raw file (Canon CR3), which is not supported; develop"),
    (media(b"isom", b"mp42"), "not an image that can be read"),
    (b"FUJIFILMCCD-RAW 0201", "is a camera raw file (Fujifilm RAF)"),
    (b"IIU\0" + bytes(50), "is a camera raw file (Panasonic RW2)"),
    (b"IIRO" + bytes(50), "is a camera raw file (Olympus ORF)"),
    (b"FOVb" + bytes(50), "is a camera raw file (Sigma X3F)"),
    (b"v/1\x01" + bytes(50), "OpenEXR is not supported"),
    (b"#?RADIANCE\n" + bytes(50), "Radiance HDR is not supported"),
    (b"%PDF-1.4\n", "PDF is not supported"),
  ],
)
def test_kinds_are_named(content, message):
  assert refusal(io.BytesIO(content), name="X").startswith(f"X: {message}")


@pytest.mark.parametrize(
  "tags, message",
  [
    (page(4, 4, 3, 32, t339=[3, 3, 3]), "floating-point RGB (TIFF of 3 channels, 32 bits)"),
    (page(4, 4, 1, 64, t262=1, t339=3), "floating-point grey (TIFF of 1 channels, 64 bits)"),
    (page(4, 4, 3, 32), "integer RGB (TIFF of 3 channels, 32 bits)"),
  ],
)
def test_depths_that_are_not_read_are_named(tags, message):
  assert refusal(tiff(tags), name="X") == f"X: {message} is not supported"


def test_avif_is_read_or_named():
  if features.check("avif"):
    assert read_photo(saved(PHOTO, "AVIF")).image.shape == PHOTO.shape
  else:
    expected = "X: AVIF needs a newer version of Pillow"
    assert refusal(io.BytesIO(media(b"avif", b"mif1")), name="X") == expected
  assert np.array_equal(read_photo(saved(PHOTO, "TIFF")).image, PHOTO)
