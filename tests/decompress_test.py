"""The program that decompresses: its images, damaged files, and what it refuses."""

from __future__ import annotations

import functools
import pathlib

import numpy as np
import pytest
from PIL import Image

import compression
from compression.formats import rnic
from compression.metrics import psnr
from tests import programs

ITERATIONS = 6

_decompress = functools.partial(programs.run, "compression.decompress")
_fails = functools.partial(programs.fails, "compression.decompress")


@pytest.fixture(scope="module")
def data(odd_photo: np.ndarray) -> bytes:
  return compression.load().compress(odd_photo, ITERATIONS)


@pytest.fixture
def folder(tmp_path: pathlib.Path, data: bytes) -> pathlib.Path:
  """With that photo, compressed."""
  (tmp_path / "photo.rnic").write_bytes(data)
  return tmp_path


def _files(folder: pathlib.Path) -> set[str]:
  return {file.name for file in folder.iterdir()}


def _pixels(file: pathlib.Path) -> np.ndarray:
  with Image.open(file) as opened:
    return np.asarray(opened)


def _difference(file: pathlib.Path, expected: np.ndarray) -> int:
  """How far apart two images are, in steps of 255."""
  return int(np.abs(_pixels(file).astype(int) - expected).max())


def test_each_file_is_decoded_with_the_model_that_made_it(
  folder: pathlib.Path, odd_photo: np.ndarray
) -> None:
  codecs = {name: compression.load(name) for name in ("residual_gru", "mobile")}
  for name, codec in codecs.items():
    (folder / f"{name}.rnic").write_bytes(codec.compress(odd_photo, 2))
  status, out, err = _decompress(folder, *(f"{name}.rnic" for name in codecs), "--output_dir=out")
  assert (status, err) == (0, "")
  for line, (name, codec) in zip(out.splitlines(), codecs.items()):
    assert line.startswith(f"{name}.rnic -> out/{name}.png: 213x165 pixels, 2 of 2 iterations, ")
    expected = codec.decompress((folder / f"{name}.rnic").read_bytes())
    assert _difference(folder / "out" / f"{name}.png", expected) <= 1  # rounding
  made_with = "mobile.rnic: made with model mobile; this is residual_gru"
  _fails(folder, made_with, "mobile.rnic", "--model=residual_gru")


def test_all_iterations_are_files_and_the_later_the_better(
  folder: pathlib.Path, odd_photo: np.ndarray
) -> None:
  status, out, err = _decompress(folder, "photo.rnic", "--all_iterations", "--output_dir=out")
  assert (status, err) == (0, "")
  names = [f"photo_{number:02d}.png" for number in range(1, ITERATIONS + 1)]
  assert _files(folder / "out") == set(names)
  for number, (line, name) in enumerate(zip(out.splitlines(), names), 1):
    assert line.startswith(f"photo.rnic -> out/{name}: 213x165 pixels, {number} of 6 iterations, ")
  quality = [float(psnr(odd_photo, _pixels(folder / "out" / name))) for name in names]
  assert quality[0] > 20 and quality == sorted(quality)

  status, out, err = _decompress(folder, "photo.rnic", "--iterations=2", "--output=two.png")
  assert (status, err) == (0, "") and "2 of 6 iterations" in out
  np.testing.assert_array_equal(_pixels(folder / "two.png"), _pixels(folder / "out" / names[1]))


def test_a_cut_file_warns_and_a_damaged_one_is_refused(folder: pathlib.Path, data: bytes) -> None:
  (folder / "cut.rnic").write_bytes(data[:-5])
  status, out, err = _decompress(folder, "cut.rnic")
  assert (status, err) == (0, "warning: cut.rnic: cut short: 5 of 6 layers are whole\n")
  assert "5 of 6 iterations" in out
  (folder / "cut.png").unlink()
  _fails(folder, "error: cut.rnic: cut short: 5 of 6", "cut.rnic", "--strict")
  broken = bytearray(data)
  broken[-5] ^= 1
  (folder / "broken.rnic").write_bytes(broken)
  damage = "error: broken.rnic: layer 6 of 6 is damaged: the 5 layers before it are used only with"
  _fails(folder, f"{damage} --iterations=5 or less", "broken.rnic")
  assert _files(folder) == {"photo.rnic", "cut.rnic", "broken.rnic"}


def test_nothing_is_overwritten(folder: pathlib.Path) -> None:
  for name in ("photo.png", "photo_06.png"):
    (folder / name).write_bytes(b"precious")
  _fails(folder, "error: photo.png: exists already; --overwrite replaces it", "photo.rnic")
  _fails(folder, "photo_06.png: exists already", "photo.rnic", "--all_iterations")
  status, _, err = _decompress(folder, "photo.rnic", "--iterations=1", "--overwrite")
  assert (status, err) == (0, "")
  assert _pixels(folder / "photo.png").shape == (165, 213, 3)


def test_wrong_usage_is_one_line_and_status_2(folder: pathlib.Path) -> None:
  usage = functools.partial(_fails, folder, status=2)
  usage("no file was named")
  usage("--iterations=0", "photo.rnic", "--iterations=0")
  both = ["--iterations=3", "--all_iterations"]
  usage("--all_iterations and --iterations exclude each other", "photo.rnic", *both)
  usage("--all_iterations writes several files", "-", "--all_iterations")


def test_bad_input_is_one_line_and_status_1(folder: pathlib.Path, data: bytes) -> None:
  header, payloads, *_ = rnic.read(data)
  stranger = rnic.write(header._replace(model_id=bytes(range(1, 9))), payloads)
  (folder / "stranger.rnic").write_bytes(stranger)
  (folder / "text.rnic").write_text("not a photo")
  (folder / "a").write_text("not a photo")
  _fails(folder, "error: gone.rnic: no such file", "gone.rnic")
  _fails(folder, "error: text.rnic: not an .rnic file", "text.rnic")
  _fails(folder, "error: a: not an .rnic file", "a")
  _fails(folder, "stranger.rnic: made with model 0102030405060708, which is not", "stranger.rnic")
  _fails(folder, "nope: no such model or folder", "photo.rnic", "--model=nope")
