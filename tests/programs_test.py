"""What concerns all programs: photos there and back, help, memory."""

from __future__ import annotations

import io
import os
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from compression.metrics import psnr
from tests import programs

ROOT = pathlib.Path(__file__).resolve().parent.parent

PEAK_MEMORY_KIB = 4 * 2**20

WITH_FLAGS = sorted(
  path.relative_to(ROOT).as_posix()
  for folder in ("compression", "tools")
  for path in ROOT.glob(f"{folder}/**/*.py")
  if re.search(r"^if __name__ == .*\n  program\.run", path.read_text("utf-8"), re.MULTILINE)
)


def test_a_photo_goes_there_and_back_through_pipes(
  tmp_path: pathlib.Path, odd_photo: np.ndarray
) -> None:
  original = io.BytesIO()
  Image.fromarray(odd_photo).save(original, "PNG")

  # stdout carries the file, and stderr what else is said.
  flags = ("-", "--iterations=2")
  status, packed, err = programs.pipe("compression.compress", tmp_path, original.getvalue(), *flags)
  assert status == 0 and len(err.splitlines()) == 1
  assert err.startswith(f"- -> -: 213x165 pixels, 2 iterations, {len(packed)} bytes, ")

  status, out, err = programs.pipe("compression.info", tmp_path, packed, "-")
  assert (status, err) == (0, "")
  for part in ("213x165 pixels", "residual_gru (", "learned", "2 of 2", "whole"):
    assert part in out.decode()

  status, restored, err = programs.pipe("compression.decompress", tmp_path, packed, "-")
  assert status == 0 and len(err.splitlines()) == 1
  assert err.startswith("- -> -: 213x165 pixels, 2 of 2 iterations, ")
  assert float(psnr(odd_photo, np.asarray(Image.open(io.BytesIO(restored))))) > 20
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", WITH_FLAGS)
def test_help_names_every_flag_and_needs_no_tensorflow(path: str, tmp_path: pathlib.Path) -> None:
  programs.hide(tmp_path, "tensorflow")
  name = path if path.startswith("tools/") else path[: -len(".py")].replace("/", ".")
  status, out, err = programs.run(name, tmp_path, "--help")
  assert (status, err) == (0, "")
  named = set(re.findall(r"^  --(\w+)", out, re.MULTILINE))
  source = (ROOT / path).read_text("utf-8")
  assert set(re.findall(r'flags\.DEFINE_\w+\(\s*"(\w+)"', source)) <= named
  assert ("define_output_flags()" in source) <= ({"output", "output_dir", "overwrite"} <= named)
  assert str(ROOT) not in out


@pytest.mark.slow
def test_a_24_megapixel_photo_takes_less_than_4_gb(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  large = np.tile(photo, (8, 12, 1))[:4000, :6000]
  Image.fromarray(large).save(tmp_path / "large.bmp")

  def run(name: str, *args: str) -> None:
    process = programs.start(name, tmp_path, *args)
    _, status, usage = os.wait4(process.pid, 0)  # unlike wait(), it tells the peak of memory
    process.returncode = os.waitstatus_to_exitcode(status)
    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert usage.ru_maxrss < PEAK_MEMORY_KIB

  run("compression.compress", "large.bmp", "--iterations=1")
  run("compression.decompress", "large.rnic", "--output=back.bmp.png")
  with Image.open(tmp_path / "back.bmp.png") as restored:
    assert float(psnr(large, np.asarray(restored))) > 20
