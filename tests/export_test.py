"""The export as a program: all of a folder or nothing."""

from __future__ import annotations

import functools
import os
import pathlib
import shutil
import signal
import subprocess

import numpy as np
import pytest
from PIL import Image

import compression
from compression.exporting import VARIANTS, web, web_files
from tests import programs
from tests.exporting.examples import save_small_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  return save_small_model(tmp_path_factory.mktemp("models") / "model", unit="gru", iterations=2)


_export = functools.partial(programs.call, "compression.export")
_fails = functools.partial(programs.refuses, "compression.export")


@pytest.mark.slow
def test_all_formats_are_exported_and_replaced_by_another_export(
  tmp_path: pathlib.Path, model: pathlib.Path
) -> None:
  photos = tmp_path / "photos"
  photos.mkdir()
  for number, size in enumerate([(300, 40), (31, 257), (700, 600)]):  # cut and padded to one size
    noise = np.random.default_rng(number).integers(0, 256, [*size, 3], np.uint8)
    Image.fromarray(noise).save(photos / f"{number}.png")
  flags = [f"--model={model}", "--export_dir=some/export", f"--photos={photos}"]
  status, out, err = programs.call("compression.export", tmp_path, "--format=all", *flags)
  assert (status, err) == (0, "")
  export = tmp_path / "some/export"
  files = ["decoder.json", *(f"decoder_{name}.tflite" for name in sorted(VARIANTS))]
  names = ["decoder", "encoder", *(f"tflite/{name}" for name in files)]
  for name, line in zip(names, out.splitlines()):
    written = [path for path in (export / name, *(export / name).rglob("*")) if path.is_file()]
    assert line == f"some/export/{name}: {sum(path.stat().st_size for path in written)} bytes"
  assert len(out.splitlines()) == len(names)
  for name in ("decoder", "encoder"):
    assert (export / name / "1/saved_model.pb").is_file()
    assert (export / name / "1/assets.extra/tf_serving_warmup_requests").is_file()
  assert os.listdir(tmp_path / "some") == ["export"]  # nothing temporary

  _fails(tmp_path, "some/export: exists already; --overwrite replaces it", *flags)

  # An export replaces all of another one, also where something is missing.
  shutil.rmtree(export / "encoder")
  status, out, err = _export(
    tmp_path, "--format=tflite", "--variants=float16", "--overwrite", *flags
  )
  assert (status, err) == (0, "")
  assert [line.partition(":")[0] for line in out.splitlines()] == [
    "some/export/tflite/decoder.json",
    "some/export/tflite/decoder_float16.tflite",
  ]
  assert os.listdir(export) == ["tflite"]


def test_int8_goes_into_the_folder_of_the_model(
  tmp_path: pathlib.Path, model: pathlib.Path
) -> None:
  shutil.copytree(model, tmp_path / "own")
  before = set(os.listdir(model))
  noise = np.random.default_rng(1).integers(0, 256, [40, 50, 3], np.uint8)
  Image.fromarray(noise).save(tmp_path / "a.png")
  flags = ["--model=own", "--format=int8"]
  _fails(tmp_path, "--photos is missing", *flags, status=2)
  _fails(tmp_path, "gone.png: no such file", *flags, "--photos=gone.png")
  where = "--format=int8 goes into the folder of --model"
  _fails(tmp_path, where, *flags, "--photos=a.png", "--export_dir=export", status=2)
  _fails(tmp_path, where, *flags, "--photos=a.png", "--variants=dynamic", status=2)
  status, out, err = _export(tmp_path, *flags, "--photos=a.png")
  assert (status, err) == (0, "")
  assert set(os.listdir(tmp_path / "own")) == {*before, "int8"}
  sizes = [file.stat().st_size for file in (tmp_path / "own/int8").iterdir()]
  assert out == f"own/int8: {sum(sizes)} bytes\n"
  codec = compression.load(tmp_path / "own", "int8")
  assert codec.decompress(codec.compress(noise, 2)).shape == noise.shape

  _fails(tmp_path, "own/int8: exists already", *flags, "--photos=a.png")
  status, _, err = _export(tmp_path, *flags, "--photos=a.png", "--overwrite")
  assert (status, err) == (0, "")
  (tmp_path / "own/int8/notes").touch()
  _fails(tmp_path, "int8: holds notes, and so is not", *flags, "--photos=a.png", "--overwrite")


@pytest.mark.parametrize("has_int8", [False, True])
def test_a_page_decodes_in_int8_where_the_model_can(
  tmp_path: pathlib.Path, model: pathlib.Path, monkeypatch: pytest.MonkeyPatch, has_int8: bool
) -> None:
  shutil.copytree(model, tmp_path / "own")
  if has_int8:
    (tmp_path / "own/int8").mkdir()
    (tmp_path / "own/int8/decoder.json").touch()
  monkeypatch.setattr(web_files, "runtime", dict)
  variants = []
  monkeypatch.setattr(web, "export", lambda codec, folder, variant: variants.append(variant))
  assert _export(tmp_path, "--model=own", "--format=web", "--export_dir=export")[0] == 0
  assert variants == ["dynamic" if has_int8 else "float16"]


def test_what_is_wrong_is_one_line(tmp_path: pathlib.Path, model: pathlib.Path) -> None:
  (tmp_path / "photos").mkdir()
  (tmp_path / "photos/cat.jpg").touch()
  (tmp_path / "file").touch()
  _fails(tmp_path, "no such model or folder", "--model=gone", "--export_dir=a")
  _fails(tmp_path, "'h5' is not supported", "--format=h5", "--export_dir=a")
  _fails(tmp_path, "--export_dir is missing", status=2)
  _fails(tmp_path, "unexpected argument", "a", "--export_dir=a", status=2)
  flags = [f"--model={model}", "--overwrite"]
  _fails(tmp_path, "photos: holds cat.jpg, and so is not replaced", *flags, "--export_dir=photos")
  _fails(tmp_path, "holds", *flags, "--export_dir=.")
  _fails(tmp_path, "file: is not a folder", *flags, "--export_dir=file")
  _fails(tmp_path, "file: cannot be made", *flags, "--export_dir=file/export")
  _fails(tmp_path, "cannot be written", *flags, "--export_dir=/proc/export")


def test_what_is_wrong_with_variants_and_photos_is_one_line(
  tmp_path: pathlib.Path, model: pathlib.Path
) -> None:
  (tmp_path / "empty").mkdir()
  (tmp_path / "no.jpg").write_bytes(b"text")
  flags = [f"--model={model}", "--export_dir=export", "--format=tflite"]
  _fails(tmp_path, "variant 'int4' is not supported", "--variants=int4", *flags)
  _fails(tmp_path, "int8 needs --photos", "--variants=float32,int8", *flags, status=2)
  _fails(tmp_path, "matches no file", "--photos=gone/*.jpg", *flags)
  _fails(tmp_path, "matches no file", "--photos=empty", *flags)
  _fails(tmp_path, "no.jpg", "--photos=no.jpg", "--variants=int8", *flags)


def test_a_page_is_a_folder_of_its_own(
  tmp_path: pathlib.Path, model: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  flags = [f"--model={model}", "--export_dir=export", "--format=web"]
  _fails(tmp_path, "takes one of the --variants float16", "--variants=int8", *flags, status=2)
  _fails(tmp_path, "takes one of", "--variants=float16,dynamic", *flags, status=2)
  monkeypatch.setattr(web_files, "_INSTALLED", "nowhere")
  _fails(tmp_path, "LiteRT.js", *flags)
  monkeypatch.setattr(web_files, "runtime", lambda: {"litert.js": b"export {};"})
  status, out, err = _export(tmp_path, "--variants=dynamic", *flags)
  assert (status, err) == (0, "")
  written = [path for path in (tmp_path / "export/web").rglob("*") if path.is_file()]
  assert out == f"export/web: {sum(path.stat().st_size for path in written)} bytes\n"
  assert os.listdir(tmp_path / "export") == ["web"]


def test_a_damaged_model_leaves_nothing(tmp_path: pathlib.Path, model: pathlib.Path) -> None:
  broken = tmp_path / "broken"
  shutil.copytree(model, broken)
  (broken / "decoder.npz").write_bytes(b"PK")
  _fails(tmp_path, "decoder.npz", "--model=broken", "--export_dir=export")


def _interrupt(process: subprocess.Popen, folder: pathlib.Path, number: int) -> None:
  """Sends a signal as soon as part of an export has been written below the folder."""
  written = ".writing-*.part/new/*/1/variables/*"
  out, err = programs.interrupt(process, lambda: list(folder.glob(written)), number)
  assert out == ""
  if number == signal.SIGKILL:
    return
  assert process.returncode == 128 + number, err
  assert err == ("error: interrupted\n" if number == signal.SIGINT else "")
  assert not list(folder.glob(".*")), "something temporary is left"


# The program, with an export that writes part of its files and goes on for ever.
SLOW_EXPORT = """
import pathlib, runpy, sys, time, types

def export(codec, folder):
  (folder / "encoder/1/variables").mkdir(parents=True)
  (folder / "encoder/1/variables/part").write_text("half a")
  while True:
    time.sleep(1)

module = types.ModuleType("compression.exporting.saved_model")
module.export = export
sys.modules[module.__name__] = module
runpy.run_module("compression.export", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_export_leaves_all_as_it_was(
  tmp_path: pathlib.Path, model: pathlib.Path, number: int
) -> None:
  (tmp_path / "slow_export.py").write_text(SLOW_EXPORT)
  flags = [f"--model={model}", "--export_dir=export", "--overwrite"]
  old = tmp_path / "export/encoder/1/saved_model.pb"
  if number == signal.SIGTERM:
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
  process = programs.start(str(tmp_path / "slow_export.py"), tmp_path, *flags)
  _interrupt(process, tmp_path, number)
  if number == signal.SIGTERM:
    assert old.read_bytes() == b"old"
  else:
    assert not (tmp_path / "export").exists()
  if number == signal.SIGKILL:  # what it left is in nobody's way
    status, _, err = _export(tmp_path, *flags, "--format=tflite", "--variants=float32")
    assert (status, err) == (0, "")


def test_the_help_names_the_formats(tmp_path: pathlib.Path) -> None:
  status, out, _ = _export(tmp_path, "--help")
  assert status == 0
  for word in (
    "--model",
    "--export_dir",
    "--format",
    "saved_model",
    "tflite",
    "int8",
    "web",
    "--photos",
    "--overwrite",
  ):
    assert word in out
