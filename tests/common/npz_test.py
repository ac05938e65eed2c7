"""Archives of arrays from strangers: read, or refused in a line, and never run."""

from __future__ import annotations

import io
import os
import pathlib
import pickle
import random
import zipfile
from collections.abc import Callable

import numpy as np
import pytest

from compression.common.errors import ModelError
from compression.common.npz import read_arrays

ARRAYS = {
  "encoder/conv": np.arange(54, dtype=np.float16).reshape(3, 3, 3, 2),
  "gain/bias": np.linspace(-1, 1, 7),
  "kernels": np.arange(-5, 300, dtype=np.int32),
  "one": np.float32(3.5),
  "none": np.zeros([0, 4], np.int8),
}


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
  """Where an archive is to be."""
  return tmp_path / "weights.npz"


def content(save: Callable[..., None] = np.savez, **arrays: object) -> bytes:
  buffer = io.BytesIO()
  save(buffer, **arrays)
  return buffer.getvalue()


def refusal(file: pathlib.Path) -> str:
  """What is wrong with it, in one line that begins with its name."""
  with pytest.raises(ModelError) as caught:
    read_arrays(file)
  message = str(caught.value)
  start = f"{file}: is not an archive of weights: "
  assert message.startswith(start) and "\n" not in message
  return message[len(start) :]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_array_comes_back_with_its_type_and_shape(file, save):
  file.write_bytes(content(save, **ARRAYS))
  for path in (file, str(file)):
    found = read_arrays(path)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
      assert found[name].dtype == array.dtype and found[name].shape == array.shape
      np.testing.assert_array_equal(found[name], array)
  file.write_bytes(content(save))
  assert read_arrays(file) == {}


class Evil:
  """What unpickling would make a file of."""

  def __init__(self, path: pathlib.Path):
    self.path = path

  def __reduce__(self) -> tuple:
    return open, (str(self.path), "w")


def test_pickles_are_refused_and_never_run(file):
  evil = Evil(file.with_name("hacked"))
  fields = np.array([(1, evil)], [("number", int), ("object", object)])
  for members in ({"a": np.array([evil], object)}, {"a": fields}):
    file.write_bytes(content(**members))
    assert "allow_pickle=False" in refusal(file)
  file.write_bytes(pickle.dumps(evil))
  refusal(file)
  assert os.listdir(file.parent) == [file.name]


@pytest.mark.parametrize("data", [b"", b"x", b"PK\3\4", b"hello\n" * 100, b"PK\5\6" + b"\0" * 5])
def test_what_is_no_archive_is_refused(file, data):
  file.write_bytes(data)
  refusal(file)


def test_what_is_no_file_is_refused(file):
  assert "No such file" in refusal(file)
  file.mkdir()
  assert "Is a directory" in refusal(file)


def test_a_single_array_is_no_archive(file):
  with file.open("wb") as opened:
    np.save(opened, np.zeros(3))
  refusal(file)


def test_a_member_that_is_no_array_is_named(file):
  with zipfile.ZipFile(file, "w") as archive:
    archive.writestr("decoder/conv_in", b"hello")
  with pytest.raises(ModelError, match="weights.npz: decoder/conv_in is not an array"):
    read_arrays(file)


def test_an_array_that_claims_to_be_huge_is_refused(file):
  with zipfile.ZipFile(file, "w") as archive:
    for name, side in (("large.npy", 10**7), ("huge.npy", 2**62)):
      header = io.BytesIO()
      np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (side, side)}
      )
      archive.writestr(name, header.getvalue() + b"a few bytes")
  refusal(file)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_that_are_cut_short_are_refused_and_closed(file, save):
  whole = content(save, **ARRAYS)
  before = len(os.listdir("/dev/fd"))
  for length in range(0, len(whole), 29):
    file.write_bytes(whole[:length])
    with pytest.raises(ModelError) as caught:
      read_arrays(file)
    # While the traceback is there, what its frames hold is not collected.
    assert caught.tb and len(os.listdir("/dev/fd")) == before, length
    refusal(file)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_archives_raise_nothing_else(file, save):
  whole = content(save, **ARRAYS)
  rng = random.Random(1)
  refused = 0
  for _ in range(500):
    damaged = bytearray(whole)
    for _ in range(rng.choice([1, 1, 4])):
      damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    file.write_bytes(damaged)
    try:
      read_arrays(file)
    except ModelError as error:
      assert str(error).startswith(f"{file}: ") and "\n" not in str(error)
      refused += 1
  assert refused > 100
