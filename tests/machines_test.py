"""A file decodes to the same bits on every machine, and to pixels that are at most one step off."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import compression
from compression.formats import rnic
from tests.machines import MACHINES

TOLERANCE = 1
"""Of pixels, in steps of 255: the image networks compute in floating point."""

_DECODE = """
import pathlib, sys
import numpy as np
import compression
from compression.formats import rnic
folder = pathlib.Path(sys.argv[1])
data = (folder / "photo.rnic").read_bytes()
codec = compression.load()
header = rnic.read_header(data)
shape = (header.blocks_high, header.blocks_wide, codec.config.bits)
bits = codec.entropy_coder("learned").decode(rnic.read(data).payloads, shape)
np.savez(folder / "decoded.npz", bits=bits, image=codec.decompress(data))
"""


@pytest.mark.slow
def test_every_machine_decodes_the_same(tmp_path: pathlib.Path, photo: np.ndarray) -> None:
  codec = compression.load()
  image = np.ascontiguousarray(photo[20:211, 60:319])
  bits = codec.encode(image)
  data = codec.compress(image, 16)
  assert rnic.ENTROPY_CODERS[rnic.read_header(data).entropy_coder] == "learned"
  (tmp_path / "photo.rnic").write_bytes(data)
  expected = codec.decompress(data).astype(int)
  for name, variables in MACHINES.items():
    done = subprocess.run(
      [sys.executable, "-c", _DECODE, str(tmp_path)],
      env={**os.environ, **variables},
      capture_output=True,
      text=True,
    )
    assert done.returncode == 0, f"{name}: {done.stderr}"
    with np.load(tmp_path / "decoded.npz") as found:
      np.testing.assert_array_equal(found["bits"], bits, err_msg=name)
      difference = np.abs(found["image"].astype(int) - expected).max()
    assert difference <= TOLERANCE, f"{name}: {difference}"
