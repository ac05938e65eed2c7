"""The program that decompresses: its images, damaged files, and what it refuses."""

from __future__ import annotations

import functools
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from compression.codecs import registry
from compression.codecs.recurrent import litert
from compression.formats import rnic
from compression.metrics import psnr
from tests import programs, shared
from tests.codecs.examples import Planes
from tests.near import assert_near_pixels

ITERATIONS = 6

PLANES = f"--model={programs.ROOT}/tests/codecs/examples.py:Planes"

_decompress = functools.partial(programs.call, "compression.decompress")
_refuses = functools.partial(programs.refuses, "compression.decompress")


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> None:
  """Released models are loaded once."""
  shared.share_models(monkeypatch)


@pytest.fixture(scope="module")
def small_photo(odd_photo: np.ndarray) -> np.ndarray:
  return odd_photo[60:125, 20:113]


@pytest.fixture(scope="module")
def data(small_photo: np.ndarray) -> bytes:
  return shared.mobile().compress(small_photo, ITERATIONS)


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


def test_each_file_is_decoded_with_the_model_that_made_it(
  folder: pathlib.Path, small_photo: np.ndarray
) -> None:
  codecs = {name: registry.find(name) for name in ("residual_gru", "mobile")}
  for name, codec in codecs.items():
    (folder / f"{name}.rnic").write_bytes(codec.compress(small_photo, 2))
  status, out, err = _decompress(folder, *(f"{name}.rnic" for name in codecs), "--output_dir=out")
  assert (status, err) == (0, "")
  for line, (name, codec) in zip(out.splitlines(), codecs.items()):
    assert line.startswith(f"{name}.rnic -> out/{name}.png: 93x65 pixels, 2 of 2 iterations, ")
    expected = codec.decompress((folder / f"{name}.rnic").read_bytes())
    assert_near_pixels(_pixels(folder / "out" / f"{name}.png"), expected)
  made_with = "mobile.rnic: made with model mobile; this is residual_gru"
  _refuses(folder, made_with, "mobile.rnic", "--model=residual_gru")


def test_files_of_any_codec_are_decoded(folder: pathlib.Path, small_photo: np.ndarray) -> None:
  jpeg = registry.find("jpeg420")
  (folder / "b.jpg").write_bytes(jpeg.compress(small_photo, 75))
  status, out, err = _decompress(folder, "photo.rnic", "b.jpg")
  assert (status, err) == (0, "")
  assert out.splitlines()[1].startswith("b.jpg -> b.png: 93x65 pixels, jpeg420, ")
  expected = jpeg.decompress((folder / "b.jpg").read_bytes())
  np.testing.assert_array_equal(_pixels(folder / "b.png"), expected)
  message = "b.jpg: files of jpeg420 hold one quality only"
  _refuses(folder, message, "b.jpg", "--iterations=1", "--overwrite")
  _refuses(folder, message, "b.jpg", "--all_iterations", "--overwrite")


def test_a_class_in_a_file_decodes_its_own(folder: pathlib.Path, small_photo: np.ndarray) -> None:
  codec = Planes()
  whole = codec.compress(small_photo, 8)
  (folder / "a.planes").write_bytes(whole)
  (folder / "cut.planes").write_bytes(whole[:-1])
  status, out, err = _decompress(folder, "a.planes", PLANES, "--iterations=3", "--output=3.png")
  assert (status, err) == (0, "") and " 93x65 pixels, 3 of 8 planes, " in out
  expected = codec.decompress(codec.prefix(whole, 3))
  np.testing.assert_array_equal(_pixels(folder / "3.png"), expected)
  status, out, err = _decompress(folder, "cut.planes", PLANES)
  assert (status, err) == (0, "warning: cut.planes: cut short: 7 of 8 planes are whole\n")
  assert " 7 of 8 planes, " in out
  _refuses(folder, "a.planes: no codec knows such a file", "a.planes")
  _refuses(folder, "photo.rnic: is no file of planes", "photo.rnic", PLANES)


def test_all_iterations_are_files_and_the_later_the_better(
  folder: pathlib.Path, small_photo: np.ndarray
) -> None:
  status, out, err = _decompress(folder, "photo.rnic", "--all_iterations", "--output_dir=out")
  assert (status, err) == (0, "")
  names = [f"photo_{number:02d}.png" for number in range(1, ITERATIONS + 1)]
  assert _files(folder / "out") == set(names)
  for number, (line, name) in enumerate(zip(out.splitlines(), names), 1):
    assert line.startswith(f"photo.rnic -> out/{name}: 93x65 pixels, {number} of 6 iterations, ")
  quality = [float(psnr(small_photo, _pixels(folder / "out" / name))) for name in names]
  assert quality[0] > 18 and quality == sorted(quality)

  status, out, err = _decompress(folder, "photo.rnic", "--iterations=2", "--output=two.png")
  assert (status, err) == (0, "") and "2 of 6 iterations" in out
  assert_near_pixels(_pixels(folder / "two.png"), _pixels(folder / "out" / names[1]))


def test_int8_gives_nearly_the_same_pixels(folder: pathlib.Path, small_photo: np.ndarray) -> None:
  flags = ["photo.rnic", "--precision=int8"]
  status, out, err = _decompress(folder, *flags, "--all_iterations", "--output_dir=out")
  assert (status, err) == (0, "") and len(out.splitlines()) == ITERATIONS
  status, out, err = _decompress(folder, *flags, "--iterations=4", "--output=4.png")
  assert (status, err) == (0, "") and " 93x65 pixels, 4 of 6 iterations, " in out
  assert_near_pixels(_pixels(folder / "4.png"), _pixels(folder / "out/photo_04.png"))
  exact = list(shared.mobile().progressive((folder / "photo.rnic").read_bytes()))
  for number, expected in enumerate(exact, 1):
    found = _pixels(folder / f"out/photo_{number:02d}.png")
    # On a photo of some blocks; on larger ones it is some hundredths.
    assert psnr(small_photo, found) > psnr(small_photo, expected) - 0.2
  assert (found != expected).any(), "int8 was not used"


def test_int8_without_its_decoder_is_one_line(
  folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  model = pathlib.Path(shutil.copytree(shared.mobile().folder, folder / "mine"))
  flags = ["photo.rnic", "--model=mine", "--precision=int8"]
  (model / "int8/decoder.json").write_text("{}")
  _refuses(folder, "mine/int8/decoder.json: is damaged: ", *flags)
  shutil.rmtree(model / "int8")
  message = "mine: has no decoder in int8; python -m compression.export --format=int8 makes one"
  _refuses(folder, message, *flags)
  monkeypatch.setattr(litert, "_RUNTIME", "no_such_runtime")
  registry._opened.cache_clear()  # it may know the model already
  message = "photo.rnic: int8 needs LiteRT, which is not installed: it is in the package"
  _refuses(folder, message, "photo.rnic", "--precision=int8")


def test_the_help_names_the_precisions(folder: pathlib.Path) -> None:
  status, out, _ = _decompress(folder, "--help")
  assert status == 0 and "<float32|mixed_bfloat16|int8>" in out
  _refuses(folder, "--precision=int4", "photo.rnic", "--precision=int4", status=2)


def test_a_cut_file_warns_and_a_damaged_one_is_refused(folder: pathlib.Path, data: bytes) -> None:
  (folder / "cut.rnic").write_bytes(data[:-5])
  status, out, err = _decompress(folder, "cut.rnic")
  assert (status, err) == (0, "warning: cut.rnic: cut short: 5 of 6 layers are whole\n")
  assert "5 of 6 iterations" in out
  (folder / "cut.png").unlink()
  _refuses(folder, "error: cut.rnic: cut short: 5 of 6", "cut.rnic", "--strict")
  broken = bytearray(data)
  broken[-5] ^= 1
  (folder / "broken.rnic").write_bytes(broken)
  damage = "error: broken.rnic: layer 6 of 6 is damaged: the 5 layers before it are used only with"
  _refuses(folder, f"{damage} --iterations=5 or less", "broken.rnic")
  assert _files(folder) == {"photo.rnic", "cut.rnic", "broken.rnic"}
  status, out, err = _decompress(folder, "broken.rnic", "--iterations=5", "--strict")
  assert (status, err) == (0, "") and "5 of 6 iterations" in out
  _refuses(folder, "has 6 iterations; 7 were asked for", "photo.rnic", "--iterations=7")


def test_nothing_is_overwritten(folder: pathlib.Path) -> None:
  for name in ("photo.png", "photo_06.png"):
    (folder / name).write_bytes(b"precious")
  _refuses(folder, "error: photo.png: exists already; --overwrite replaces it", "photo.rnic")
  _refuses(folder, "photo_06.png: exists already", "photo.rnic", "--all_iterations")
  status, _, err = _decompress(folder, "photo.rnic", "--iterations=1", "--overwrite")
  assert (status, err) == (0, "")
  assert _pixels(folder / "photo.png").shape == (65, 93, 3)


def test_wrong_usage_is_one_line_and_status_2(folder: pathlib.Path) -> None:
  usage = functools.partial(_refuses, folder, status=2)
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
  _refuses(folder, "error: gone.rnic: no such file", "gone.rnic")
  _refuses(folder, "error: text.rnic: no codec knows such a file", "text.rnic")
  _refuses(folder, "error: text.rnic: not an .rnic file", "text.rnic", "--model=mobile")
  _refuses(folder, "error: a: no codec knows such a file: it starts with b'not '", "a")
  _refuses(folder, "stranger.rnic: made with model 0102030405060708, which is", "stranger.rnic")
  _refuses(folder, "nope: no such model or folder", "photo.rnic", "--model=nope")
