"""The program that compresses: its files, its one line for each, and what it refuses."""

from __future__ import annotations

import functools
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from compression.codecs import registry
from compression.codecs.recurrent.config import DEFAULT_ITERATIONS
from compression.formats import rnic
from compression.metrics import ms_ssim, psnr
from tests import programs, shared
from tests.exporting.examples import save_small_model

PIXELS = 213 * 165

MOBILE = "--model=mobile"
PLANES = f"--model={programs.ROOT}/tests/codecs/examples.py:Planes"

_compress = functools.partial(programs.call, "compression.compress")
_refuses = functools.partial(programs.refuses, "compression.compress")


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
  """Released models are loaded once."""
  shared.share_models(monkeypatch)


def _files(folder: pathlib.Path) -> set[str]:
  return {file.name for file in folder.iterdir()}


def test_the_file_is_that_of_the_api_and_one_line_says_what_it_cost(
  photo_folder: pathlib.Path, odd_photo: np.ndarray
) -> None:
  status, out, err = _compress(photo_folder, "photo.png", "--iterations=6", MOBILE)
  assert (status, err) == (0, "")
  data = (photo_folder / "photo.rnic").read_bytes()
  assert data == shared.mobile().compress(odd_photo, 6)
  bpp = 8 * len(data) / PIXELS
  start = "photo.png -> photo.rnic: 213x165 pixels, 6 iterations, "
  assert out.startswith(f"{start}{len(data)} bytes, {bpp:.3f} bpp, {24 / bpp:.1f}:1, ")
  assert re.fullmatch(r"\d+\.\d\d s\n", out.rpartition(", ")[2])


def test_any_codec_compresses(photo_folder: pathlib.Path, odd_photo: np.ndarray) -> None:
  jpeg = registry.find("jpeg420")
  for flags, file, said, data in (
    (["--model=jpeg420"], "photo.jpg", "quality 40", jpeg.compress(odd_photo, 40)),
    (["--model=jpeg420", "--setting=75"], "photo.jpg", "quality 75", jpeg.compress(odd_photo, 75)),
    ([PLANES, "--setting=2"], "photo.planes", "planes 2", None),
    ([MOBILE, "--setting=2"], "photo.rnic", "2 iterations", shared.mobile().compress(odd_photo, 2)),
  ):
    status, out, err = _compress(photo_folder, "photo.png", *flags, "--overwrite")
    assert (status, err) == (0, "")
    assert out.startswith(f"photo.png -> {file}: 213x165 pixels, {said}, ")
    assert data is None or (photo_folder / file).read_bytes() == data


def test_the_default_is_what_the_model_has(photo_folder: pathlib.Path) -> None:
  save_small_model(photo_folder / "model", unit="gru", iterations=3)
  status, out, err = _compress(photo_folder, "photo.png", "--model=model")
  assert (status, err) == (0, "") and "3 iterations" in out


def test_what_was_done_to_the_photo_and_to_the_target_is_noted(
  photo_folder: pathlib.Path, odd_photo: np.ndarray
) -> None:
  Image.fromarray(odd_photo).convert("RGBA").resize((33, 17)).save(photo_folder / "small.png")
  with Image.open(photo_folder / "small.png") as small:
    small.putalpha(100)
    small.save(photo_folder / "small.png")
  flags = [MOBILE, "--entropy_coder=none", "--target_bytes=50"]
  status, out, err = _compress(photo_folder, "small.png", *flags)
  assert (status, err) == (0, "")
  contents = rnic.read((photo_folder / "small.rnic").read_bytes())
  assert (contents.header.entropy_coder, contents.header.layers) == (0, 1)
  assert "33x17 pixels, 1 iteration, 62 bytes, " in out  # 32, and 6 + 2 x 3 blocks of 4
  notes = "transparency composited on white; the smallest file has 62 bytes, more than the target"
  assert out.endswith(f" s ({notes})\n")


def test_many_files_go_on_after_a_bad_one(photo_folder: pathlib.Path) -> None:
  (photo_folder / "photo.png").rename(photo_folder / "c.png")
  Image.open(photo_folder / "c.png").convert("L").save(photo_folder / "a.jpg")
  (photo_folder / "b.png").write_bytes((photo_folder / "c.png").read_bytes()[:5000])
  names = ("*.png", "a.jpg", "gone.png")
  status, out, err = _compress(photo_folder, *names, "--iterations=1", MOBILE)
  assert status == 1
  assert _files(photo_folder) == {"a.jpg", "a.rnic", "b.png", "c.png", "c.rnic"}
  assert len(out.splitlines()) == 3
  assert re.search(r"^2 done, 0 skipped, 2 failed; \d+\.\d photos per minute$", out, re.MULTILINE)
  errors = err.splitlines()
  assert len(errors) == 2
  assert "b.png: the image is cut short" in errors[0] and "gone.png: no such file" in errors[1]


@pytest.mark.parametrize("codec", [MOBILE, "--model=jpeg420"])
def test_targets_are_reached_and_sizes_are_the_largest_below_them(
  photo_folder: pathlib.Path, odd_photo: np.ndarray, codec: str
) -> None:
  def compress(flag: str) -> bytes:
    flags = ("photo.png", flag, "--output=-", codec)
    status, data, err = programs.feed("compression.compress", photo_folder, b"", *flags)
    assert status == 0 and len(err.splitlines()) == 1 and "target" not in err, err
    return data

  decompress = registry.find(codec.partition("=")[2]).decompress
  assert 0.4 < 8 * len(compress("--target_bpp=0.6")) / PIXELS <= 0.6
  assert 1000 < len(compress("--target_bytes=2000")) <= 2000
  assert float(psnr(odd_photo, decompress(compress("--target_psnr=26")))) >= 26
  assert float(ms_ssim(odd_photo, decompress(compress("--target_ms_ssim=0.95")))) >= 0.95


def test_nothing_is_overwritten_unless_asked(photo_folder: pathlib.Path) -> None:
  target = photo_folder / "photo.rnic"
  target.write_bytes(b"precious")
  _refuses(photo_folder, "error: photo.rnic: exists already; --overwrite replaces it", "photo.png")
  flags = ("--overwrite", "--entropy_coder=none", MOBILE)
  status, _, err = _compress(photo_folder, "photo.png", *flags)
  assert (status, err) == (0, "")
  assert rnic.read(target.read_bytes()).header.layers == DEFAULT_ITERATIONS
  assert _files(photo_folder) == {"photo.png", "photo.rnic"}


def test_wrong_usage_is_one_line_and_status_2(photo_folder: pathlib.Path) -> None:
  usage = functools.partial(_refuses, photo_folder, status=2)
  usage("no file was named")
  usage("--iterations=many", "photo.png", "--iterations=many")
  usage("--iterations=0", "photo.png", "--iterations=0")
  usage("--target_ms_ssim=1.5", "photo.png", "--target_ms_ssim=1.5")
  usage("--entropy_coder=zip", "photo.png", "--entropy_coder=zip")
  usage("quality", "photo.png", "--quality=3")
  both = ["--iterations=3", "--target_bpp=1"]
  usage("--iterations and --target_bpp exclude each other", "photo.png", *both)
  both = ["--iterations=3", "--setting=3"]
  usage("--iterations and --setting exclude each other", "photo.png", *both)
  message = "--iterations: jpeg420 has none; --setting is its quality"
  usage(message, "photo.png", "--model=jpeg420", "--iterations=3")
  usage("--output is for one input, 2 were named", "photo.png", "photo.png", "--output=x")
  both = ["--output=x", "--output_dir=y"]
  usage("--output and --output_dir exclude each other", "photo.png", *both)


def test_bad_input_is_one_line_and_status_1(photo_folder: pathlib.Path) -> None:
  (photo_folder / "text.jpg").write_text("not a photo")
  (photo_folder / "bad.py").write_text("import no_such_module")
  _refuses(photo_folder, "nope: no such model or folder; released m", "photo.png", "--model=nope")
  _refuses(photo_folder, ".: is a folder without config.json", "photo.png", "--model=.")
  _refuses(photo_folder, "bad.py: ModuleNotFoundError: ", "photo.png", "--model=bad.py:Codec")
  _refuses(photo_folder, "gone.py: no such file", "photo.png", "--model=gone.py:Codec")
  has = "mobile has no iterations 17; it has 1, 2, 3,"
  _refuses(photo_folder, has, "photo.png", MOBILE, "--iterations=17")
  has = "jpeg420 has no quality 300; it has 0 to 100"
  _refuses(photo_folder, has, "photo.png", "--model=jpeg420", "--setting=300")
  has = "dct has no step 0; it has all multiples of 1/16"
  _refuses(photo_folder, has, "photo.png", "--model=dct", "--setting=0")
  _refuses(photo_folder, "text.jpg/x: cannot be made", "photo.png", "--output_dir=text.jpg/x")
  _refuses(photo_folder, "nothing*.png: matches no file", "nothing*.png")
  _refuses(photo_folder, "error: text.jpg: not an image", "text.jpg")
  _refuses(photo_folder, "there is no folder gone", "photo.png", "--output=gone/x.rnic")
