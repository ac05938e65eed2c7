"""Claims about reading photos: all kinds of file that Pillow can make, and ways to break them."""

from __future__ import annotations

import io
import os
import pathlib
import struct
import subprocess
import sys
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin, features
from skimage import data

from compression.datasets import images
from compression.datasets.images import check_image, encode_png, read_photo, write_png
from compression.errors import ImageError, OutputError

PHOTO = data.chelsea()[60:184, 100:260]  # 124 x 160, with a cat's face in it
ROTATED = "rotated as its EXIF data says"
ON_WHITE = "transparency composited on white"
SIXTEEN = "16 bits a channel reduced to 8"
RAMP_16 = np.arange(65536, dtype=np.uint16).reshape(256, 256)


@pytest.fixture(autouse=True)
def nothing_printed(capfd):
  """No file may make Pillow, or the C libraries under it, write to the terminal."""
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    yield
  out, err = capfd.readouterr()
  assert (out, err) == ("", "")


def saved(image: Image.Image | np.ndarray, format: str = "PNG", **options) -> io.BytesIO:
  buffer = io.BytesIO()
  if isinstance(image, np.ndarray):
    image = Image.fromarray(image)
  image.save(buffer, format, **options)
  buffer.seek(0)
  return buffer


def refusal(source, **options) -> str:
  with pytest.raises(ImageError) as caught:
    read_photo(source, **options)
  message = str(caught.value)
  assert "\n" not in message
  return message


def png(width: int, height: int, bits: int, color: int, rows: bytes, *extra: bytes) -> io.BytesIO:
  """A PNG made by hand, for what Pillow cannot write; `rows` with their filter bytes."""

  def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

  header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
  parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header)]
  parts += [chunk(each[:4], each[4:]) for each in extra]
  parts += [chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
  return io.BytesIO(b"".join(parts))


# Plain images


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM", "TGA", "WEBP"])
def test_lossless_formats_are_read_exactly(tmp_path, format):
  if format == "WEBP" and not features.check("webp"):
    pytest.skip("Pillow without WebP")
  path = tmp_path / f"photo.{format.lower()}"
  Image.fromarray(PHOTO).save(path, format, **({"lossless": True} if format == "WEBP" else {}))
  photo = read_photo(path)
  np.testing.assert_array_equal(photo.image, PHOTO)
  assert photo.image.dtype == np.uint8
  assert photo.image.flags.writeable and photo.image.flags.c_contiguous
  assert photo.notes == ()


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_read_as_pillow_decodes_it(progressive):
  buffer = saved(PHOTO, "JPEG", quality=90, progressive=progressive)
  photo = read_photo(buffer)
  np.testing.assert_array_equal(photo.image, np.asarray(Image.open(buffer)))
  assert photo.notes == ()


@pytest.mark.parametrize("path_type", [str, pathlib.Path])
def test_paths_and_file_objects_give_the_same(tmp_path, path_type):
  path = tmp_path / "photo.png"
  path.write_bytes(saved(PHOTO).getvalue())
  np.testing.assert_array_equal(read_photo(path_type(path)).image, PHOTO)
  with open(path, "rb") as file:
    file.seek(10)
    np.testing.assert_array_equal(read_photo(file).image, PHOTO)  # from its start
    assert not file.closed


@pytest.mark.parametrize("format", ["TIFF", "GIF", "PNG", "JPEG"])
def test_file_objects_stay_open(tmp_path, format):
  options = {"compression": "tiff_lzw"} if format == "TIFF" else {}
  with open(tmp_path / "photo", "w+b") as file:
    file.write(saved(PHOTO, format, **options).getvalue())
    read_photo(file)
    assert not file.closed
    file.seek(0)
    assert file.read(1)


def test_a_pipe_is_read(tmp_path):
  class Pipe(io.RawIOBase):
    def __init__(self, content):
      self.content = io.BytesIO(content)

    def readable(self):
      return True

    def readinto(self, into):
      return self.content.readinto(into)

  np.testing.assert_array_equal(read_photo(Pipe(saved(PHOTO).getvalue())).image, PHOTO)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
def test_tiny_images(size):
  image = np.full((*size, 3), 9, np.uint8)
  np.testing.assert_array_equal(read_photo(saved(image)).image, image)


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


def test_transparent_colour_of_16_bit_rgb_is_left_out():
  rows = b"\0" + np.array([1000, 2000, 3000, 1001, 2001, 3001], ">u2").tobytes()
  photo = read_photo(png(2, 1, 16, 2, rows, b"tRNS" + struct.pack(">HHH", 1000, 2000, 3000)))
  np.testing.assert_array_equal(photo.image[0], [[3, 7, 11], [3, 7, 11]])
  assert photo.notes == (SIXTEEN,)


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


# Orientation, frames


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


@pytest.mark.parametrize("format", ["GIF", "TIFF", "PNG", "WEBP"])
def test_first_of_several_frames(format):
  if format == "WEBP" and not features.check("webp"):
    pytest.skip("Pillow without WebP")
  frames = [Image.new("RGB", (20, 10), color) for color in ("red", "green", "blue")]
  options = {"lossless": True} if format == "WEBP" else {}
  photo = read_photo(saved(frames[0], format, save_all=True, append_images=frames[1:], **options))
  assert (photo.image == [255, 0, 0]).all()
  assert photo.notes == ("first frame only",)


# Refusals


def test_no_such_file(tmp_path):
  path = tmp_path / "none.png"
  assert refusal(path) == f"{path}: no such file"
  (tmp_path / "file").write_bytes(b"")
  assert refusal(tmp_path / "file" / "x.png").endswith(": no such file")
  assert refusal("a\0b").endswith("b: no such file")


def test_a_directory(tmp_path):
  assert refusal(tmp_path) == f"{tmp_path}: is a directory"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_no_permission(tmp_path):
  path = tmp_path / "photo.png"
  path.write_bytes(saved(PHOTO).getvalue())
  path.chmod(0)
  assert refusal(path) == f"{path}: cannot be read: Permission denied"


def test_a_file_that_is_open_for_writing_only(tmp_path):
  with open(tmp_path / "x.png", "wb") as file:
    assert "cannot be read" in refusal(file)


def test_empty(tmp_path):
  path = tmp_path / "empty.png"
  path.touch()
  assert refusal(path) == f"{path}: is empty"
  assert refusal(io.BytesIO(), name="upload") == "upload: is empty"


@pytest.mark.parametrize("content", [b"x", b"hello, world\n" * 100, b"\0" * 5000, b"<svg></svg>"])
def test_not_an_image(content):
  assert refusal(io.BytesIO(content), name="X") == "X: not an image that can be read"


def test_names_are_kept_on_one_line(tmp_path):
  assert refusal(tmp_path / "a\nb\x1b[31m.png").endswith("a\\nb\\x1b[31m.png: no such file")
  assert refusal(io.BytesIO(b"x"), name="a\nb") == "a\\nb: not an image that can be read"


def test_formats_that_would_run_other_programs_are_refused():
  postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
  assert refusal(io.BytesIO(postscript), name="X") == "X: not an image that can be read (EPS)"


def encodings() -> dict[str, bytes]:
  kinds = {
    "png": saved(PHOTO),
    "palette png": saved(Image.fromarray(PHOTO).quantize(64)),
    "jpeg": saved(PHOTO, "JPEG"),
    "progressive jpeg": saved(PHOTO, "JPEG", progressive=True),
    "gif": saved(Image.fromarray(PHOTO).quantize(64), "GIF"),
    "bmp": saved(PHOTO, "BMP"),
    "ppm": saved(PHOTO, "PPM"),
    "tiff": saved(PHOTO, "TIFF"),
    "lzw tiff": saved(PHOTO, "TIFF", compression="tiff_lzw"),
    "jpeg tiff": saved(PHOTO, "TIFF", compression="jpeg"),
    "deflate tiff": saved(PHOTO, "TIFF", compression="tiff_adobe_deflate"),
    "tga": saved(PHOTO, "TGA", compression="tga_rle"),
  }
  if features.check("webp"):
    kinds["webp"] = saved(PHOTO, "WEBP")
  if features.check("jpg_2000"):
    kinds["jpeg 2000"] = saved(PHOTO, "JPEG2000", irreversible=False)
  return {kind: buffer.getvalue() for kind, buffer in kinds.items()}


@pytest.mark.parametrize("kind", sorted(encodings()))
def test_cut_files_are_refused_or_whole(kind):
  content = encodings()[kind]
  whole = read_photo(io.BytesIO(content)).image
  for length in [1, 4, 20, 60] + [int(len(content) * share) for share in np.arange(0.05, 1, 0.05)]:
    try:
      photo = read_photo(io.BytesIO(content[:length]), name="X")
    except ImageError as error:
      assert str(error) in (
        "X: the image is cut short or damaged",
        "X: not an image that can be read",
      )
    else:
      np.testing.assert_array_equal(photo.image, whole, err_msg=f"{length} of {len(content)}")


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff", "lzw tiff", "bmp"])
def test_half_a_photo_is_cut_short(kind):
  if kind not in encodings():
    pytest.skip("Pillow without WebP")
  content = encodings()[kind]
  assert refusal(io.BytesIO(content[: len(content) // 2]), name="X") in (
    "X: the image is cut short or damaged",
    "X: not an image that can be read",  # where the index comes last, as in TIFF
  )


def test_a_png_with_a_wrong_checksum_is_damaged():
  content = bytearray(saved(PHOTO, compress_level=0).getvalue())
  content[len(content) // 2] ^= 1  # a pixel: the file still decodes
  assert refusal(io.BytesIO(content), name="X") == "X: the image is cut short or damaged"


@pytest.mark.parametrize("kind", sorted(encodings()))
def test_damaged_files_never_raise_anything_else(kind):
  content = bytearray(encodings()[kind])
  random = np.random.default_rng(1)
  for _ in range(40):
    damaged = bytearray(content)
    for position in random.integers(0, min(len(content), 400), 3):
      damaged[position] = random.integers(256)
    # Sizes may be what is damaged: no decoding of a gigabyte, here.
    with pytest.MonkeyPatch.context() as patch:
      patch.setattr(images, "MAX_PIXELS", 2**22)
      patch.setattr(Image, "MAX_IMAGE_PIXELS", 2**21)
      try:
        read_photo(io.BytesIO(damaged))
      except ImageError as error:
        assert "\n" not in str(error)


# Limits


def test_sides_over_the_limit_are_refused():
  message = refusal(saved(Image.new("1", (65536, 1))), name="X")
  assert message == "X: is 65536 x 1; no side may be longer than 65535"
  assert read_photo(saved(Image.new("1", (65535, 1)))).image.shape == (1, 65535, 3)


def bomb(width: int, height: int) -> io.BytesIO:
  return png(width, height, 8, 2, b"\0")


def test_decompression_bombs_are_refused_before_they_are_decoded():
  message = "X: has more than 1073741824 pixels, which is the limit"
  assert refusal(bomb(65535, 16385), name="X") == message
  assert refusal(bomb(65535, 65535), name="X") == message
  assert refusal(bomb(2**31 - 1, 2**31 - 1), name="X") == message


def test_photos_over_pillows_limit_are_read_without_changing_it():
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    np.testing.assert_array_equal(read_photo(saved(PHOTO)).image, PHOTO)
    assert Image.MAX_IMAGE_PIXELS == 1000
    with pytest.raises(Image.DecompressionBombError):
      Image.open(saved(PHOTO))
    refusal(io.BytesIO(saved(PHOTO).getvalue()[:2000]))
    assert Image.MAX_IMAGE_PIXELS == 1000
    patch.setattr(Image, "MAX_IMAGE_PIXELS", 15000)  # Pillow only warns
    np.testing.assert_array_equal(read_photo(saved(PHOTO)).image, PHOTO)


def test_the_host_program_may_have_no_limit():
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert "1073741824 pixels" in refusal(bomb(65535, 16385))
    assert Image.MAX_IMAGE_PIXELS is None


def test_threads_leave_no_trace():
  content = saved(PHOTO).getvalue()
  filters, wrong = list(warnings.filters), []

  def work():
    for _ in range(30):
      if not np.array_equal(read_photo(io.BytesIO(content)).image, PHOTO):
        wrong.append(1)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    assert Image.MAX_IMAGE_PIXELS == 1000
  assert not wrong
  assert warnings.filters == filters


def test_tiff_with_odd_tags_is_read_in_silence():
  tags = TiffImagePlugin.ImageFileDirectory_v2()
  tags[700] = b"broken <xmp"
  photo = read_photo(saved(PHOTO, "TIFF", tiffinfo=tags))
  np.testing.assert_array_equal(photo.image, PHOTO)


# Writing


def test_png_round_trip(tmp_path):
  path = tmp_path / "out.png"
  write_png(path, PHOTO)
  np.testing.assert_array_equal(read_photo(path).image, PHOTO)
  assert path.read_bytes() == encode_png(PHOTO)
  assert os.listdir(tmp_path) == ["out.png"]


def test_views_are_written(tmp_path):
  view = PHOTO[::-2, ::3, ::-1]
  np.testing.assert_array_equal(read_photo(io.BytesIO(encode_png(view))).image, view)


def test_nothing_is_overwritten_unasked(tmp_path):
  path = tmp_path / "out.png"
  path.write_bytes(b"mine")
  with pytest.raises(OutputError, match="exists already"):
    write_png(path, PHOTO)
  assert path.read_bytes() == b"mine"
  write_png(path, PHOTO, overwrite=True)
  np.testing.assert_array_equal(read_photo(path).image, PHOTO)


def test_a_bad_image_leaves_no_file(tmp_path):
  with pytest.raises(ImageError):
    write_png(tmp_path / "out.png", PHOTO.astype(np.float32))
  with pytest.raises(OutputError):
    write_png(tmp_path / "none" / "out.png", PHOTO)
  assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
  "image, received",
  [
    (PHOTO.astype(np.float32), r"shape \(124, 160, 3\), dtype float32$"),
    (PHOTO[..., 0], r"shape \(124, 160\), dtype uint8$"),
    (PHOTO[None], r"shape \(1, 124, 160, 3\), dtype uint8$"),
    (np.dstack([PHOTO, PHOTO[..., :1]]), r"shape \(124, 160, 4\), dtype uint8$"),
    (PHOTO[:0], r"shape \(0, 160, 3\), dtype uint8$"),
    (PHOTO[:, :0], r"shape \(124, 0, 3\), dtype uint8$"),
    (None, r"shape \(\), dtype object$"),
    ([[[1, 2, 3]]], r"shape \(1, 1, 3\), dtype int64$"),
    ([[1], [1, 2]], "list"),
    ("photo.png", "dtype"),
  ],
)
def test_what_is_no_image_is_refused(image, received):
  with pytest.raises(ImageError, match=f"Received: .*{received}") as caught:
    check_image(image)
  assert "\n" not in str(caught.value)


def test_images_are_not_copied():
  assert check_image(PHOTO) is PHOTO
  np.testing.assert_array_equal(check_image(Image.fromarray(PHOTO)), PHOTO)


def test_needs_no_tensorflow():
  code = "import sys, compression.datasets.images; sys.exit('tensorflow' in sys.modules)"
  root = pathlib.Path(images.__file__).parents[2]
  assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
