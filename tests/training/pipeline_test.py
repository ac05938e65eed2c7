"""Tests of compression/training/pipeline.py; several devices are in workers_test.py."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from compression.common.errors import ConfigError
from compression.datasets.tiles import TileSource
from compression.training import pipeline


@pytest.fixture
def source(tmp_path: pathlib.Path, photo: np.ndarray) -> TileSource:
  Image.fromarray(photo).save(tmp_path / "photo.png")
  return TileSource([str(tmp_path / "photo.png")], patch_size=16, batch_size=12, seed=1)


def test_batches_come_in_order_from_the_step_where_one_goes_on(source: TileSource) -> None:
  batches = list(pipeline.batches(source, 0, 5).as_numpy_iterator())
  assert len(batches) == 5
  for step, batch in enumerate(batches):
    assert batch.dtype == np.uint8
    np.testing.assert_array_equal(batch, source.batch(step))
  later = list(pipeline.batches(source, 3, 5).as_numpy_iterator())
  np.testing.assert_array_equal(later, batches[3:])


def test_shapes_are_known_to_the_graph(source: TileSource) -> None:
  spec = pipeline.batches(source, 0, 5).element_spec
  assert spec == tf.TensorSpec([12, 16, 16, 3], tf.uint8)


def test_replicas_of_all_workers_together_see_the_batch(source: TileSource) -> None:
  workers, local = 2, 3
  parts = [
    list(pipeline._dataset(source, 4, 6, worker * local, local, workers * local))
    for worker in range(workers)
  ]
  for number, step in enumerate((4, 5)):
    together = [part for w in range(workers) for part in parts[w][number * local :][:local]]
    np.testing.assert_array_equal(np.concatenate(together), source.batch(step))


def test_a_batch_that_cannot_be_divided_is_refused(source: TileSource) -> None:
  class Strategy:
    num_replicas_in_sync = 5

  with pytest.raises(ConfigError, match="multiple of the 5 devices: 12"):
    pipeline.distributed_batches(source, 0, 1, Strategy())


def test_workers_of_a_chief_share_the_batches_and_see_none_twice(source: TileSource) -> None:
  served = pipeline.ServedBatches(source, 4, "localhost")
  consumers = [iter(served(tf.distribute.InputContext())) for _ in range(2)]
  found = [next(consumer).numpy() for _ in range(4) for consumer in consumers]
  wanted = {source.batch(step).tobytes(): step for step in range(4, 40)}
  steps = [wanted[batch.tobytes()] for batch in found]
  assert len(set(steps)) == len(steps) and min(steps) == 4
  assert steps[::2] == sorted(steps[::2])
