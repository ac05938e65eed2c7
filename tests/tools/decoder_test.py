"""The 2017 release's `decoder.py`: its images, its flags, and what it refuses."""

from __future__ import annotations

import functools
import pathlib

import numpy as np
import pytest
from PIL import Image

from compression.codecs.recurrent import codec as recurrent
from compression.metrics.release_ms_ssim import release_ms_ssim
from tests import programs
from tests.near import assert_near_pixels

ITERATIONS = 3

_decode = functools.partial(programs.call, "tools/decoder.py")
_fails = functools.partial(programs.refuses, "tools/decoder.py")


@pytest.fixture
def bits(odd_photo: np.ndarray) -> np.ndarray:
  return recurrent.load().encode(odd_photo, ITERATIONS)[:, np.newaxis]


@pytest.fixture
def folder(tmp_path: pathlib.Path, bits: np.ndarray) -> pathlib.Path:
  """With a file as ours are, and one as the release wrote it."""
  arrays = {"shape": bits.shape, "codes": np.packbits(bits)}
  np.savez_compressed(tmp_path / "c.npz", **arrays, size=[165, 213])
  np.savez_compressed(tmp_path / "release.npz", **arrays)
  return tmp_path


def _images(folder: pathlib.Path) -> dict[str, np.ndarray]:
  return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.iterdir())}


def test_the_images_are_those_of_our_own_files(folder: pathlib.Path, odd_photo: np.ndarray) -> None:
  (folder / "new/d").mkdir(parents=True)
  (folder / "new/d/image_01.png").write_bytes(b"replaced, as the release did")
  flags = ("--input_codes=c.npz", "--output_directory=new/d")
  assert _decode(folder, *flags) == (0, "", "")
  found = _images(folder / "new/d")
  assert list(found) == ["image_00.png", "image_01.png", "image_02.png"]
  codec = recurrent.load()
  data = codec.compress(odd_photo, ITERATIONS, entropy_coder="none")
  for pixels, expected in zip(found.values(), codec.progressive(data)):
    assert pixels.shape == odd_photo.shape
    assert_near_pixels(pixels, expected)
  assert 0.85 < release_ms_ssim(odd_photo, found["image_02.png"]) < 1


def test_the_releases_files_do_not_know_the_size_of_the_image(folder: pathlib.Path) -> None:
  flags = ("--input_codes=release.npz", "--output_directory=r", "--iteration=0")
  assert _decode(folder, *flags) == (0, "", "")
  found = _images(folder / "r")
  assert {name: pixels.shape for name, pixels in found.items()} == {"image_00.png": (176, 224, 3)}


def test_what_is_wrong_is_one_line(folder: pathlib.Path) -> None:
  (folder / "text.npz").write_text("no codes")
  np.savez(folder / "deep.npz", shape=[1, 1, 1, 1, 8], codes=np.zeros(1, np.uint8))
  source, target = "--input_codes=c.npz", "--output_directory=d"
  usage = functools.partial(_fails, folder, status=2)
  usage("--output_directory is missing", source)
  usage("--input_codes is missing", target)
  usage("--iteration=-2", source, target, "--iteration=-2")
  usage("more: unexpected", source, target, "more")
  _fails(folder, "error: gone.npz: no such file", "--input_codes=gone.npz", target)
  _fails(folder, "text.npz: is not a file of codes", "--input_codes=text.npz", target)
  _fails(folder, "c.npz: has iterations 0 to 2, not 3", source, target, "--iteration=3")
  _fails(folder, "deep.npz: has 8 bits a block, the model 32", "--input_codes=deep.npz", target)
  _fails(folder, "text.npz: cannot be made", source, "--output_directory=text.npz")
  _fails(folder, "nope: no such model", source, target, "--model=nope")
