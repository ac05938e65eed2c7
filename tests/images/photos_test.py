"""Claims about files of photos: paths, formats, limits, damage, threads, and PNG written."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin, features

from compression.common.errors import ImageError, OutputError
from compression.images import photos as images
from compression.images.photos import check_image, encode_png, plain_file, read_photo, write_png
from tests.images.examples import (
  PHOTO,
  nothing_printed,  # noqa: F401  a fixture that all tests here use
  png,
  refusal,
  saved,
)

# Intact files


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


@contextlib.contextmanager
def not_root():
  """Root may read all; meanwhile it is somebody else."""
  user = os.geteuid()
  if user == 0:
    os.seteuid(65534)
  try:
    yield
  finally:
    os.seteuid(user)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no users as Unix has")
def test_no_permission(tmp_path):
  path = tmp_path / "photo.png"
  path.write_bytes(saved(PHOTO).getvalue())
  path.chmod(0)
  with not_root():
    message = refusal(path)
  assert message == f"{path}: cannot be read: Permission denied"


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


# For readers that know less


def test_plain_files_are_passed_on_as_they_are():
  for kind in ("PNG", "JPEG"):
    content = saved(PHOTO, kind).getvalue()
    assert plain_file(io.BytesIO(content), "X") == (content, ())


def test_what_is_not_plain_becomes_a_png_of_the_same_pixels():
  exif = Image.Exif()
  exif[0x0112] = 6
  for file in (
    saved(PHOTO, "JPEG", exif=exif),
    saved(PHOTO, "TIFF"),
    saved(PHOTO, transparency=tuple(PHOTO[0, 0].tolist())),
    saved(PHOTO.astype(np.uint16)[..., 0] * 256),
  ):
    content, notes = plain_file(file, "X")
    expected = read_photo(file)
    assert notes == expected.notes
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), expected.image)
  with pytest.raises(ImageError, match="^X: not an image"):
    plain_file(io.BytesIO(b"text"), "X")


def test_of_many_files_those_that_are_photos_are_read(tmp_path):
  (tmp_path / "text").write_text("no photo")
  (tmp_path / "photo").write_bytes(saved(PHOTO).getvalue())
  names = [str(tmp_path / name) for name in ("gone", "photo", "text")]
  said = []
  (found,) = images.read_photos(names, said.append)
  assert found[0] == names[1] and (found[1].image == PHOTO).all()
  assert [line.split(": ", 1)[1] for line in said] == [
    "no such file; left out",
    "not an image that can be read; left out",
  ]
  for bad, message in ((names[:1], "no such file$"), (names[::2], "no such file; and 1 more$")):
    with pytest.raises(ImageError, match=message):
      list(images.read_photos(bad, said.append))


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
  code = "import sys, compression.images.photos; sys.exit('tensorflow' in sys.modules)"
  root = pathlib.Path(images.__file__).parents[2]
  assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
