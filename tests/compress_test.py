"""The program that compresses: its files, its one line for each, and what it refuses."""

from __future__ import annotations

import functools
import pathlib
import re

import numpy as np
from PIL import Image

import compression
from compression.codecs.recurrent.config import DEFAULT_ITERATIONS
from compression.formats import rnic
from compression.metrics import ms_ssim, psnr
from tests import programs

PIXELS = 213 * 165

_compress = functools.partial(programs.run, "compression.compress")
_fails = functools.partial(programs.fails, "compression.compress")


def _files(folder: pathlib.Path) -> set[str]:
  return {file.name for file in folder.iterdir()}


def test_the_file_is_that_of_the_api_and_one_line_says_what_it_cost(
  photo_folder: pathlib.Path, odd_photo: np.ndarray
) -> None:
  status, out, err = _compress(photo_folder, "photo.png", "--iterations=6")
  assert (status, err) == (0, "")
  data = (photo_folder / "photo.rnic").read_bytes()
  assert data == compression.load().compress(odd_photo, 6)
  bpp = 8 * len(data) / PIXELS
  start = "photo.png -> photo.rnic: 213x165 pixels, 6 iterations, "
  assert out.startswith(f"{start}{len(data)} bytes, {bpp:.3f} bpp, {24 / bpp:.1f}:1, ")
  assert re.fullmatch(r"\d+\.\d\d s\n", out.rpartition(", ")[2])


def test_what_was_done_to_the_photo_and_to_the_target_is_noted(
  photo_folder: pathlib.Path, odd_photo: np.ndarray
) -> None:
  Image.fromarray(odd_photo).convert("RGBA").resize((33, 17)).save(photo_folder / "small.png")
  with Image.open(photo_folder / "small.png") as small:
    small.putalpha(100)
    small.save(photo_folder / "small.png")
  flags = ["--model=mobile", "--entropy_coder=none", "--target_bytes=50"]
  status, out, err = _compress(photo_folder, "small.png", *flags)
  assert (status, err) == (0, "")
  contents = rnic.read((photo_folder / "small.rnic").read_bytes())
  assert (contents.header.entropy_coder, contents.header.layers) == (0, 1)
  assert "33x17 pixels, 1 iterations, 62 bytes, " in out  # 32, and 6 + 2 x 3 blocks of 4
  notes = "transparency composited on white; one iteration takes 62 bytes, more than the target"
  assert out.endswith(f" s ({notes})\n")


def test_many_files_go_on_after_a_bad_one(photo_folder: pathlib.Path) -> None:
  (photo_folder / "photo.png").rename(photo_folder / "c.png")
  Image.open(photo_folder / "c.png").convert("L").save(photo_folder / "a.jpg")
  (photo_folder / "b.png").write_bytes((photo_folder / "c.png").read_bytes()[:5000])
  status, out, err = _compress(photo_folder, "*.png", "a.jpg", "gone.png", "--iterations=1")
  assert status == 1
  assert _files(photo_folder) == {"a.jpg", "a.rnic", "b.png", "c.png", "c.rnic"}
  assert len(out.splitlines()) == 2
  errors = err.splitlines()
  assert len(errors) == 2
  assert "b.png: the image is cut short" in errors[0] and "gone.png: no such file" in errors[1]


def test_targets_are_reached_and_sizes_are_the_largest_below_them(
  photo_folder: pathlib.Path, odd_photo: np.ndarray
) -> None:
  def compress(flag: str) -> bytes:
    flags = ("photo.png", flag, "--output=-")
    status, data, err = programs.pipe("compression.compress", photo_folder, b"", *flags)
    assert status == 0 and len(err.splitlines()) == 1 and "target" not in err, err
    return data

  codec = compression.load()
  assert 0.4 < 8 * len(compress("--target_bpp=0.5")) / PIXELS <= 0.5
  assert 1000 < len(compress("--target_bytes=2000")) <= 2000
  assert float(psnr(odd_photo, codec.decompress(compress("--target_psnr=26")))) >= 26
  assert float(ms_ssim(odd_photo, codec.decompress(compress("--target_ms_ssim=0.95")))) >= 0.95


def test_nothing_is_overwritten_unless_asked(photo_folder: pathlib.Path) -> None:
  target = photo_folder / "photo.rnic"
  target.write_bytes(b"precious")
  _fails(photo_folder, "error: photo.rnic: exists already; --overwrite replaces it", "photo.png")
  status, _, err = _compress(photo_folder, "photo.png", "--overwrite", "--entropy_coder=none")
  assert (status, err) == (0, "")
  assert rnic.read(target.read_bytes()).header.layers == DEFAULT_ITERATIONS
  assert _files(photo_folder) == {"photo.png", "photo.rnic"}


def test_wrong_usage_is_one_line_and_status_2(photo_folder: pathlib.Path) -> None:
  usage = functools.partial(_fails, photo_folder, status=2)
  usage("no file was named")
  usage("--iterations=17", "photo.png", "--iterations=17")
  usage("--iterations=many", "photo.png", "--iterations=many")
  usage("--target_ms_ssim=1.5", "photo.png", "--target_ms_ssim=1.5")
  usage("--entropy_coder=zip", "photo.png", "--entropy_coder=zip")
  usage("quality", "photo.png", "--quality=3")
  both = ["--iterations=3", "--target_bpp=1"]
  usage("--iterations and --target_bpp exclude each other", "photo.png", *both)
  usage("--output is for one input, 2 were named", "photo.png", "photo.png", "--output=x")
  both = ["--output=x", "--output_dir=y"]
  usage("--output and --output_dir exclude each other", "photo.png", *both)


def test_bad_input_is_one_line_and_status_1(photo_folder: pathlib.Path) -> None:
  (photo_folder / "text.jpg").write_text("not a photo")
  _fails(photo_folder, "nope: no such model or folder; released m", "photo.png", "--model=nope")
  _fails(photo_folder, ".: is a folder without config.json", "photo.png", "--model=.")
  _fails(photo_folder, "text.jpg/x: cannot be made", "photo.png", "--output_dir=text.jpg/x")
  _fails(photo_folder, "would be the output of both", "photo.png", "photo.png")
  _fails(photo_folder, "nothing*.png: matches no file", "nothing*.png")
  _fails(photo_folder, "error: text.jpg: not an image", "text.jpg")
  _fails(photo_folder, "there is no folder gone", "photo.png", "--output=gone/x.rnic")
