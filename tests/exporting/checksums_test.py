"""The checksums of a graph are those of the rnic."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.exporting import checksums
from compression.formats import rnic


@pytest.fixture(scope="module")
def both():
  """A graph: (header, layers) -> both checksums."""
  specs = [tf.TensorSpec([None], tf.uint8), tf.TensorSpec([None, None], tf.uint8)]
  return tf.function(
    lambda header, layers: (
      checksums.header_checksum(header),
      checksums.layer_checks(header, layers),
    ),
    specs,
    autograph=False,
  )


# Around the pieces of 64 bytes that the graph folds, with and without the 3 bytes of the length.
@pytest.mark.parametrize("length", [0, 1, 4, 60, 61, 62, 64, 125, 127, 189, 253, 256, 1000, 6144])
@pytest.mark.parametrize("layers", [1, 2, 16])
def test_they_are_those_of_the_container(both, layers, length):
  rng = np.random.default_rng(length)
  payloads = [rng.bytes(length) for _ in range(layers)]
  file = rnic.write(rnic.Header(17, 300, layers, rng.bytes(8)), payloads)
  header = np.frombuffer(file[: rnic.HEADER_BYTES], np.uint8)
  rows = np.frombuffer(file[rnic.HEADER_BYTES :], np.uint8).reshape(layers, -1)
  crc, checks = both(header[:28], np.concatenate([rows[:, :3], rows[:, 6:]], 1))
  np.testing.assert_array_equal(crc, header[28:])
  np.testing.assert_array_equal(checks, rows[:, 3:6])


def test_zeros_and_ones_are_no_special_case(both):
  for value in (0, 255):
    payload = bytes([value]) * 200
    file = rnic.write(rnic.Header(1, 1, 1, bytes(8)), [payload])
    layer = np.frombuffer(file[32:35] + payload, np.uint8)
    _, checks = both(np.frombuffer(file[:28], np.uint8), layer[np.newaxis])
    assert bytes(checks.numpy()[0]) == file[35:38]
