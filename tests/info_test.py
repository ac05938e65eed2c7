"""The program that says what is in files: every row of it, without TensorFlow, damaged or not."""

from __future__ import annotations

import functools
import itertools
import pathlib

import numpy as np
import pytest

from compression.codecs import model_folders, registry
from compression.codecs.recurrent import folders
from compression.formats import rnic
from compression.formats.rnic import Header
from tests import programs
from tests.codecs.examples import Planes

PAYLOADS = (b"first", b"second", b"3")
LEARNED = Header(
  height=165,
  width=213,
  layers=3,
  model_id=folders.model_id(model_folders.find()),
  entropy_coder=1,
  tables_id=0x00AB,
)
TILED = Header(height=16, width=32, layers=3, model_id=bytes(range(1, 9)), tile=64, halo=3)

_info = functools.partial(programs.call, "compression.info")
_refuses = functools.partial(programs.refuses, "compression.info")


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
  """With a file."""
  (tmp_path / "photo.rnic").write_bytes(rnic.write(LEARNED, PAYLOADS))
  return tmp_path


def test_every_row_of_a_whole_file_without_tensorflow(folder: pathlib.Path) -> None:
  expected = f"""\
photo.rnic
  image         213x165 pixels
  file          62 bytes, 0.014 bpp, 1700.6:1
  model         mobile ({LEARNED.model_id.hex()})
  entropy coder learned (version 00ab)
  tiles         none
  iterations    3 of 3
  state         whole
  iterations    bytes up to it    bpp
             1              43  0.010
             2              55  0.013
             3              62  0.014
"""
  programs.hide(folder, "tensorflow")
  assert programs.run("compression.info", folder, "photo.rnic") == (0, expected, "")


def test_files_of_other_codecs(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
  image = np.full([20, 30, 3], 100, np.uint8)
  registry.names()  # all that is ours is registered by now
  monkeypatch.setattr(registry, "_codecs", {**registry._codecs, "planes": Planes})
  (folder / "a.jpg").write_bytes(registry.find("jpeg420").compress(image, 40))
  (folder / "a.planes").write_bytes(Planes().compress(image, 2)[:-1])
  status, out, err = _info(folder, "a.jpg", "a.planes")
  assert (status, err) == (0, "")
  size = (folder / "a.jpg").stat().st_size
  assert (
    out
    == f"""\
a.jpg
  image         30x20 pixels
  file          {size} bytes, {8 * size / 600:.3f} bpp, {24 * 600 / 8 / size:.1f}:1
  format        JPEG
a.planes
  image         30x20 pixels
  file          458 bytes, 6.107 bpp, 3.9:1
  coder         none
  planes        1 of 2
  state         cut short: 1 of 2 planes are whole
  planes        bytes up to it    bpp
             1             234  3.120
"""
  )


def test_tiles_and_models_that_are_not_installed(folder: pathlib.Path) -> None:
  data = rnic.write(TILED, PAYLOADS)
  status, out, err = programs.feed("compression.info", folder, data, "-")
  assert (status, err) == (0, "")
  rows = out.decode().splitlines()
  assert rows[0] == "-"
  assert rows[3:6] == [
    "  model         not installed (0102030405060708)",
    "  entropy coder none",
    "  tiles         1024 pixels, 48 of context",
  ]


def test_damage_is_told_and_the_whole_layers_are_listed(folder: pathlib.Path) -> None:
  whole = (folder / "photo.rnic").read_bytes()
  damaged = {
    "cut": (whole[:-1], "cut short: 2 of 3 layers are whole", 2),
    "broken": (
      whole[:-8] + b"?" + whole[-7:],
      "layer 2 of 3 is damaged: the layer before it is",
      1,
    ),
    "long": (whole + b"more", "4 bytes after the last layer", 3),
  }
  for name, (data, *_) in damaged.items():
    (folder / name).write_bytes(data)
  status, out, err = _info(folder, *damaged)
  assert (status, err) == (0, "")
  for name, (_, state, layers) in damaged.items():
    lines = out[out.index(f"{name}\n") :].splitlines()[1:]
    part = [name, *itertools.takewhile(lambda line: line.startswith(" "), lines)]
    assert part[6] == f"  iterations    {layers} of 3"
    assert part[7].startswith(f"  state         {state}")
    assert [int(row.split()[0]) for row in part[9:]] == list(range(1, layers + 1))


def test_what_is_no_such_file_is_named_and_the_others_are_described(folder: pathlib.Path) -> None:
  (folder / "a").write_text("not an image")  # a name that messages contain by chance
  (folder / "empty").touch()
  (folder / "header").write_bytes((folder / "photo.rnic").read_bytes()[: rnic.HEADER_BYTES])
  (folder / "folder").mkdir()
  status, out, err = _info(folder, "a", "empty", "header", "folder", "photo.rnic")
  assert status == 1
  assert out.startswith("photo.rnic\n")
  assert err.splitlines() == [
    "error: a: no codec knows such a file: it starts with b'not '",
    "error: empty: no codec knows such a file: it starts with b''",
    "error: header: cut short: no layer is whole (of 3)",
    "error: folder: cannot be read: Is a directory",
  ]
  _refuses(folder, "gone: no such file", "gone")
  _refuses(folder, "no file was named", status=2)
  status, nothing, err = programs.feed("compression.info", folder, b"", "-")
  assert (status, nothing) == (1, b"")
  assert err.startswith("error: standard input: no codec knows such a file")
