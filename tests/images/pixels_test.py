"""Claims about the pixels of photos: all kinds that Pillow opens, seen through `read_photo`."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin, features
from skimage import data

from compression.images import pixels
from compression.images.photos import read_photo
from tests.images.examples import (
  PHOTO,
  nothing_printed,  # noqa: F401  a fixture that all tests here use
  png,
  saved,
)

ROTATED = "rotated as its EXIF data says"
ON_WHITE = "transparency composited on white"
SIXTEEN = "16 bits a channel reduced to 8"
RAMP_16 = np.arange(65536, dtype=np.uint16).reshape(256, 256)


# Shallow pixels


def test_grey_becomes_three_equal_channels():
  grey = data.camera()[:64, :96]
  photo = read_photo(saved(grey))
  np.testing.assert_array_equal(photo.image, np.repeat(grey[..., None], 3, axis=2))
  assert photo.notes == ()


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
def test_one_bit(format):
  bits = np.eye(16, dtype=bool)
  photo = read_photo(saved(Image.fromarray(bits), format))
  np.testing.assert_array_equal(photo.image[..., 1], bits * np.uint8(255))
  assert photo.notes == ()


def test_palette():
  quantized = Image.fromarray(PHOTO).quantize(32)
  photo = read_photo(saved(quantized))
  np.testing.assert_array_equal(photo.image, np.asarray(quantized.convert("RGB")))
  assert photo.notes == ()


@pytest.mark.parametrize(
  "mode, format",
  [("1", "PNG"), ("L", "PNG"), ("P", "PNG"), ("RGB", "BMP"), ("RGBA", "PNG"), ("CMYK", "TIFF")],
)
@pytest.mark.parametrize("pixels_of_a_strip", [1, 160 * 7, 160 * 123])
def test_a_photo_in_strips_is_the_same(mode, format, pixels_of_a_strip, monkeypatch):
  image = Image.fromarray(PHOTO)
  if mode == "RGBA":
    image.putalpha(image.getchannel("R"))
  file = saved(image.convert(mode), format)
  whole = read_photo(file)
  monkeypatch.setattr(pixels, "_STRIP_PIXELS", pixels_of_a_strip)
  strips = read_photo(file)
  np.testing.assert_array_equal(strips.image, whole.image)
  assert strips.notes == whole.notes and strips.image.flags.writeable


@pytest.mark.parametrize("element", [False, True])
@pytest.mark.parametrize("format", ["JPEG", "WEBP", "TIFF"])
def test_an_orientation_of_xmp_data_counts_where_exif_data_tell_none(format, element):
  told = "<tiff:Orientation>6</tiff:Orientation>" if element else '<x tiff:Orientation="6"/>'
  turned = np.rot90(PHOTO, -1)
  for exif, upright in ((None, turned), (1, PHOTO), (3, PHOTO[::-1, ::-1])):
    data = Image.Exif()
    if exif is not None:
      data[0x0112] = exif
    options = {"exif": data, "xmp": told.encode(), "quality": 100}
    if format == "TIFF":
      tags = TiffImagePlugin.ImageFileDirectory_v2()
      tags[700] = told.encode()
      if exif is not None:
        tags[0x0112] = exif
      options = {"tiffinfo": tags}
    image = read_photo(saved(PHOTO, format, **options)).image
    assert image.shape == upright.shape
    assert np.abs(image - upright.astype(int)).mean() < 8


# Transparency


def test_alpha_is_composited_on_white():
  alpha = np.zeros(PHOTO.shape[:2], np.uint8)
  alpha[:, 80:] = 255
  alpha[:10] = 128
  photo = read_photo(saved(np.dstack([PHOTO, alpha])))
  share = alpha[..., None] / 255
  expected = PHOTO * share + 255 * (1 - share)
  assert np.abs(photo.image - expected).max() <= 0.5 + 1e-9
  np.testing.assert_array_equal(photo.image[10:, 80:], PHOTO[10:, 80:])
  assert (photo.image[10:, :80] == 255).all()
  assert photo.notes == (ON_WHITE,)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_opaque_alpha_changes_nothing_and_is_not_noted(mode):
  image = Image.fromarray(PHOTO).convert(mode)
  photo = read_photo(saved(image))
  np.testing.assert_array_equal(photo.image, np.asarray(image.convert("RGB")))
  assert photo.notes == ()


def test_grey_with_alpha():
  image = np.zeros((4, 6, 2), np.uint8)
  image[:, 3:, 1] = 255
  photo = read_photo(saved(Image.fromarray(image)))
  assert (photo.image[:, :3] == 255).all() and (photo.image[:, 3:] == 0).all()
  assert photo.notes == (ON_WHITE,)


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_palette_with_a_transparent_entry(format):
  image = Image.new("P", (8, 4), 1)
  image.putpalette([10, 20, 30, 40, 50, 60])
  image.paste(0, (0, 0, 4, 4))
  photo = read_photo(saved(image, format, transparency=0))
  assert (photo.image[:, :4] == 255).all()
  np.testing.assert_array_equal(photo.image[0, 4], [40, 50, 60])
  assert photo.notes == (ON_WHITE,)


def test_palette_with_partly_transparent_entries():
  image = Image.new("P", (8, 4), 1)
  image.putpalette([10, 20, 30, 40, 50, 60])
  photo = read_photo(saved(image, transparency=bytes([255, 51])))  # a fifth opaque
  np.testing.assert_array_equal(photo.image[0, 0], [212, 214, 216])
  assert photo.notes == (ON_WHITE,)


def test_palette_whose_transparent_entry_is_unused_is_not_noted():
  image = Image.new("P", (8, 4), 1)
  image.putpalette([10, 20, 30, 40, 50, 60])
  assert read_photo(saved(image, transparency=0)).notes == ()


def test_transparent_colours_of_rgb_and_grey():
  rgb = PHOTO.copy()
  rgb[:5] = 1, 2, 3
  photo = read_photo(saved(rgb, transparency=(1, 2, 3)))
  assert (photo.image[:5] == 255).all() and photo.notes == (ON_WHITE,)
  np.testing.assert_array_equal(photo.image[5:], rgb[5:])
  grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
  photo = read_photo(saved(grey, transparency=7))
  assert photo.image[0, 7, 0] == 255 and photo.image[0, 6, 0] == 6
  assert photo.notes == (ON_WHITE,)


def test_transparent_colour_of_16_bit_grey_is_compared_in_16_bits():
  values = np.array([[1000, 1001], [1002, 60000]], np.uint16)
  rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
  photo = read_photo(png(2, 2, 16, 0, rows, b"tRNS" + struct.pack(">H", 1001)))
  np.testing.assert_array_equal(photo.image[..., 0], [[4, 255], [4, 233]])
  assert photo.notes == (SIXTEEN, ON_WHITE)


def test_premultiplied_tiff():
  rgba = np.full((4, 4, 4), 51, np.uint8)  # alpha a fifth, colours 51 of 51: white
  content = saved(Image.fromarray(rgba), "TIFF").getvalue()
  associated, unassociated = (struct.pack("<HHIHH", 338, 3, 1, kind, 0) for kind in (1, 2))
  assert content.count(unassociated) == 1  # all that Pillow writes
  photo = read_photo(io.BytesIO(content.replace(unassociated, associated)))
  assert (photo.image == 255).all()
  assert photo.notes == (ON_WHITE,)


# Deep pixels


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(format):
  photo = read_photo(saved(Image.fromarray(RAMP_16), format))
  np.testing.assert_array_equal(photo.image[..., 2], np.rint(RAMP_16 / 257).astype(np.uint8))
  assert photo.notes == (SIXTEEN,)


def test_big_endian_16_bit_tiff():
  image = Image.frombytes("I;16B", (256, 256), RAMP_16.astype(">u2").tobytes())
  photo = read_photo(saved(image, "TIFF"))
  np.testing.assert_array_equal(photo.image[..., 0], np.rint(RAMP_16 / 257).astype(np.uint8))


def test_16_bit_pgm():
  buffer = io.BytesIO(b"P5 256 256 65535\n" + RAMP_16.astype(">u2").tobytes())
  photo = read_photo(buffer)
  np.testing.assert_array_equal(photo.image[..., 0], np.rint(RAMP_16 / 257).astype(np.uint8))
  dark = read_photo(io.BytesIO(b"P5 2 1 65535\n" + np.array([0, 200], ">u2").tobytes()))
  np.testing.assert_array_equal(dark.image[0, :, 0], [0, 1])  # not taken for an 8-bit image


@pytest.mark.parametrize("color, channels", [(2, 3), (6, 4), (4, 2)])
def test_16_bit_colour_png(color, channels):
  values = np.zeros((4, 256, channels), np.uint16)
  values[...] = (np.arange(256) * 257)[None, :, None]
  values[..., -1] = 65535 if channels != 3 else values[..., 0]
  rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
  photo = read_photo(png(256, 4, 16, color, rows))
  np.testing.assert_array_equal(photo.image, np.arange(256)[None, :, None] * np.ones((4, 1, 3)))
  assert photo.notes == (SIXTEEN,)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_transparent_value_of_shallow_grey_is_compared_before_it_is_scaled(bits):
  row = np.zeros(8, np.uint8)
  row[bits - 1 : bits] = 1  # a value 1 in the first pixel
  photo = read_photo(
    png(
      8 // bits,
      1,
      bits,
      0,
      b"\0" + np.packbits(row).tobytes(),
      b"tRNS" + struct.pack(">H", 0xFF00 | 1),
    )
  )  # only low bits count
  assert photo.image[0, :, 0].tolist() == [255] + [0] * (8 // bits - 1)
  assert photo.notes == ((ON_WHITE,))


def test_transparent_colour_of_16_bit_rgb_is_compared_in_16_bits():
  rows = b"\0" + np.array([1000, 2000, 3000, 1001, 2001, 3001], ">u2").tobytes()
  photo = read_photo(png(2, 1, 16, 2, rows, b"tRNS" + struct.pack(">HHH", 1000, 2000, 3000)))
  np.testing.assert_array_equal(photo.image[0], [[255] * 3, [3, 7, 11]])
  assert photo.notes == (SIXTEEN, ON_WHITE)


def test_transparent_colour_of_16_bit_rgb_in_a_photo_on_its_side():
  values = np.array([[[1, 2, 3], [256, 2, 3]], [[1, 2, 4], [1, 2, 3]], [[9, 9, 9]] * 2], ">u2")
  rows = b"".join(b"\0" + row.tobytes() for row in values)
  key = b"tRNS" + struct.pack(">HHH", 1, 2, 3)
  exif = b"eXIf" + turned(6).tobytes()[6:]
  photo = read_photo(png(2, 3, 16, 2, rows, key, exif))
  expected = [[0, 0, 255], [0, 255, 1]]
  np.testing.assert_array_equal(photo.image[..., 0], expected)
  assert photo.notes == (ROTATED, SIXTEEN, ON_WHITE)


def tiff(values: np.ndarray, bits: int, content: bytes, photometric: int = 1) -> io.BytesIO:
  """An uncompressed little-endian grey TIFF by hand."""
  tags = [
    (256, values.shape[1]), (257, values.shape[0]), (258, bits), (259, 1), (262, photometric),
    (273, 8), (277, 1), (278, values.shape[0]), (279, len(content)),
  ]  # fmt: skip
  directory = struct.pack("<H", len(tags))
  directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
  start = 8 + len(content)
  return io.BytesIO(b"II*\0" + struct.pack("<I", start) + content + directory + bytes(4))


def test_12_bit_tiff_uses_the_whole_range():
  values = np.array([[0, 4095, 2048, 1024]])
  packed = bytes.fromhex("000fff800400")
  photo = read_photo(tiff(values, 12, packed))
  np.testing.assert_array_equal(photo.image[0, :, 0], [0, 255, 128, 64])
  assert photo.notes == ("12 bits a channel reduced to 8",)


def test_16_bit_tiff_in_which_0_is_white():
  values = np.array([[0, 65535, 257]], np.uint16)
  photo = read_photo(tiff(values, 16, values.tobytes(), photometric=0))
  np.testing.assert_array_equal(photo.image[0, :, 0], [255, 0, 254])


@pytest.mark.parametrize(
  "values, expected",
  [
    ([0.0, 0.5, 1.0], [0, 128, 255]),
    ([0.0, 100.0, 255.0], [0, 100, 255]),
    ([0.0, 25700.0, 65535.0], [0, 100, 255]),
    ([-1.0, 0.0, 1.0], [0, 128, 255]),
    ([0.0, 0.51, 1.02], [0, 128, 255]),  # slightly over 1 is not 8-bit black
    ([np.nan, 0.0, 1.0], [0, 0, 255]),
    ([np.inf, 0.0, 1.0], [0, 0, 255]),
    ([np.nan, np.nan, np.nan], [0, 0, 0]),
    ([-7.5, -7.5, -7.5], [0, 0, 0]),
    ([-3e38, 0.0, 3e38], [0, 128, 255]),
  ],
)
def test_float_tiff(values, expected):
  photo = read_photo(saved(Image.fromarray(np.array([values], np.float32)), "TIFF"))
  np.testing.assert_array_equal(photo.image[0, :, 0], expected)
  assert len(photo.notes) == 1 and photo.notes[0].startswith("floating-point values ")


@pytest.mark.parametrize(
  "values, expected",
  [
    ([0, 100, 255], [0, 100, 255]),
    ([0, 25700, 65535], [0, 100, 255]),
    ([-(2**31), 0, 2**31 - 1], [0, 128, 255]),
    ([-100, 0, 100], [0, 128, 255]),
  ],
)
def test_32_bit_integer_tiff(values, expected):
  photo = read_photo(saved(Image.fromarray(np.array([values], np.int32)), "TIFF"))
  np.testing.assert_array_equal(photo.image[0, :, 0], expected)
  assert len(photo.notes) == 1 and photo.notes[0].startswith("integer values ")


# Colour spaces


def test_cmyk_jpeg_with_adobes_inverted_channels():
  cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # red
  photo = read_photo(saved(cmyk, "JPEG", quality=100))
  assert np.abs(photo.image[8, 8].astype(int) - [255, 0, 0]).max() <= 3
  assert photo.notes == ("converted from CMYK without a profile",)


@pytest.mark.parametrize("embedded", [False, True])
def test_lab(embedded):
  red = Image.new("RGB", (4, 4), (200, 30, 40))
  convert = ImageCms.buildTransform(
    ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
  )
  lab = ImageCms.applyTransform(red, convert)  # comes with its profile
  if not embedded:
    del lab.info["icc_profile"]
  photo = read_photo(saved(lab, "TIFF"))
  assert np.abs(photo.image[0, 0].astype(int) - [200, 30, 40]).max() <= 4
  assert len(photo.notes) == 1
  assert photo.notes[0].startswith("converted from ") and "Lab" in photo.notes[0]


def profile(other: bool = False) -> bytes:
  """An sRGB profile; or another: one with a different name, and red and blue swapped."""
  content = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
  if other:
    content = content.replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))
    content = content.replace(b"sRGB", b"test")
    content = content.replace(b"rXYZ", b"tmpX").replace(b"bXYZ", b"rXYZ").replace(b"tmpX", b"bXYZ")
  return content


def test_srgb_profile_changes_nothing():
  photo = read_photo(saved(PHOTO, icc_profile=profile()))
  np.testing.assert_array_equal(photo.image, PHOTO)
  assert photo.notes == ()


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_other_profiles_are_converted(format):
  photo = read_photo(saved(PHOTO, format, icc_profile=profile(other=True)))
  assert np.abs(photo.image.astype(int) - PHOTO[..., ::-1]).max() <= 2
  assert len(photo.notes) == 1
  assert photo.notes[0].startswith("converted from its colour profile (test")


def test_profile_and_transparency_together():
  rgba = np.dstack([PHOTO, np.full(PHOTO.shape[:2], 255, np.uint8)])
  rgba[0, 0, 3] = 0
  photo = read_photo(saved(rgba, icc_profile=profile(other=True)))
  assert np.abs(photo.image[1:].astype(int) - PHOTO[1:, :, ::-1]).max() <= 2
  assert (photo.image[0, 0] == 255).all()
  assert photo.notes[1:] == (ON_WHITE,)


def test_grey_photo_with_an_rgb_profile():
  grey = data.camera()[:40, :40]
  photo = read_photo(saved(grey, icc_profile=profile(other=True)))
  assert np.abs(photo.image.astype(int) - grey[..., None]).max() <= 2


@pytest.mark.parametrize("content", [b"no profile", b"\0" * 200])
def test_useless_profile_is_noted(content):
  photo = read_photo(saved(PHOTO, icc_profile=content))
  np.testing.assert_array_equal(photo.image, PHOTO)
  assert photo.notes == ("its colour profile cannot be used and is ignored",)


def test_profile_of_another_colour_space_is_noted():
  cmyk = Image.fromarray(PHOTO).convert("CMYK")
  photo = read_photo(saved(cmyk, "TIFF", icc_profile=profile()))
  assert photo.notes == (
    "its colour profile cannot be used and is ignored",
    "converted from CMYK without a profile",
  )


# Orientation


def turned(orientation: int) -> Image.Exif:
  exif = Image.Exif()
  exif[0x0112] = orientation
  return exif


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_undone(format, orientation):
  if format == "WEBP" and not features.check("webp"):
    pytest.skip("Pillow without WebP")
  stored = {
    1: PHOTO,
    2: PHOTO[:, ::-1],
    3: PHOTO[::-1, ::-1],
    4: PHOTO[::-1],
    5: PHOTO.transpose(1, 0, 2),
    6: np.rot90(PHOTO, 1),
    7: PHOTO[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(PHOTO, -1),
  }[orientation]
  options = {"lossless": True} if format == "WEBP" else {}
  buffer = saved(np.ascontiguousarray(stored), format, exif=turned(orientation), **options)
  photo = read_photo(buffer)
  np.testing.assert_array_equal(photo.image, PHOTO)
  assert photo.notes == (() if orientation == 1 else (ROTATED,))


def test_jpeg_orientation():
  buffer = saved(PHOTO, "JPEG", exif=turned(6))
  photo = read_photo(buffer)
  np.testing.assert_array_equal(photo.image, np.rot90(np.asarray(Image.open(buffer)), -1))
  assert photo.notes == (ROTATED,)


def test_16_bit_orientation():
  photo = read_photo(saved(Image.fromarray(RAMP_16), exif=turned(8)))
  expected = np.rot90(np.rint(RAMP_16 / 257).astype(np.uint8))
  np.testing.assert_array_equal(photo.image[..., 0], expected)
  assert photo.notes == (ROTATED, SIXTEEN)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_unknown_orientation_is_ignored(orientation):
  photo = read_photo(saved(PHOTO, exif=turned(orientation)))
  np.testing.assert_array_equal(photo.image, PHOTO)
  assert photo.notes == ()


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0", b"Exif\0\0" + b"\xff" * 50])
def test_broken_exif_does_not_spoil_a_photo(exif):
  assert read_photo(saved(PHOTO, "JPEG", exif=exif)).notes == ()
