"""The program that shows what each quality looks like."""

from __future__ import annotations

import functools
import pathlib

import pytest
from PIL import Image

from tests import programs, shared

_demo = functools.partial(programs.call, "compression.demo")
_refuses = functools.partial(programs.refuses, "compression.demo")


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
  """Released models are loaded once."""
  shared.share_models(monkeypatch)


def test_it_writes_every_quality_and_a_sheet(photo_folder: pathlib.Path) -> None:
  status, out, err = _demo(photo_folder, "--image=photo.png", "--output_dir=d", "--model=mobile")
  assert (status, err) == (0, "")
  names = {f"photo_{t:02d}.png" for t in range(1, 17)} | {"photo.rnic", "photo_sheet.png"}
  assert {file.name for file in (photo_folder / "d").iterdir()} == names
  for part in ("213x165", "MS-SSIM", "JPEG bytes", "photo_sheet.png"):
    assert part in out
  with Image.open(photo_folder / "d/photo_sheet.png") as sheet:
    assert sheet.width > 1500


def test_what_is_wrong_is_one_line_before_any_work(tmp_path: pathlib.Path) -> None:
  _refuses(tmp_path, "photo.png: unexpected", "photo.png", status=2)
  _refuses(tmp_path, "gone.png: no such file", "--image=gone.png", "--output_dir=d")
  _refuses(tmp_path, "nope: no such model", "--model=nope", "--output_dir=d")


def test_a_codec_of_one_quality_a_file_has_no_demo(photo_folder: pathlib.Path) -> None:
  flags = ("--image=photo.png", "--model=jpeg420", "--output_dir=d")
  _refuses(photo_folder, "jpeg420: the demo needs a progressive codec", *flags)
