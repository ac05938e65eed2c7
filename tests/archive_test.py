"""`python -m compression.archive`: the files and tables of one machine, made by several workers."""

from __future__ import annotations

import csv
import functools
import json
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("apache_beam", reason="Apache Beam is not installed")

from compression.codecs import registry
from compression.evaluation import plots
from compression.images.photos import read_photo
from tests import object_store, programs, shared

PROGRAM = "compression.archive"
PROCESSES = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
DCT = "--model=dct"
PLANES = f"{programs.ROOT}/tests/codecs/examples.py:Planes"

# Kills the worker at the photo of this height, as long as there is a file of that name.
_DEADLY = """
import os, signal
from compression.codecs.dct import DCT as Base

class Deadly(Base):
  def compress(self, image, setting, /):
    if image.shape[0] == 44 and os.path.exists("deadly"):
      os.kill(os.getpid(), signal.SIGKILL)
    return super().compress(image, setting)
"""

_call = functools.partial(programs.call, PROGRAM)
_refuses = functools.partial(programs.refuses, PROGRAM)


@pytest.fixture
def folder(
  tmp_path: pathlib.Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> pathlib.Path:
  """Five photos, some of them in a folder of folders."""
  monkeypatch.setattr(plots, "write_all", lambda *_: [])  # which takes most of the time
  shared.work_here(monkeypatch)
  (tmp_path / "photos/more/deep").mkdir(parents=True)
  for k, name in enumerate(("a.png", "b.png", "more/c.png", "more/d.png", "more/deep/e.png")):
    height = 44 if "deep" in name else 48
    Image.fromarray(photo[9 * k :][:height, :50]).save(tmp_path / "photos" / name)
  return tmp_path


def _contents(folder: pathlib.Path, pattern: str) -> dict[str, bytes]:
  found = sorted(folder.glob(pattern))
  return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _plain(folder: pathlib.Path, *flags: str) -> dict[str, bytes]:
  """What `compress` makes of the same photos, below their folders."""
  for path in folder.glob("photos/**/*.png"):
    target = folder / "plain" / path.parent.relative_to(folder / "photos")
    status, _, err = programs.call(
      "compression.compress", folder, str(path), f"--output_dir={target}", *flags
    )
    assert (status, err) == (0, "")
  return _contents(folder / "plain", "**/*.dct")


def test_photos_become_the_files_of_one_machine_and_photos_again(folder: pathlib.Path) -> None:
  flags = ("--images=photos/**.png", "--output_dir=files", DCT, "--target_bpp=1")
  status, out, err = _call(folder, "compress", *flags)
  assert (status, err) == (0, "")
  assert out.startswith("5 done, 0 skipped, 0 failed; ") and out.endswith(" photos per minute\n")
  files = _contents(folder / "files", "**/*.dct")
  assert len(files) == 5 and files == _plain(folder, DCT, "--target_bpp=1")
  assert set(_contents(folder / "files", "*.*")) == {"a.dct", "archive.json", "b.dct"}

  status, out, err = _call(folder, "decompress", "--files=files/more/*", "--output_dir=back")
  assert (status, err) == (0, "") and out.startswith("2 done, ") and "files per minute" in out
  names = [f"files/more/{name}.dct" for name in "cd"]
  assert programs.call("compression.decompress", folder, *names, "--output_dir=expected")[0] == 0
  images = _contents(folder / "expected", "*.png")
  assert len(images) == 2 and images == _contents(folder / "back", "**/*.png")


def test_bad_files_and_twins_are_left_out_and_listed(folder: pathlib.Path) -> None:
  for k in range(10):
    (folder / f"photos/text{k}.png").write_text("no photo")
  shutil.copy(folder / "photos/a.png", folder / "photos/a.bmp")
  flags = ("--images=photos/*", "--output_dir=files", DCT)
  status, out, err = _call(folder, "compress", *flags)
  assert status == 1 and out.startswith("1 done, 0 skipped, 12 failed; ")
  lines = err.splitlines()
  assert len(lines) == 11
  assert lines[0] == "error: photos/a.bmp: a.dct would be the output of photos/a.png, too"
  assert lines[2] == "error: photos/text0.png: not an image that can be read"
  assert lines[10] == "error: 12 files were left out: files/unreadable.txt"
  listed = (folder / "files/unreadable.txt").read_text().splitlines()
  assert [f"error: {line}" for line in listed[:10]] == lines[:10] and len(listed) == 12
  for path in (*folder.glob("photos/text*"), folder / "photos/a.bmp"):
    path.unlink()
  status, out, err = _call(folder, "compress", *flags, "--skip_existing")
  assert (status, err) == (0, "") and out.startswith("1 done, 1 skipped, 0 failed; ")
  assert not (folder / "files/unreadable.txt").exists()


def test_results_that_exist_are_refused_replaced_or_left(folder: pathlib.Path) -> None:
  (folder / "files").mkdir()
  (folder / "files/a.dct").write_bytes(b"other")
  flags = ("compress", "--images=photos/*", "--output_dir=files", DCT)
  status, out, err = _call(folder, *flags)
  assert status == 1 and out.startswith("1 done, 0 skipped, 1 failed; ")
  assert err == "error: photos/a.png: files/a.dct: exists already; --overwrite replaces it\n"
  _refuses(folder, "files/archive.json: exists already; --skip_existing goes on", *flags)
  status, out, _ = _call(folder, *flags, "--skip_existing")
  assert status == 0 and out.startswith("0 done, 2 skipped, ")
  assert (folder / "files/a.dct").read_bytes() == b"other"
  _refuses(
    folder, "files: was begun with another quality", *flags, "--skip_existing", "--setting=9"
  )
  status, out, _ = _call(folder, *flags, "--overwrite", "--setting=9")
  assert status == 0 and out.startswith("2 done, 0 skipped, ")
  assert (folder / "files/a.dct").read_bytes() != b"other"
  flags = ("compress", "--images=photos/a.png", "--output_dir=photos", "--model=jpeg420")
  shutil.copy(folder / "photos/a.png", folder / "photos/a.jpg")
  status, _, err = _call(folder, *flags[:1], "--images=photos/a.jpg", *flags[2:], "--overwrite")
  assert status == 1 and "is the input, too, which is never written" in err


def test_files_that_are_cut_short_are_done_as_far_as_they_are_whole(folder: pathlib.Path) -> None:
  codec = registry.find(PLANES)
  image = read_photo(folder / "photos/a.png").image
  data = codec.compress(image, 8)
  (folder / "cut.planes").write_bytes(data[:-1])
  flags = ("decompress", "--files=*.planes", "--output_dir=out", f"--model={PLANES}")
  status, out, err = _call(folder, *flags)
  assert status == 0 and out.startswith("1 done, 0 skipped, 0 failed; ")
  assert err.startswith("warning: cut.planes: ") and len(err.splitlines()) == 1
  assert (folder / "out/unreadable.txt").read_text() == err.removeprefix("warning: ")
  np.testing.assert_array_equal(
    read_photo(folder / "out/cut.png").image, codec.decompress(codec.compress(image, 7))
  )
  status, out, err = _call(folder, *flags, "--strict", "--overwrite")
  assert status == 1 and err.startswith("error: cut.planes: ")


def test_an_object_store_is_a_folder_as_any(
  folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  local = _contents(folder / "photos", "**/*.png")
  photos = {f"mem://photos/{name}": data for name, data in local.items()}
  monkeypatch.setattr(object_store, "OBJECTS", dict(photos))
  flags = ("compress", "--images=mem://photos/**.png", "--output_dir=mem://files", DCT)
  status, out, err = _call(folder, *flags)
  assert (status, err) == (0, "") and out.startswith("5 done, ")
  made = {name: data for name, data in object_store.OBJECTS.items() if name not in photos}
  assert json.loads(made.pop("mem://files/archive.json"))["quality"] == ["setting", 24]
  expected = _plain(folder, DCT)
  assert made == {f"mem://files/{name}": data for name, data in expected.items()}
  status, out, _ = _call(folder, *flags, "--skip_existing")
  assert status == 0 and out.startswith("0 done, 5 skipped, ")


@pytest.mark.parametrize(
  "arguments, complaint",
  [
    ([], "a command is missing: compress, decompress, evaluate"),
    (["compact"], "a command is missing"),
    (["compress", "--output_dir=o"], "--images is missing"),
    (["decompress", "--files=*"], "--output_dir is missing"),
    (["decompress", "--files=*", "--output_dir=o", "--images=*"], "--images: decompress has none"),
    (["evaluate", "--images=*", "--output_dir=o", DCT], "--model: evaluate has none"),
    (["compress", "--images=*", "--output_dir=o*"], "--output_dir=o*: may not hold"),
    (["compress", "--images=*", "--output_dir=o", "--kep=1"], "Unknown command line flag 'kep'"),
    (["compress", "--images=*", "--output_dir=o", "--setting=1", "--target_bpp=1"], "exclude each"),
    (["compress", "--images=*", "--output_dir=o", DCT, "--iterations=4"], "dct has none"),
    (["compress", "--images=*", "--output_dir=o", "--overwrite", "--skip_existing"], "exclude"),
  ],
)
def test_what_is_wrong_is_one_line(
  tmp_path: pathlib.Path, arguments: list[str], complaint: str
) -> None:
  (tmp_path / "a.png").touch()
  _refuses(tmp_path, complaint, *arguments, status=2)


def test_a_pattern_that_matches_nothing_is_a_line(tmp_path: pathlib.Path) -> None:
  _refuses(tmp_path, "*.png: matches no file", "compress", "--images=*.png", "--output_dir=o", DCT)


def _rows(file: pathlib.Path) -> list[list[str]]:
  """All but the seconds."""
  with open(file, newline="") as rows:
    table = list(csv.DictReader(rows))
  return [[value for name, value in row.items() if "seconds" not in name] for row in table]


def test_an_evaluation_is_that_of_one_machine_and_goes_on(folder: pathlib.Path) -> None:
  flags = ("--images=photos/*.png", f"--codecs={PLANES},jpeg420")
  status, out, err = _call(folder, "evaluate", *flags, "--output_dir=ours")
  assert (status, err) == (0, "")
  status, expected, err = programs.call(
    "compression.evaluate", folder, *flags, "--output_dir=theirs", "--nothroughput"
  )
  assert (status, err) == (0, "")
  tables, _, summary = out[:-1].rpartition("\n")
  assert f"{tables}\n" == expected and summary.startswith("2 done, 0 skipped, 0 failed; ")
  rows = _rows(folder / "ours/results.csv")
  assert rows and rows == _rows(folder / "theirs/results.csv")
  for name in ("run.json", "tables.md"):
    assert (folder / "ours" / name).read_bytes() == (folder / "theirs" / name).read_bytes()

  # More photos: those that were done are not done again, and the bad one is left out.
  Image.open(folder / "photos/a.png").resize((8, 90)).save(folder / "photos/narrow.png")
  shutil.copy(folder / "photos/more/c.png", folder / "photos/c.png")
  status, out, err = _call(folder, "evaluate", *flags, "--output_dir=ours")
  assert status == 0 and out.splitlines()[-1].startswith("1 done, 2 skipped, 1 failed; ")
  assert err.startswith("warning: photos/narrow.png: has 8x90 pixels; MS-SSIM needs sides of")
  assert _rows(folder / "ours/results.csv")[: len(rows)] == rows
  less = ("evaluate", "--images=photos/*.png", "--output_dir=ours", f"--codecs={PLANES}")
  _refuses(folder, "was begun with other codecs: jpeg420 is not among those of this run", *less)
  other = ("evaluate", "--images=photos/[ac].png", "--output_dir=ours", flags[1])
  _refuses(folder, "was begun with other images: b.png is not among", *other)


@pytest.mark.slow
def test_the_rest_is_done_after_a_worker_was_killed(folder: pathlib.Path) -> None:
  (folder / "deadly.py").write_text(_DEADLY)
  (folder / "deadly").touch()
  flags = ("--images=photos/**.png", "--output_dir=files", "--skip_existing", *PROCESSES)
  command = ("compress", "--model=deadly.py:Deadly", *flags)
  status, out, err = programs.run(PROGRAM, folder, *command)
  assert (status, out) == (1, "") and len(err.splitlines()) == 1, err
  assert "a worker was killed at photos/more/deep/e.png, perhaps as memory ran out" in err
  before = {path: path.stat().st_mtime_ns for path in folder.glob("files/**/*.dct")}
  assert folder / "files/more/deep/e.dct" not in before and len(before) < 5
  (folder / "deadly").unlink()
  status, out, err = programs.run(PROGRAM, folder, *command)
  assert (status, err) == (0, "")
  assert out.startswith(f"{5 - len(before)} done, {len(before)} skipped, 0 failed; ")
  assert all(path.stat().st_mtime_ns == time for path, time in before.items())
  assert _contents(folder / "files", "**/*.dct") == _plain(folder, DCT)
  assert not (folder / "files/archive.parts").exists()
