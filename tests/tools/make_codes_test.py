"""Claims about the command line `tools/make_codes.py`."""

from __future__ import annotations

import functools
import itertools
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from compression.codecs.recurrent import codec as recurrent
from compression.datasets.codes import read_codes
from compression.images.photos import read_photo
from tests import programs

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = "tools/make_codes.py"

run = functools.partial(programs.call, PROGRAM)


def names(folder):
  return sorted(os.listdir(folder))


@pytest.fixture
def folder(tmp_path, photo):
  """Two photos, one of them a single block."""
  Image.fromarray(photo[100:140, 200:270]).save(tmp_path / "b.png")
  Image.fromarray(photo[200:207, 90:106]).convert("L").save(tmp_path / "a.jpg")
  return tmp_path


def test_each_photo_becomes_a_code_and_what_is_no_photo_is_left_out(folder):
  (folder / "a_text.txt").write_text("not a photo")
  (folder / "c.png").write_bytes((folder / "b.png").read_bytes()[:1000])
  (folder / "d").mkdir()
  status, out, err = run(folder, "--images=*", "--output=codes.tfrecord.gz")
  assert status == 0
  assert err.splitlines() == [
    "warning: a_text.txt: not an image that can be read; left out",
    "warning: c.png: the image is cut short or damaged; left out",
    "warning: d: is a directory; left out",
  ]
  size = (folder / "codes.tfrecord.gz").stat().st_size
  assert out == f"codes.tfrecord.gz: 2 codes, 16 blocks of 512 bits, {size} bytes\n"
  codec = recurrent.load()
  codes = read_codes(str(folder / "codes.tfrecord.gz"))
  assert [code.shape for code in codes] == [(1, 1, 512), (3, 5, 512)]
  for name, code in zip(("a.jpg", "b.png"), codes):
    bits = codec.encode(read_photo(folder / name).image)
    layers = code.unpack().reshape(*code.shape[:2], 16, 32)
    for t, layer in enumerate(bits):
      np.testing.assert_array_equal(layers[:, :, t], np.where(layer, 1, -1))


def test_fewer_iterations_and_a_plain_file(folder):
  status, out, err = run(
    folder, "--images=b.png", "--output=codes", "--iterations=3", "--model=mobile"
  )
  assert (status, err) == (0, "")
  size = (folder / "codes").stat().st_size
  assert size > 4 * 15 * 96  # a float a bit
  assert out == f"codes: 1 codes, 15 blocks of 96 bits, {size} bytes\n"
  whole = recurrent.load("mobile").encode(read_photo(folder / "b.png").image, 3)
  code = read_codes(str(folder / "codes"))[0].unpack()
  np.testing.assert_array_equal(code[:, :, 64:], np.where(whole[2], 1, -1))


def test_a_line_tells_of_a_hundred_files_where_nothing_is_installed(folder):
  for number in range(100):
    (folder / f"empty{number}.png").touch()
  environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
  environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # a program must be quiet by itself
  flags = ("--images=*.png", "--output=codes.gz", "--iterations=1", "--model=mobile")
  command = [sys.executable, str(ROOT / PROGRAM), *flags]
  done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
  status, out, err = done.returncode, done.stdout, done.stderr
  assert status == 0 and len(err.splitlines()) == 100
  assert out.startswith("100 of 101 files\ncodes.gz: 1 codes, ")


def test_nothing_is_left_where_there_is_no_photo(tmp_path):
  (tmp_path / "text.jpg").write_text("not a photo")
  status, out, err = run(tmp_path, "--images=*.jpg", "--output=codes.gz")
  assert (status, out) == (1, "")
  assert err.splitlines() == [
    "warning: text.jpg: not an image that can be read; left out",
    "error: *.jpg: none of 1 files is an image that can be read",
  ]
  assert names(tmp_path) == ["text.jpg"]


@pytest.mark.parametrize(
  "arguments, status, complaint",
  [
    (["--output=c"], 2, "--images is missing"),
    (["--images=*"], 2, "--output is missing"),
    (["--images=*", "--output=c", "more"], 2, "more: unexpected argument"),
    (["--images=*", "--output=c", "--iterations=17"], 2, "--iterations=17"),
    (["--images=*.gif", "--output=c"], 1, "*.gif: matches no file"),
    (["--images=*", "--output=gone/c"], 1, "there is no folder gone"),
    (["--images=*", "--output=b.png"], 1, "b.png: exists already; --overwrite replaces it"),
    (["--images=*", "--output=c", "--model=nope"], 1, "nope: no such model"),
  ],
)
def test_what_is_wrong_is_one_line(folder, arguments, status, complaint):
  programs.refuses(PROGRAM, folder, complaint, *arguments, status=status)


class CornersOfBlocks:
  """Stands for a codec: the bits of a block are those of the pixel in its corner."""

  def encode(self, image, iterations):
    assert iterations == 1
    corners = np.unpackbits(image[::16, ::16], axis=-1).astype(bool)
    return np.pad(corners, [(0, 0), (0, 0), (0, 32 - corners.shape[-1])])[np.newaxis]


def test_variants_are_mirrored_and_lie_elsewhere(folder, monkeypatch):
  monkeypatch.setattr(recurrent, "load", lambda name, precision: CornersOfBlocks())
  flags = ["--images=b.png", "--iterations=1", "--variants=3"]
  status, out, err = run(folder, *flags, "--output=codes")
  assert (status, err) == (0, "")
  assert out.startswith("codes: 3 codes, ")
  codes = [code.unpack() for code in read_codes(str(folder / "codes"))]
  photo = read_photo(folder / "b.png").image

  def encoded(image):
    return np.where(CornersOfBlocks().encode(image, 1)[0], 1, -1)

  np.testing.assert_array_equal(codes[0], encoded(photo))
  # 40 x 70 pixels: at least 25 x 55 are left, that is 1 or 2 by 3 or 4 whole blocks.
  for code, image in ((codes[1], photo[:, ::-1]), (codes[2], photo)):
    fitting = []
    for top, left in itertools.product(range(1, 16), repeat=2):
      height, width = (side // 16 * 16 for side in image[top:, left:].shape[:2])
      fitting.append(np.array_equal(encoded(image[top:, left:][:height, :width]), code))
    assert sum(fitting) == 1
  run(folder, *flags, "--output=again")
  assert (folder / "again").read_bytes() == (folder / "codes").read_bytes()
