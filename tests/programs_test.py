"""What concerns all programs: photos there and back, help, memory."""

from __future__ import annotations

import io
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from compression.metrics import psnr
from tests import programs

ROOT = pathlib.Path(__file__).resolve().parent.parent

TILES_KIB = 2.75 * 2**20
"""It is 2.0 GiB at most, on 2 to 64 threads, however they are scheduled. For 24 megapixels the
large blocks of a tile, 2.1 of 2.75 GiB, grow by a tenth, as it has 90 x 90 blocks and not 86 x 86;
the photo, its codes and what is restored take 8 bytes a pixel: 3 GiB and 0.2 GB, which is 3.4 GB.
"""

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
  for part in ("213x165 pixels", "mobile (", "learned", "2 of 2", "whole"):
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


# Compresses and decompresses a photo of 2.2 megapixels. Prints how many tiles it takes, the peak of
# this process, and what it has at its end, in KiB; glibc adds its own statistics.
_TILES = """
import ctypes, resource, sys
import numpy as np
import compression
from compression.codecs.recurrent.tiling import Tiling, tiles
from compression.common.memory import peak_bytes
from compression.formats import rnic
from compression.metrics import psnr

image = np.tile(np.load(sys.argv[1]), (3, 3, 1))[:1500, :1500]
codec = compression.load("mobile")
data = codec.compress(image, 2)
assert float(psnr(image, codec.decompress(data))) > 23
header = rnic.read_header(data)
tiling = Tiling(header.tile, header.halo)
print(len(list(tiles(header.blocks_high, header.blocks_wide, tiling))))
print(peak_bytes() // 1024)
with open("/proc/self/statm") as file:
  print(int(file.read().split()[1]) * resource.getpagesize() // 1024)
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_photo_in_tiles_leaves_room_below_4_gb_on_many_cores(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  """The peak, and what it would be if threads came to write to all that is allocated at a time.

  As many of them run at once as there are cores, and of a block counts what was written to; but the
  most that large blocks ever were is the same on all machines.
  """
  # As on 64 cores without the instructions that oneDNN is for: each thread has a heap of its own.
  many = {"TF_NUM_INTRAOP_THREADS": "64", "TF_NUM_INTEROP_THREADS": "64", "MALLOC_ARENA_MAX": "512"}
  np.save(tmp_path / "photo.npy", photo)
  done = subprocess.run(
    [sys.executable, "-c", _TILES, str(tmp_path / "photo.npy")],
    env={**os.environ, **many, "TF_ENABLE_ONEDNN_OPTS": "0"},
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  count, peak_kib, rest_kib = map(int, done.stdout.split())
  (large,) = re.findall(r"^max mmap bytes += +(\d+)$", done.stderr, re.MULTILINE)
  assert count == 4
  assert 2**20 < int(large) // 1024 + rest_kib < TILES_KIB
  assert peak_kib < TILES_KIB
