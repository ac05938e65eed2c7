"""Colours are what the numbers of a file say; what is sRGB is left alone. Seen in `read_photo`."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import ImageCms

from compression.images import icc
from compression.images.photos import read_photo
from tests.images.examples import (
  PHOTO,
  nothing_printed,  # noqa: F401  a fixture that all tests here use
  png,
  saved,
)

LINEAR = icc.profile(icc.SRGB, icc.Curve(1.0))
ADOBE = icc.Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))


def titled(profile: bytes, title: str) -> bytes:
  """The profile with a title: another tag at its end."""
  text = title.encode("utf-16-be")
  tag = struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", len(text), 28) + text
  tag += bytes(-len(tag) % 4)
  (count,) = struct.unpack_from(">I", profile, 128)
  table = bytearray(profile[132 : 132 + 12 * count])
  for k in range(count):
    (place,) = struct.unpack_from(">I", table, 12 * k + 4)
    struct.pack_into(">I", table, 12 * k + 4, place + 12)
  table += struct.pack(">4sII", b"desc", len(profile) + 12, len(tag))
  whole = struct.pack(">I", count + 1) + bytes(table) + profile[132 + 12 * count :] + tag
  return struct.pack(">I", 128 + len(whole)) + profile[4:128] + whole


def pixels(colours: list[tuple[int, ...]], *chunks: bytes):
  row = b"\0" + np.array(colours, np.uint8).tobytes()
  return read_photo(png(len(colours), 1, 8, 2 if len(colours[0]) == 3 else 0, row, *chunks))


@pytest.mark.parametrize("title", ["Linear sRGB (gamma 1.0)", "anything"])
def test_linear_light_is_converted_whatever_its_title(title):
  photo = read_photo(saved(np.full((2, 2, 3), 128, np.uint8), icc_profile=titled(LINEAR, title)))
  assert (photo.image == 188).all()
  assert photo.notes == (f"converted from its colour profile ({title}) to sRGB",)


def test_what_is_srgb_is_left_alone_whatever_its_title():
  profile = titled(icc.profile(icc.SRGB, icc.SRGB_CURVE), "Photo Pro")
  for image in (PHOTO, PHOTO[..., 0]):
    photo = read_photo(saved(image, icc_profile=profile))
    np.testing.assert_array_equal(photo.image[..., 0], PHOTO[..., 0])
    assert photo.notes == ()


def test_gamma_alone_is_converted():
  photo = pixels([(128,), (55,)], b"gAMA" + struct.pack(">I", 100000))
  np.testing.assert_array_equal(photo.image[0, :, 0], [188, 128])
  assert photo.notes == ("converted from what its gAMA chunk says to sRGB",)


CHRM = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
WIDE = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)


def test_primaries_are_converted():
  photo = pixels([(90, 200, 90)], b"gAMA" + struct.pack(">I", 45455), b"cHRM" + WIDE)
  assert np.abs(photo.image[0, 0].astype(int) - [0, 201, 80]).max() <= 4
  assert photo.notes == ("converted from what its gAMA and cHRM chunks say to sRGB",)


@pytest.mark.parametrize(
  "chunks",
  [
    [b"gAMA" + struct.pack(">I", 45455)],
    [b"gAMA" + struct.pack(">I", 45455), b"cHRM" + CHRM],
    [b"cHRM" + CHRM],
    [b"sRGB\0", b"gAMA" + struct.pack(">I", 100000), b"cHRM" + WIDE],
    [b"cICP" + bytes([1, 13, 0, 1]), b"gAMA" + struct.pack(">I", 100000)],
  ],
)
def test_numbers_of_srgb_change_nothing(chunks):
  photo = pixels([(90, 200, 90), (3, 20, 250)], *chunks)
  np.testing.assert_array_equal(photo.image[0], [(90, 200, 90), (3, 20, 250)])
  assert photo.notes == ()


def test_code_points_come_before_all_else():
  linear = b"cICP" + bytes([1, 8, 0, 1])
  photo = pixels([(128, 128, 128)], linear, b"sRGB\0")
  assert (photo.image == 188).all()
  assert photo.notes == ("converted from what its cICP chunk says to sRGB",)
  photo = pixels([(200, 40, 40)], b"cICP" + bytes([12, 13, 0, 1]))  # Display P3
  assert photo.image[0, 0, 0] > 212 and photo.image[0, 0, 1] < 30


@pytest.mark.parametrize(
  "content", [[9, 16, 0, 1], [9, 18, 0, 1], [1, 13, 1, 1], [1, 13, 0, 0], []]
)
def test_code_points_that_are_not_known_are_noted_and_what_follows_them_counts(content):
  unknown = "its cICP chunk tells of colours that are not known here, and is ignored"
  photo = pixels([(128, 128, 128)], b"cICP" + bytes(content))
  assert (photo.image == 128).all() and photo.notes == (unknown,)
  photo = pixels([(128,) * 3], b"cICP" + bytes(content), b"gAMA" + struct.pack(">I", 100000))
  assert (photo.image == 188).all() and len(photo.notes) == 2


@pytest.mark.parametrize(
  "chunk", [b"gAMA" + bytes(4), b"gAMA\1", b"cHRM" + bytes(32), b"gAMA\xff\xff\xff\xff"]
)
def test_numbers_without_sense_are_noted(chunk):
  photo = pixels([(128, 128, 128)], chunk)
  assert (photo.image == 128).all()
  assert photo.notes == ("its gAMA or cHRM chunk makes no sense and is ignored",)


def test_cameras_say_adobe_rgb_in_exif():
  exif = b"Exif\0\0II*\0" + struct.pack("<I", 8)  # three folders of one entry each
  exif += struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0)
  exif += struct.pack("<HHHIII", 1, 0xA005, 4, 1, 44, 0)
  exif += struct.pack("<HHHI4sI", 1, 1, 2, 4, b"R03\0", 0)
  image = np.full((16, 16, 3), (90, 200, 90), np.uint8)
  photo = read_photo(saved(image, "JPEG", quality=95, subsampling=0, exif=exif))
  assert np.abs(photo.image[8, 8].astype(int) - [0, 201, 80]).max() <= 5
  assert photo.notes == ("converted from Adobe RGB (its EXIF data) to sRGB",)
  srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
  photo = read_photo(saved(image, "JPEG", quality=95, subsampling=0, exif=exif, icc_profile=srgb))
  assert photo.notes == ()  # a profile knows better


def test_transparent_photos_are_converted_as_well():
  rgba = np.full((4, 4, 4), (128, 128, 128, 255), np.uint8)
  rgba[0, 0, 3] = 0
  photo = read_photo(saved(rgba, icc_profile=LINEAR))
  assert (photo.image[0, 0] == 255).all() and (photo.image[1:] == 188).all()
  assert len(photo.notes) == 2
