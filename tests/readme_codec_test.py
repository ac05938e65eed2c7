"""The codec of one's own that README shows is whole: those very lines work in all programs."""

from __future__ import annotations

import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from compression.codecs import registry
from compression.codecs.base import Codec
from compression.common.errors import FormatError
from compression.evaluation import plots
from compression.metrics import psnr
from tests import programs, shared

README = pathlib.Path(__file__).resolve().parent.parent / "README.md"

MAX_LINES = 40


def _block() -> str:
  """The lines of the code that holds a codec."""
  blocks = re.findall(
    r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE
  )
  (block,) = [block for block in blocks if re.search(r"^class \w+\(Codec\):$", block, re.MULTILINE)]
  return block


@pytest.fixture(scope="module")
def name() -> str:
  """What programs call it."""
  (found,) = re.findall(r"^class (\w+)\(Codec\):$", _block(), re.MULTILINE)
  return f"my_codec.py:{found}"


@pytest.fixture
def folder(photo_folder: pathlib.Path) -> pathlib.Path:
  """With `my_codec.py` and a photo."""
  (photo_folder / "my_codec.py").write_text(_block())
  return photo_folder


@pytest.fixture
def codec(folder: pathlib.Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Codec:
  monkeypatch.chdir(folder)
  return registry.find(name)


def test_it_is_short_and_the_commands_beside_it_name_it(name: str) -> None:
  assert len(_block().splitlines()) < MAX_LINES
  text = README.read_text("utf-8")
  for program in ("evaluate", "compress", "decompress"):
    assert re.search(rf"-m compression\.{program} .*{re.escape(name)}", text)


@pytest.mark.parametrize("height,width", [(1, 1), (1, 30), (17, 1), (16, 16), (33, 47)])
def test_any_size_comes_back_at_its_size(codec: Codec, height: int, width: int) -> None:
  image = np.random.default_rng(0).integers(0, 256, [height, width, 3], np.uint8)
  for setting in codec.settings:
    data = codec.compress(image, setting)
    assert data == codec.compress(image, setting)
    decoded = codec.decompress(data)
    assert decoded.shape == image.shape and decoded.dtype == np.uint8
  assert float(psnr(image, decoded)) > 30


def test_more_bytes_are_a_better_image(codec: Codec, odd_photo: np.ndarray) -> None:
  files = [codec.compress(odd_photo, setting) for setting in codec.settings]
  sizes = [len(data) for data in files]
  quality = [float(psnr(odd_photo, codec.decompress(data))) for data in files]
  assert sizes == sorted(set(sizes)) and quality == sorted(set(quality))
  assert sizes[0] < odd_photo.size / 30 and quality[-1] > 35


def test_what_is_no_whole_file_is_refused(codec: Codec, odd_photo: np.ndarray) -> None:
  data = codec.compress(odd_photo[:20, :20], codec.settings[0])
  for wrong in (b"", data[:5], data[:-1], data[: len(data) // 2], b"\x89PNG" + bytes(50)):
    with pytest.raises(FormatError):
      codec.decompress(wrong)


def test_every_program_takes_it(
  folder: pathlib.Path, name: str, odd_photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
  shared.work_here(monkeypatch)
  monkeypatch.setattr(plots, "write_all", lambda *_: [])  # which takes most of the time
  evaluate = ("--images=photo.png", f"--codecs=jpeg420,{name}", "--output_dir=evaluation")
  status, out, err = programs.call("compression.evaluate", folder, *evaluate, "--nothroughput")
  assert (status, err) == (0, "")
  monkeypatch.chdir(folder)
  codec = registry.find(name)
  assert f"| {codec.name} |" in out
  rows = (folder / "evaluation/results.csv").read_text().splitlines()
  assert sum(f",{codec.name}," in row for row in rows) == len(codec.settings)

  status, out, err = programs.call("compression.compress", folder, "photo.png", f"--model={name}")
  assert (status, err) == (0, "")
  file = f"photo{codec.suffix}"
  assert out.startswith(f"photo.png -> {file}: 213x165 pixels, {codec.setting_name} ")
  flags = (file, f"--model={name}", "--output=back.png")
  status, out, err = programs.call("compression.decompress", folder, *flags)
  assert (status, err) == (0, "") and f"213x165 pixels, {codec.name}, " in out
  expected = codec.decompress((folder / file).read_bytes())
  with Image.open(folder / "back.png") as opened:
    np.testing.assert_array_equal(np.asarray(opened), expected)
  assert float(psnr(odd_photo, expected)) > 28
