"""A file is the same bytes and bits on every machine, and pixels that are at most one step off."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import compression
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.formats import rnic
from tests.entropy.bits.examples import make_coder, make_model, random_bits
from tests.machines import MACHINES
from tests.near import assert_near_pixels

ROOT = pathlib.Path(__file__).resolve().parents[1]

# What runs on the other machine. There, too, TensorFlow's convolutions find the same integers.
_SCRIPT = """
import hashlib, pathlib, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import compression
from compression.entropy.bits import learned
from compression.formats import rnic
from tests.entropy.bits.reference import Reference

folder = pathlib.Path(sys.argv[2])
bits = np.load(folder / "bits.npy")
coder = learned.load(folder / "coder")
payloads = coder.encode(bits)
assert (coder.decode(payloads, bits.shape[1:]) == bits).all()
theirs = Reference(coder._model.config, dict(np.load(folder / "coder/weights.npz"))).encode(bits)
for layer, (indexes, _) in zip(coder._model.encode(bits), theirs):
  assert (layer.indexes == indexes).all()
print(hashlib.sha256(b"".join(payloads)).hexdigest())

data = (folder / "photo.rnic").read_bytes()
codec = compression.load()
header = rnic.read_header(data)
shape = (header.blocks_high, header.blocks_wide, codec.config.bits)
bits = codec.entropy_coder("learned").decode(rnic.read(data).payloads, shape)
np.savez(folder / "decoded.npz", bits=bits, image=codec.decompress(data))
"""


@pytest.fixture(scope="module")
def codec() -> RecurrentCodec:
  """The released model."""
  return compression.load()


@pytest.fixture(scope="module")
def data(codec: RecurrentCodec, photo: np.ndarray) -> bytes:
  """Its file of a small photo of odd size."""
  return codec.compress(np.ascontiguousarray(photo[20:67, 60:125]), 16)


@pytest.mark.slow
@pytest.mark.parametrize("variables", MACHINES)
def test_every_machine_writes_and_reads_the_same(
  codec: RecurrentCodec, data: bytes, tmp_path: pathlib.Path, variables: dict[str, str]
) -> None:
  bits = random_bits(4, 9, 10)
  np.save(tmp_path / "bits.npy", bits)
  payloads = make_coder(make_model(), tmp_path / "coder").encode(bits)
  (tmp_path / "photo.rnic").write_bytes(data)
  done = subprocess.run(
    [sys.executable, "-c", _SCRIPT, str(ROOT), str(tmp_path)],
    env={**os.environ, **variables},
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  assert done.stdout == hashlib.sha256(b"".join(payloads)).hexdigest() + "\n"
  header = rnic.read_header(data)
  assert rnic.ENTROPY_CODERS[header.entropy_coder] == "learned"
  shape = (header.blocks_high, header.blocks_wide, codec.config.bits)
  with np.load(tmp_path / "decoded.npz") as found:
    expected = codec.entropy_coder("learned").decode(rnic.read(data).payloads, shape)
    np.testing.assert_array_equal(found["bits"], expected)
    assert_near_pixels(found["image"], codec.decompress(data))
