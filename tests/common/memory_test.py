"""What is freed is the system's again; a peak is that of this process."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from compression.common import memory
from compression.common.errors import CompressionError
from tests import programs

# How many MiB the process has less after freeing 9 blocks of 20. That one of 30 was freed before is
# what leads glibc to keep smaller ones.
_SCRIPT = """
import os, sys
import numpy as np
from compression.common.memory import return_large_blocks
def resident():
  with open("/proc/self/statm") as file:
    return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
if "return" in sys.argv:
  return_large_blocks()
np.ones(30 * 2**20, np.uint8)
blocks = [np.ones(20 * 2**20, np.uint8) for _ in range(10)]
before = resident()
del blocks[:-1]  # the last one keeps the system from taking back the end of the heap
print(before - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_large_blocks_that_were_freed_are_the_systems() -> None:
  freed = {}
  for wish in ("keep", "return"):
    done = subprocess.run(
      [sys.executable, "-c", _SCRIPT, wish], capture_output=True, text=True, check=True
    )
    freed[wish] = float(done.stdout)
  assert freed["return"] > 170 and freed["return"] >= freed["keep"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_peak_is_not_that_of_the_process_which_started_this_one() -> None:
  code = "from compression.common import memory; print(memory.peak_bytes())"
  large = np.ones(500 * 2**20, np.uint8)
  run = [sys.executable, "-c", code]
  done = subprocess.run(run, capture_output=True, text=True, check=True)
  assert 2**20 < int(done.stdout) < large.nbytes < memory.peak_bytes()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_peak_of_a_program_grows_with_what_it_does(
  tmp_path: pathlib.Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setenv("PYTHONPATH", str(programs.ROOT))
  peaks = []
  for repeat in (1, 6):
    Image.fromarray(np.tile(photo, (repeat, repeat, 1))).save(tmp_path / "a.bmp")
    flags = [f"{tmp_path}/a.bmp", "--model=jpeg420", "--overwrite"]
    peaks.append(memory.peak_of_program("compression.compress", flags))
  assert peaks[0] + 35 * photo.size < peaks[1] < 2**30
  with pytest.raises(CompressionError, match="compression.compress ended with status 2"):
    memory.peak_of_program("compression.compress", ["--jobs=x"])
