"""Tests of compression/datasets/codes.py."""

from __future__ import annotations

import gzip
import os
import pathlib
from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from compression.common.errors import CompressionError, ConfigError, FormatError, OutputError
from compression.datasets import codes as codes_lib
from compression.datasets.codes import CodeSource, from_layers, pack, read_codes, write_codes

SHAPES = ((5, 7, 8), (1, 1, 1), (3, 2, 13), (1, 1, 512), (6, 4, 32))


def random_code(*shape: int, seed: int = 0) -> np.ndarray:
  return np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), shape)


def example(shape: object = (1, 1, 2), values: object = (1.0, -1.0)) -> bytes:
  """A record; None leaves a feature out."""
  features = {}
  if shape is not None:
    features["code_shape"] = tf.train.Feature(int64_list=tf.train.Int64List(value=shape))
  if values is not None:
    features["code"] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
  return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def write_records(path: pathlib.Path, *records: bytes) -> str:
  with tf.io.TFRecordWriter(str(path)) as writer:
    for record in records:
      writer.write(record)
  return str(path)


def complaint(error: type[CompressionError], pattern: object) -> str:
  with pytest.raises(error) as caught:
    read_codes(str(pattern))
  assert "\n" not in str(caught.value)
  return str(caught.value)


# Packed codes.


@pytest.mark.parametrize("shape", SHAPES)
def test_packing_loses_nothing_and_takes_a_bit_a_bit(shape: tuple[int, int, int]) -> None:
  code = random_code(*shape)
  packed = pack(code)
  assert packed.shape == shape
  assert packed.bits.nbytes == shape[0] * shape[1] * -(-shape[2] // 8)
  assert packed.unpack().dtype == np.int8
  np.testing.assert_array_equal(packed.unpack(), code)
  np.testing.assert_array_equal(pack(code.astype(np.float32)).bits, packed.bits)


@pytest.mark.parametrize("depth", [1, 8, 13])
def test_a_window_of_a_packed_code_is_that_of_the_code(depth: int) -> None:
  code = random_code(6, 9, depth)
  window = pack(code).unpack(slice(2, 5), slice(4, 9))
  np.testing.assert_array_equal(window, code[2:5, 4:9])


def test_layers_follow_each_other_in_the_channels() -> None:
  bits = np.random.default_rng(1).random([3, 4, 5, 6]) < 0.5
  code = from_layers(bits)
  assert code.shape == (4, 5, 18) and code.dtype == np.int8
  for k in range(3):
    np.testing.assert_array_equal(code[:, :, 6 * k : 6 * (k + 1)], np.where(bits[k], 1, -1))


# Files.


@pytest.mark.parametrize("name", ["codes", "codes.tfrecord", "codes.tfrecord.gz"])
def test_what_is_written_is_read(tmp_path: pathlib.Path, name: str) -> None:
  codes = [random_code(*shape) for shape in SHAPES]
  assert write_codes(tmp_path / name, iter(codes)) == len(codes)
  assert os.listdir(tmp_path) == [name]
  for code, read in zip(codes, read_codes(str(tmp_path / name))):
    np.testing.assert_array_equal(read.unpack(), code)


def test_the_records_are_those_of_the_release(tmp_path: pathlib.Path) -> None:
  code = random_code(2, 3, 4)
  write_codes(tmp_path / "codes", [code, code.astype(np.float64)])
  for record in tf.data.TFRecordDataset(str(tmp_path / "codes")):
    parsed = tf.io.parse_single_example(
      record,
      {
        "code_shape": tf.io.FixedLenFeature([3], tf.int64),
        "code": tf.io.FixedLenFeature([24], tf.float32),
      },
    )
    assert parsed["code_shape"].numpy().tolist() == [2, 3, 4]
    np.testing.assert_array_equal(parsed["code"], code.ravel())


def test_only_names_that_say_so_are_compressed(tmp_path: pathlib.Path) -> None:
  code = random_code(20, 20, 32)
  for name in ("plain", "small.gz"):
    write_codes(tmp_path / name, [code])
  assert (tmp_path / "plain").stat().st_size > 4 * code.size
  assert (tmp_path / "small.gz").stat().st_size < code.size / 2
  unpacked = gzip.decompress((tmp_path / "small.gz").read_bytes())
  assert unpacked == (tmp_path / "plain").read_bytes()


def test_compression_is_told_by_the_content(tmp_path: pathlib.Path) -> None:
  code = random_code(3, 4, 5)
  write_codes(tmp_path / "a", [code])
  write_codes(tmp_path / "b.gz", [-code])
  (tmp_path / "a").rename(tmp_path / "plain.gz")
  (tmp_path / "b.gz").rename(tmp_path / "packed")
  np.testing.assert_array_equal(read_codes(str(tmp_path / "plain.gz"))[0].unpack(), code)
  np.testing.assert_array_equal(read_codes(str(tmp_path / "packed"))[0].unpack(), -code)


def test_a_pattern_is_read_in_the_order_of_names(tmp_path: pathlib.Path) -> None:
  codes = [random_code(2, 2, 8, seed=seed) for seed in range(4)]
  for name, first in (("b", 2), ("a.gz", 0)):
    write_codes(tmp_path / name, codes[first : first + 2])
  read = [code.unpack() for code in read_codes(f"{tmp_path}/*")]
  np.testing.assert_array_equal(read, codes)
  write_codes(tmp_path / "[1]", codes[3:])  # a name, though it looks like a pattern
  assert len(read_codes(f"{tmp_path}/[1]")) == 1


@pytest.mark.parametrize(
  "wrong, words",
  [
    (np.zeros([2, 2, 2], np.int8), "other than -1 and +1. Received: 0"),
    (np.full([1, 1, 1], 0.5), "Received: 0.5"),
    (np.full([1, 1, 1], np.nan), "Received: nan"),
    (np.full([1, 1, 1], -128, np.int8), "Received: -128"),
    (np.ones([2, 2]), "shape (2, 2)"),
    (np.ones([2, 0, 2]), "shape (2, 0, 2)"),
    (np.ones([2, 2, 2], bool), "dtype bool"),
    (np.broadcast_to(np.int8(1), [2**15, 2**15, 1]), "1073741824 values"),
  ],
)
def test_what_is_no_code_is_refused_and_nothing_is_left(
  tmp_path: pathlib.Path, wrong: np.ndarray, words: str
) -> None:
  path = tmp_path / "codes.gz"
  with pytest.raises(FormatError) as caught:
    write_codes(path, [random_code(2, 2, 2), wrong])
  assert str(caught.value).startswith(f"{path}: code 2 ") and words in str(caught.value)
  assert not os.listdir(tmp_path)


def test_an_error_of_the_source_leaves_the_old_file(tmp_path: pathlib.Path) -> None:
  def broken() -> Iterator[np.ndarray]:
    yield random_code(2, 2, 2)
    raise KeyError

  path = tmp_path / "codes"
  path.write_bytes(b"old")
  with pytest.raises(KeyError):
    write_codes(path, broken())
  assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["codes"]


def test_an_output_that_cannot_be_written_is_refused_before_any_work(
  tmp_path: pathlib.Path,
) -> None:
  def untouched() -> Iterator[np.ndarray]:
    raise AssertionError
    yield

  (tmp_path / "old").touch()
  with pytest.raises(OutputError, match="exists already"):
    write_codes(tmp_path / "old", untouched(), overwrite=False)
  with pytest.raises(OutputError, match="there is no folder"):
    write_codes(tmp_path / "gone" / "codes", untouched())
  with pytest.raises(OutputError, match="is a directory"):
    write_codes(tmp_path, untouched())


def test_a_full_disk_is_one_clear_error(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  def no_room(self: object, record: bytes) -> None:
    raise tf.errors.ResourceExhaustedError(None, None, "no space left on device")

  monkeypatch.setattr(tf.io.TFRecordWriter, "write", no_room)
  with pytest.raises(OutputError, match="codes: cannot be written: no space left"):
    write_codes(tmp_path / "codes", [random_code(2, 2, 2)])
  assert not os.listdir(tmp_path)


def test_files_that_are_not_there(tmp_path: pathlib.Path) -> None:
  assert complaint(ConfigError, tmp_path / "gone") == f"{tmp_path}/gone: no such file"
  assert complaint(ConfigError, tmp_path / "*.gz") == f"{tmp_path}/*.gz: matches no file"
  assert complaint(FormatError, tmp_path) == f"{tmp_path}: is a directory"


def test_files_that_are_something_else(tmp_path: pathlib.Path) -> None:
  path = tmp_path / "codes"
  for content in (b"a text, longer than the header of a record", b"short", b"\0" * 100):
    path.write_bytes(content)
    assert complaint(FormatError, path).startswith(f"{path}: record 1 is cut short or damaged, or")
  path.write_bytes(gzip.compress(b"a text, longer than the header of a record"))
  assert complaint(FormatError, path).startswith(f"{path}: record 1 is cut short or damaged, or")
  path.write_bytes(b"\x1f\x8bnot really")
  assert complaint(FormatError, path).startswith(f"{path}: ")


# Named here: processes that run tests side by side must agree on names, and gzip writes the time.
@pytest.mark.parametrize("content", [b"", gzip.compress(b"")], ids=["empty", "gzip of nothing"])
def test_a_file_without_codes(tmp_path: pathlib.Path, content: bytes) -> None:
  (tmp_path / "codes").write_bytes(content)
  assert complaint(FormatError, tmp_path / "codes") == f"{tmp_path}/codes: holds no code"


@pytest.mark.parametrize(
  "record, words",
  [
    (b"\xff\xff\xff", "is no tf.train.Example"),
    (example(shape=None), "needs a code_shape of 3 integers of at least 1. Received: none"),
    (example(shape=[1, 2]), "Received: [1, 2]"),
    (example(shape=[1, 0, 2]), "Received: [1, 0, 2]"),
    (example(shape=[-1, -1, 2]), "Received: [-1, -1, 2]"),
    (example(values=None), "needs a code of 1 x 1 x 2 floats. Received: 0"),
    (example(values=[1]), "Received: 1"),
    (example(values=[1, 1, 1]), "Received: 3"),
    (example(shape=[2**40, 2**40, 2**40]), "Received: 2"),
    (example(values=[1, 0]), "has values other than -1 and +1. Received: 0"),
    (example(values=[float("nan"), 1]), "Received: nan"),
  ],
  ids=lambda value: value if isinstance(value, str) else "",
)
def test_records_that_are_no_codes_are_named(
  tmp_path: pathlib.Path, record: bytes, words: str
) -> None:
  path = write_records(tmp_path / "codes", example(), example(), record)
  message = complaint(FormatError, path)
  assert message.startswith(f"{path}: record 3 ") and message.endswith(words)


def test_a_plain_file_that_is_cut_names_the_first_record_that_is_not_whole(
  tmp_path: pathlib.Path,
) -> None:
  path = tmp_path / "codes"
  data = pathlib.Path(write_records(path, example(), example())).read_bytes()
  half = len(data) // 2
  for cut in (1, 8, 11, 12, 13, half - 5, half - 4, half - 1):  # header, content, checksum
    for records in (0, 1):
      path.write_bytes(data[: records * half + cut])
      message = complaint(FormatError, path)
      assert message.startswith(f"{path}: record {records + 1} is cut short"), cut
  path.write_bytes(data[:half])  # no one can tell
  assert len(read_codes(str(path))) == 1


def test_a_compressed_file_that_is_cut_anywhere_is_noticed(tmp_path: pathlib.Path) -> None:
  path = tmp_path / "codes.gz"
  write_codes(path, [random_code(1, 2, 8, seed=seed) for seed in range(3)])
  data = path.read_bytes()
  for length in {*range(2, len(data), 9), *range(len(data) - 9, len(data))}:
    path.write_bytes(data[:length])
    assert "cut short" in complaint(FormatError, path)
  path.write_bytes(data + data)
  assert len(read_codes(str(path))) == 6
  path.write_bytes(data + b"more")
  assert complaint(FormatError, path).startswith(f"{path}: record 4 is cut short or damaged")


@pytest.mark.parametrize("name", ["codes", "codes.gz"])
def test_a_flipped_bit_gives_no_other_code(tmp_path: pathlib.Path, name: str) -> None:
  path = tmp_path / name
  code = random_code(1, 2, 8)
  write_codes(path, [code])
  data = path.read_bytes()
  refused = 0
  places = range(3, len(data), 5)
  for place in places:
    broken = bytearray(data)
    broken[place] ^= 16
    path.write_bytes(broken)
    try:  # GZIP has bits that say nothing about the content
      np.testing.assert_array_equal(read_codes(str(path))[0].unpack(), code)
    except FormatError:
      refused += 1
  assert refused == len(places) if name == "codes" else refused > len(places) / 2


# Batches.


def numbered(count: int, shape: tuple[int, int, int] = (3, 4, 8)) -> list[codes_lib.PackedCode]:
  """Codes whose first channels hold their number, in every block."""
  codes = []
  for number in range(count):
    code = random_code(*shape, seed=number)
    code[:, :, :8] = np.where([number >> bit & 1 for bit in range(8)], 1, -1)
    codes.append(pack(code))
  return codes


def numbers(batch: np.ndarray) -> list[int]:
  return [int(bits @ (1 << np.arange(8))) for bits in batch[:, 0, 0, :8] > 0]


def test_batch_depends_on_seed_and_step_alone() -> None:
  codes = [pack(random_code(9, 8, 16, seed=seed)) for seed in range(5)]
  one, other = CodeSource(codes, 3, 4, seed=3), CodeSource(codes, 3, 4, seed=3)
  for step in (0, 7, 1):
    other.batch(step)
  for step in (0, 1, 7, 10**9):
    batch = one.batch(step)
    assert batch.shape == (3, *one.shape) == (3, 4, 4, 16) and batch.dtype == np.int8
    np.testing.assert_array_equal(batch, other.batch(step))
    np.testing.assert_array_equal(batch[1:], other.batch(step, 1, 3))
  assert not np.array_equal(one.batch(0), one.batch(1))
  assert not np.array_equal(one.batch(0), CodeSource(codes, 3, 4, seed=4).batch(0))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 6, 7, 15])
def test_each_code_comes_once_an_epoch_in_an_order_of_its_own(batch_size: int) -> None:
  source = CodeSource(numbered(6), batch_size)
  seen = [number for step in range(24) for number in numbers(source.batch(step))]
  epochs = [tuple(seen[start : start + 6]) for start in range(0, 24, 6)]
  assert all(sorted(epoch) == list(range(6)) for epoch in epochs)
  assert len(set(epochs)) == 4
  assert (source.steps_per_epoch - 1) * batch_size < 6 <= source.steps_per_epoch * batch_size


def test_whole_codes_are_those_of_the_list() -> None:
  codes = numbered(5)
  source = CodeSource(codes, 4)
  assert source.shape == (3, 4, 8) and source.note == ""
  batch = source.batch(0)
  for number, code in zip(numbers(batch), batch):
    np.testing.assert_array_equal(code, codes[number].unpack())


def test_windows_lie_in_the_codes_all_over() -> None:
  code = random_code(4, 5, 40)
  places = {
    code[top : top + 2, left : left + 2].tobytes(): (top, left)
    for top in range(3)
    for left in range(4)
  }
  source = CodeSource([pack(code)], 64, 2)
  seen = {places[window.tobytes()] for step in range(4) for window in source.batch(step)}
  assert seen == set(places.values())


def test_codes_of_a_single_block() -> None:
  codes = [pack(random_code(1, 1, 8, seed=seed)) for seed in range(3)]
  for crop in (None, 1):
    assert CodeSource(codes, 2, crop).batch(0).shape == (2, 1, 1, 8)


def test_codes_smaller_than_the_window_are_left_out_with_a_note() -> None:
  sizes = [(4, 4), (3, 9), (9, 3), (4, 7)]
  codes = [pack(random_code(*size, 8)) for size in sizes]
  source = CodeSource(codes, 2, 4)
  assert [code.shape[:2] for code in source.codes] == [(4, 4), (4, 7)]
  assert source.note == "2 of 4 codes have less than 4 blocks on a side"
  assert CodeSource(codes, 2, 3).note == ""


def test_codes_that_do_not_go_together() -> None:
  small, large, deep = (pack(random_code(*shape)) for shape in ((2, 2, 8), (2, 3, 8), (2, 2, 9)))
  for codes, crop, words in (
    ([], None, "there are no codes"),
    ([small, large], None, "crop must be set: (2, 2, 8), (2, 3, 8)"),
    ([small, large, deep], 1, "differ in depth: (2, 2, 8) and (2, 2, 9)"),
    ([small, large], 3, "no code can be used: 2 of 2 codes have less than 3 blocks"),
    ([small], 0, "at least 1: 2, 0"),
  ):
    with pytest.raises(ConfigError) as caught:
      CodeSource(codes, 2, crop)
    assert words in str(caught.value)
  with pytest.raises(ConfigError, match="at least 1: 0, None"):
    CodeSource([small], 0)
