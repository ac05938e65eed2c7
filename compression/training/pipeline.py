"""Batches as tf.data, for one device and for several."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from compression.common.errors import ConfigError


class Source(Protocol):
  """What makes batches: TileSource, CodeSource.

  Attributes:
    batch_size: N.
    shape: (h, w, C) of what is in a batch.
    dtype: of the values.
  """

  batch_size: int
  shape: tuple[int, int, int]
  dtype: Any

  def batch(self, step: int, begin: int = 0, end: int | None = None) -> np.ndarray:
    """Elements begin .. end - 1 of batch number `step`: [end - begin, h, w, C]."""


def batches(source: Source, start: int, stop: int) -> tf.data.Dataset:
  """Batches number `start` .. `stop` - 1: [N, h, w, C]."""
  return _dataset(source, start, stop, 0, 1, 1)


def distributed_batches(
  source: Source, start: int, stop: int, strategy: tf.distribute.Strategy
) -> tf.distribute.DistributedDataset:
  """The same batches, a part for each replica: together, the replicas see what one device would.

  Raises:
    ConfigError: if the batch cannot be divided evenly among the replicas.
  """
  replicas = strategy.num_replicas_in_sync
  if source.batch_size % replicas:
    raise ConfigError(
      f"batch_size must be a multiple of the {replicas} devices: {source.batch_size}"
    )

  def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
    local = replicas // context.num_input_pipelines
    return _dataset(source, start, stop, context.input_pipeline_id * local, local, replicas)

  return strategy.distribute_datasets_from_function(of_worker)


class ServedBatches(tf.keras.utils.experimental.DatasetCreator):
  """The same batches for the workers of a chief: each takes the next one when it is ready.

  The chief makes them, as the source is Python and the workers only have graphs, and serves them
  with tf.data's service from ports that the system chooses. They do not end: a worker that dies
  takes those with it that it had asked for in advance.

  Args:
    source: of the batches.
    start: number of the first.
    host: of the chief, as the workers reach it.
  """

  def __init__(self, source: Source, start: int, host: str):
    service = tf.data.experimental.service
    self._dispatcher = service.DispatchServer()
    port = self._dispatcher.target.rpartition(":")[2]
    config = service.WorkerConfig(f"localhost:{port}", worker_address=f"{host}:%port%")
    self._server = service.WorkerServer(config)
    self._batches = batches(source, start, np.iinfo(np.int64).max)  # what is served must be kept
    number = service.register_dataset(self._dispatcher.target, self._batches)

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
      del context
      return service.from_dataset_id(
        service.ShardingPolicy.OFF,
        f"grpc://{host}:{port}",
        number,
        self._batches.element_spec,
        job_name="training",  # one for all workers: no batch is given out twice
      )

    super().__init__(of_worker)


def _dataset(
  source: Source, start: int, stop: int, first: int, local: int, replicas: int
) -> tf.data.Dataset:
  """For each step the parts first .. first + local - 1 of the `replicas` parts, one by one."""
  size = source.batch_size // replicas

  def cut(element: int) -> tf.Tensor:
    step, replica = divmod(int(element), local)
    begin = (first + replica) * size
    return source.batch(step, begin, begin + size)

  def load(element: tf.Tensor) -> tf.Tensor:
    elements = tf.numpy_function(cut, [element], source.dtype, stateful=False)
    return tf.ensure_shape(elements, [size, *source.shape])

  steps = tf.data.Dataset.range(start * local, stop * local)
  return steps.map(load, tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
