"""Claims about the command line `tools/compare_entropy_coders.py`."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image

from compression.codecs import model_folders
from compression.codecs.recurrent import codec as recurrent
from compression.codecs.recurrent import folders
from tests import programs
from tests.entropy.bits.examples import make_coder, make_model

run = functools.partial(programs.call, "tools/compare_entropy_coders.py")


def test_the_table_is_of_real_bytes(tmp_path, photo):
  Image.fromarray(photo[100:171, 200:290]).save(tmp_path / "a.png")
  folder = folders.entropy_coder_folder(model_folders.find())
  make_coder(make_model(layer_depth=32, layer_count=16), tmp_path / "random")
  status, out, err = run(tmp_path, "--images=*.png", f"--coders={folder},random")
  assert (status, err) == (0, "")
  head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in out.splitlines()]
  assert head[2:7] == [f"saved at {t}" for t in (1, 2, 4, 8, 16)]
  assert [row[:2] for row in rows] == [[str(folder), "interlaced"], ["random", "interlaced"]]
  codec = recurrent.load()
  bits = codec.encode(np.ascontiguousarray(photo[100:171, 200:290]))
  payloads = codec.entropy_coder("learned").encode(bits)
  for column, t in zip(range(2, 7), (1, 2, 4, 8, 16)):
    saved = 1 - sum(map(len, payloads[:t])) * 8 / bits[:t].size
    assert rows[0][column] == f"{saved:.1%}"
    assert float(rows[0][column][:-1]) > float(rows[1][column][:-1])
  assert all(float(cell) >= 0 for row in rows for cell in row[7:])


def test_what_is_no_coder_is_named(tmp_path, photo):
  Image.fromarray(photo[:20, :20]).save(tmp_path / "a.png")
  status, out, err = run(tmp_path, "--images=*.png", "--coders=gone")
  assert (status, out) == (1, "")
  assert "gone/config.json: cannot be read" in err and err.count("\n") == 1
  assert run(tmp_path, "--images=*.png")[0] == 2
