"""Files of codes as the 2017 release has them: read, or refused in a line."""

from __future__ import annotations

import os
import random
import zipfile

import numpy as np
import pytest

from compression.common.errors import FormatError
from compression.datasets.code_archives import read_codes

SHAPE = (3, 1, 2, 5, 8)


def some_bits(shape=SHAPE):
  return np.random.default_rng(1).random(shape) < 0.5


def members(shape=SHAPE, **changes):
  """The arrays of a file, as the release writes them."""
  return {"shape": np.array(shape), "codes": np.packbits(some_bits(shape)), **changes}


@pytest.fixture
def file(tmp_path):
  """Where a file of codes is to be."""
  return tmp_path / "c.npz"


def refusal(file):
  """What is wrong with it, in one line that begins with its name."""
  with pytest.raises(FormatError) as caught:
    read_codes(str(file))
  message = str(caught.value)
  assert message.startswith(f"{file}: ") and "\n" not in message
  return message[len(f"{file}: ") :]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("shape", [SHAPE, (16, 1, 3, 1, 32), (1, 1, 1, 1, 1), (2, 1, 3, 1, 3)])
def test_the_bits_come_back_and_the_releases_files_have_no_size(file, save, shape):
  save(file, **members(shape))
  codes = read_codes(str(file))
  assert codes.size is None
  assert codes.bits.dtype == bool
  np.testing.assert_array_equal(codes.bits, some_bits(shape)[:, 0])


@pytest.mark.parametrize("size", [(32, 80), (17, 65)])
def test_the_size_is_any_that_needs_so_many_blocks(file, size):
  np.savez(file, **members(size=np.array(size)))
  found = read_codes(str(file)).size
  assert found == size and all(type(side) is int for side in found)


@pytest.mark.parametrize(
  "size", [(33, 80), (16, 80), (32, 81), (32, 64), (-1, -1), (32,), (32, 80, 3)]
)
def test_another_size_is_refused(file, size):
  np.savez(file, **members(size=np.array(size)))
  assert refusal(file) == f"size {size} does not fit codes of shape {SHAPE}"


@pytest.mark.parametrize(
  "shape",
  [(3, 2, 5, 8), (17, 1, 2, 5, 8), (0, 1, 2, 5, 8), (3, 2, 2, 5, 8), (3, 1, -2, -5, 8), ()],
  ids=str,
)
def test_shapes_of_no_codes_are_refused(file, shape):
  np.savez(file, shape=np.array(shape, np.int64), codes=np.zeros(30, np.uint8))
  assert refusal(file) == f"codes must have shape [1..16, 1, h, w, bits], received {shape}"


@pytest.mark.parametrize(
  "codes",
  [
    np.zeros(29, np.uint8),
    np.zeros(31, np.uint8),
    np.zeros(0, np.uint8),
    np.zeros(30, np.int8),
    np.zeros([5, 6], np.uint8),
  ],
  ids=["short", "long", "empty", "signed", "square"],
)
def test_codes_that_do_not_fit_the_shape_are_refused(file, codes):
  np.savez(file, **members(codes=codes))
  assert refusal(file) == f"codes must be 30 bytes for shape {SHAPE}"


def test_a_shape_that_overflows_is_refused_before_anything_is_allocated(file):
  np.savez(file, **{**members(), "shape": np.array([1, 1, 2**62, 2**62, 16])})
  assert "codes must be" in refusal(file)


@pytest.mark.parametrize(
  "shape",
  [5, np.array(SHAPE, float), [SHAPE], ["3", "1", "2", "5", "8"]],
  ids=["number", "floats", "nested", "texts"],
)
def test_a_shape_that_is_no_row_of_integers_is_refused(file, shape):
  np.savez(file, **{**members(), "shape": shape})
  assert refusal(file) == "is not a file of codes"


@pytest.mark.parametrize(
  "size",
  [32, [31.5, 79.0], [[32], [80]], ["32", "80"]],
  ids=["number", "floats", "nested", "texts"],
)
def test_a_size_that_is_no_row_of_integers_is_refused(file, size):
  np.savez(file, **members(size=size))
  assert refusal(file) == "is not a file of codes"


def test_members_that_are_missing_or_no_arrays(file):
  for name in ("shape", "codes"):
    arrays = members()
    del arrays[name]
    np.savez(file, **arrays)
    assert refusal(file).startswith(f"is not a file of codes: {name} is not a file")
  for raw in ("shape", "codes"):
    arrays = members()
    del arrays[raw]
    np.savez(file, **arrays)
    with zipfile.ZipFile(file, "a") as archive:
      archive.writestr(raw, bytes(SHAPE))
    refusal(file)


def test_pickles_are_refused(file):
  np.savez(file, **members(codes=np.array([None] * 30)))
  assert refusal(file) == "is not a file of codes"


def test_what_is_no_archive_is_refused(file):
  assert refusal(file) == "no such file"
  file.mkdir()
  assert refusal(file) == "is not a file of codes"
  file.rmdir()
  for content in (b"", b"PK", b"no codes"):
    file.write_bytes(content)
    assert refusal(file) == "is not a file of codes"
  with file.open("wb") as opened:
    np.save(opened, np.zeros(30, np.uint8))
  assert refusal(file) == "is not a file of codes"


def test_files_that_are_damaged_raise_nothing_else_and_are_closed(file):
  np.savez_compressed(file, **members(size=np.array([32, 80])))
  whole = file.read_bytes()
  rng = random.Random(1)
  before = len(os.listdir("/dev/fd"))
  refused = 0
  for number in range(400):
    damaged = bytearray(whole)
    damaged[rng.randrange(len(whole))] = rng.randrange(256)
    file.write_bytes(damaged if number % 2 else whole[: rng.randrange(len(whole))])
    try:
      read_codes(str(file))
    except FormatError as error:
      # While the traceback is there, what its frames hold is not collected.
      assert error.__traceback__ and len(os.listdir("/dev/fd")) == before
      refused += 1
  assert refused > 200
