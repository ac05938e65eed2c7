"""Claims about the command line `tools/msssim.py`."""

from __future__ import annotations

import functools
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from skimage import data

from compression.metrics.release_ms_ssim import release_ms_ssim
from tests import programs

ROOT = pathlib.Path(__file__).parents[2]
PHOTO = data.coffee()[:200, :260]
NOISY = np.clip(
  PHOTO.astype(int) + np.random.default_rng(0).integers(-20, 21, PHOTO.shape), 0, 255
).astype(np.uint8)


def run(*arguments, cwd=ROOT, script="tools/msssim.py"):
  """Status, standard output and standard error, with no help from the environment."""
  environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
  done = subprocess.run(
    [sys.executable, str(script), *map(str, arguments)],
    cwd=cwd, env=environment, capture_output=True, text=True, check=False,
  )  # fmt: skip
  return done.returncode, done.stdout, done.stderr


@pytest.fixture
def pair(tmp_path):
  paths = tmp_path / "original.png", tmp_path / "compared.png"
  for path, image in zip(paths, (PHOTO, NOISY)):
    Image.fromarray(image).save(path)
  return paths


def test_prints_one_number(pair):
  status, out, err = run(f"--original_image={pair[0]}", f"--compared_image={pair[1]}")
  assert (status, err) == (0, "")
  assert float(out) == pytest.approx(release_ms_ssim(PHOTO, NOISY), rel=1e-12)
  assert 0 < float(out) < 1


def test_flags_may_be_written_in_absls_other_ways(pair):
  original, compared = map(str, pair)
  call = functools.partial(programs.call, "tools/msssim.py", ROOT)
  number = call(f"--original_image={original}", f"--compared_image={compared}")
  assert number[0] == 0
  assert call("--original_image", original, "--compared_image", compared) == number
  assert call(f"-compared_image={compared}", f"-original_image={original}") == number


def test_equal_images_print_1(pair):
  assert run(f"--original_image={pair[0]}", f"--compared_image={pair[0]}") == (0, "1.0\n", "")


def test_runs_from_any_folder(pair, tmp_path):
  script = ROOT / "tools" / "msssim.py"
  status, out, err = run(
    "--original_image=original.png", "--compared_image=compared.png", cwd=tmp_path, script=script
  )
  assert (status, err) == (0, "") and float(out) < 1


def test_imports_no_tensorflow(pair):
  code = (
    "import runpy, sys; sys.argv = ['msssim.py', *sys.argv[1:]]\n"
    "try: runpy.run_path('tools/msssim.py', run_name='__main__')\n"
    "except SystemExit: pass\n"
    "sys.exit(3 if 'tensorflow' in sys.modules else 4)"
  )
  flags = [f"--original_image={pair[0]}", f"--compared_image={pair[1]}"]
  done = subprocess.run(
    [sys.executable, "-c", code, *flags], cwd=ROOT, capture_output=True, check=False
  )
  assert done.returncode == 4


def test_what_is_done_to_an_image_goes_to_the_standard_error(pair, tmp_path):
  path = tmp_path / "alpha.png"
  alpha = np.full(PHOTO.shape[:2], 255, np.uint8)
  alpha[0, 0] = 0
  Image.fromarray(np.dstack([NOISY, alpha])).save(path)
  flags = (f"--original_image={pair[0]}", f"--compared_image={path}")
  status, out, err = programs.call("tools/msssim.py", tmp_path, *flags)
  assert status == 0 and float(out) < 1
  assert err == f"warning: {path}: transparency composited on white\n"


@pytest.mark.parametrize(
  "arguments, complaint",
  [
    ([], "--original_image is missing"),
    (["--original_image=a.png"], "--compared_image is missing"),
    (["--compared_image=a.png"], "--original_image is missing"),
    (["--original_image=", "--compared_image=a.png"], "--original_image is missing"),
    (["--original_image"], "original_image"),
    (["--original_image=a", "--compared_image=b", "--nonsense=1"], "nonsense"),
    (["--original_image=a", "--compared_image=b", "c"], "c: unexpected argument"),
  ],
)
def test_wrong_flags_are_usage_errors(tmp_path, arguments, complaint):
  programs.refuses("tools/msssim.py", tmp_path, complaint, *arguments, status=2)


def test_help():
  status, out, err = run("--help")
  assert (status, err) == (0, "")
  assert "--original_image=A.png --compared_image=B.png" in out


def refused(original, compared) -> str:
  flags = (f"--original_image={original}", f"--compared_image={compared}")
  status, out, err = programs.call("tools/msssim.py", ROOT, *flags)
  assert (status, out) == (1, "")
  assert err.startswith("error: ") and err.count("\n") == 1
  return err


def test_unreadable_images(pair, tmp_path):
  missing, text, cut = tmp_path / "none.png", tmp_path / "text.png", tmp_path / "cut.png"
  text.write_text("not a photo")
  cut.write_bytes(pair[0].read_bytes()[:1000])
  assert refused(missing, pair[1]) == f"error: {missing}: no such file\n"
  assert refused(pair[0], missing) == f"error: {missing}: no such file\n"
  assert refused(pair[0], text) == f"error: {text}: not an image that can be read\n"
  assert refused(pair[0], cut) == f"error: {cut}: the image is cut short or damaged\n"
  assert refused(pair[0], tmp_path) == f"error: {tmp_path}: is a directory\n"


def test_different_sizes_are_named(pair, tmp_path):
  path = tmp_path / "small.png"
  Image.fromarray(PHOTO[:100]).save(path)
  error = refused(pair[0], path)
  assert "(200, 260, 3) and (100, 260, 3)" in error
