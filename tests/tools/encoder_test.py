"""The 2017 release's `encoder.py`: its files, its flags, and what it refuses."""

from __future__ import annotations

import functools
import pathlib

import numpy as np
from PIL import Image

from compression.codecs.recurrent import codec as recurrent
from compression.formats import rnic
from tests import programs

_encode = functools.partial(programs.call, "tools/encoder.py")
_fails = functools.partial(programs.refuses, "tools/encoder.py")


def test_the_codes_are_the_bits_of_our_own_files(
  photo_folder: pathlib.Path, odd_photo: np.ndarray
) -> None:
  (photo_folder / "c.npz").write_bytes(b"replaced, as the release did")
  flags = ("--input_image=photo.png", "--output_codes=c.npz", "--iteration=2")
  assert _encode(photo_folder, *flags) == (0, "", "")
  with np.load(photo_folder / "c.npz") as archive:
    assert tuple(archive["shape"]) == (3, 1, 11, 14, 32)
    assert archive["shape"].dtype == np.int64
    assert tuple(archive["size"]) == (165, 213)
    codes = archive["codes"]
  assert (codes.dtype, codes.shape) == (np.uint8, (3 * 11 * 14 * 32 // 8,))
  data = recurrent.load().compress(odd_photo, 3, entropy_coder="none")
  assert b"".join(rnic.read(data).payloads) == codes.tobytes()


def test_all_16_iterations_of_another_model_and_a_note(
  photo_folder: pathlib.Path, odd_photo: np.ndarray
) -> None:
  Image.fromarray(np.dstack([odd_photo[:17, :30], np.zeros((17, 30), np.uint8)])).save(
    photo_folder / "clear.png"
  )
  flags = ("--input_image=clear.png", "--output_codes=c.npz", "--model=mobile")
  note = "warning: clear.png: transparency composited on white\n"
  assert _encode(photo_folder, *flags) == (0, "", note)
  expected = recurrent.load("mobile").encode(np.full((17, 30, 3), 255, np.uint8))
  with np.load(photo_folder / "c.npz") as archive:
    assert tuple(archive["shape"]) == (16, 1, 2, 2, 32)
    np.testing.assert_array_equal(archive["codes"], np.packbits(expected))


def test_what_is_wrong_is_one_line(photo_folder: pathlib.Path) -> None:
  (photo_folder / "text.jpg").write_text("not a photo")
  source, target = "--input_image=photo.png", "--output_codes=c.npz"
  usage = functools.partial(_fails, photo_folder, status=2)
  usage("--output_codes is missing", source)
  usage("--input_image is missing", target)
  usage("--iteration=16", source, target, "--iteration=16")
  usage("more: unexpected", source, target, "more")
  _fails(photo_folder, "error: gone.png: no such file", "--input_image=gone.png", target)
  _fails(photo_folder, "error: text.jpg: not an image", "--input_image=text.jpg", target)
  _fails(photo_folder, "there is no folder gone", source, "--output_codes=gone/c.npz")
  _fails(photo_folder, "nope: no such model", source, target, "--model=nope")
