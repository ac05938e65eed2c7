"""Tests of compression/datasets/tile_records.py."""

from __future__ import annotations

import pathlib
import struct

import numpy as np
import pytest
import tensorflow as tf

from compression.common.errors import FormatError
from compression.datasets import tile_records
from compression.datasets.tile_records import TileRecord


def record(number: int, photo: np.ndarray, size: int = 16) -> TileRecord:
  name = f"photos/{'x' * number}.jpg".encode()  # of many lengths
  return TileRecord(photo[:size, number : number + size], name, 3 * number, 5, 1.5 * number)


def write(path: pathlib.Path, *records: TileRecord) -> str:
  contents = map(tile_records.serialize, records)
  path.write_bytes(tile_records.framed(contents, f"{path}.scratch"))
  pathlib.Path(f"{path}.scratch").unlink()
  return str(path)


def assert_same(found: TileRecord, expected: TileRecord) -> None:
  np.testing.assert_array_equal(found.pixels, expected.pixels)
  assert found.pixels.dtype == np.uint8 and found[1:] == expected[1:]


def test_any_record_can_be_read_by_itself(tmp_path: pathlib.Path, photo: np.ndarray) -> None:
  records = [record(number, photo, 1 + number) for number in range(9)]
  path = write(tmp_path / "a", *records)
  starts = tile_records.read_index(path)
  assert starts.dtype == np.int64 and len(starts) == 10
  for number in (8, 0, 5):
    content = tile_records.read_record(path, starts[number], starts[number + 1])
    assert_same(tile_records.parse(content, "a"), records[number])


def test_the_files_are_what_tensorflow_reads(tmp_path: pathlib.Path, photo: np.ndarray) -> None:
  records = [record(number, photo) for number in range(3)]
  parts = [tile_records.framed([tile_records.serialize(r)], str(tmp_path / "s")) for r in records]
  (tmp_path / "a").write_bytes(b"".join(parts))  # it checks the checksums
  for content, expected in zip(tf.data.TFRecordDataset(str(tmp_path / "a")), records):
    parsed = tf.io.parse_single_example(
      content,
      {
        "tile": tf.io.FixedLenFeature([], tf.string),
        "tile_shape": tf.io.FixedLenFeature([3], tf.int64),
        "file": tf.io.FixedLenFeature([], tf.string),
        "place": tf.io.FixedLenFeature([2], tf.int64),
        "score": tf.io.FixedLenFeature([], tf.float32),
      },
    )
    pixels = tf.reshape(tf.io.decode_raw(parsed["tile"], tf.uint8), parsed["tile_shape"])
    np.testing.assert_array_equal(pixels, expected.pixels)
    assert parsed["file"].numpy() == expected.file
    assert parsed["place"].numpy().tolist() == [expected.top, expected.left]
    assert parsed["score"].numpy() == expected.score


def test_names_that_are_no_text_are_kept(photo: np.ndarray) -> None:
  odd = record(1, photo)._replace(file=b"\xff\n.jpg")
  assert_same(tile_records.parse(tile_records.serialize(odd), "a"), odd)


def test_an_empty_file_has_no_records(tmp_path: pathlib.Path) -> None:
  (tmp_path / "a").touch()
  assert tile_records.read_index(str(tmp_path / "a")).tolist() == [0]


def test_a_file_that_was_cut_anywhere_is_refused(tmp_path: pathlib.Path, photo: np.ndarray) -> None:
  path = pathlib.Path(write(tmp_path / "a", record(0, photo, 2), record(1, photo, 2)))
  content = path.read_bytes()
  whole = tile_records.read_index(str(path)).tolist()
  for length in range(1, len(content)):
    path.write_bytes(content[:length])
    if length in whole:
      assert tile_records.read_index(str(path)).tolist() == whole[:2]
    else:
      number = 1 if length < whole[1] else 2
      with pytest.raises(FormatError, match=f"a: record {number} is cut short"):
        tile_records.read_index(str(path))


@pytest.mark.parametrize("content", [b"x", b"no records, but some text", b"\xff" * 100])
def test_what_is_no_tfrecord_file_is_refused(tmp_path: pathlib.Path, content: bytes) -> None:
  (tmp_path / "a").write_bytes(content)
  with pytest.raises(FormatError, match="a: record 1 .* no TFRecord file"):
    tile_records.read_index(str(tmp_path / "a"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: pathlib.Path) -> None:
  with pytest.raises(FormatError, match="gone: cannot be read: No such file"):
    tile_records.read_index(str(tmp_path / "gone"))
  with pytest.raises(FormatError, match="gone: cannot be read: No such file"):
    tile_records.read_record(str(tmp_path / "gone"), 0, 100)
  with pytest.raises(FormatError, match="cannot be read: Is a directory"):
    tile_records.read_index(str(tmp_path))


def test_what_is_no_tile_is_refused(photo: np.ndarray) -> None:
  good = tf.train.Example.FromString(tile_records.serialize(record(1, photo)))
  for feature, words in (
    ("tile_shape", "needs a tile_shape of height, width and 3. Received: none"),
    ("tile", "needs a tile of 16 x 16 x 3 bytes. Received: 0"),
    ("place", "needs a place"),
    ("score", "a score"),
  ):
    example = tf.train.Example.FromString(good.SerializeToString())
    del example.features.feature[feature]
    with pytest.raises(FormatError, match=words):
      tile_records.parse(example.SerializeToString(), "a: record 1")
  for shape in ([16, 16], [16, 16, 1], [0, 16, 3], [-1, -1, 3]):
    good.features.feature["tile_shape"].int64_list.value[:] = shape
    with pytest.raises(FormatError, match="a: record 1 needs a tile_shape"):
      tile_records.parse(good.SerializeToString(), "a: record 1")
  with pytest.raises(FormatError, match="is no tf.train.Example"):
    tile_records.parse(struct.pack("<Q", 2**63), "a: record 1")
