"""How fast training steps are, and what each way of making them faster is worth."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent.config import RecurrentConfig
from compression.datasets.tiles import TileSource
from compression.layers.gru import ConvGRU, GRUState
from compression.layers.recurrent_cell import ConvRecurrentCell
from compression.training import pipeline
from compression.training.config import Experiment, TrainConfig
from compression.training.curriculum import Curriculum
from compression.training.loop import make_trainer


class Batch(NamedTuple):
  """So many patches with this side."""

  size: int
  side: int


DEFAULT_BATCH = Batch(TrainConfig.batch_size, TrainConfig.patch_size)


class Precision(NamedTuple):
  """What multiplies, and whether TensorFlow rewrites the graph of a step, which takes it seconds.

  Attributes:
    networks: TrainConfig.precision.
    rewriter: an option of `tf.config.optimizer` besides its default ones, or "".
    rewrites: whether it rewrites at all; a run on a CPU does not.
  """

  networks: str = "float32"
  rewriter: str = ""
  rewrites: bool = False


PRECISIONS = {
  "float32": Precision(),
  "mixed_bfloat16": Precision("mixed_bfloat16"),
  "float32, rewritten": Precision(rewrites=True),
  "oneDNN's bfloat16": Precision(rewriter="auto_mixed_precision_onednn_bfloat16", rewrites=True),
}
"""By what a table calls them; the first is the default."""


class Candidate(NamedTuple):
  """A way to train, ready to be measured.

  Attributes:
    start: seconds that its first step took, most of them to build and rewrite graphs.
    step: makes one.
  """

  start: float
  step: Callable[[], float]


def candidate(
  width: float,
  iterations: int,
  precision: Precision = PRECISIONS["float32"],
  batch: Batch = DEFAULT_BATCH,
  optimizer: str = TrainConfig.optimizer,
) -> Candidate:
  """A new model with the default settings of a run, on random pixels; `step` returns the loss."""
  settings = TrainConfig(precision=precision.networks, batch_size=batch.size, optimizer=optimizer)
  experiment = Experiment(RecurrentConfig(width=width), settings)
  shape = [batch.size, batch.side, batch.side, 3]
  images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
  tf.keras.utils.set_random_seed(experiment.training.seed)
  trainer = make_trainer(experiment)
  trainer.set_iterations(iterations)
  data = iter(tf.data.Dataset.from_tensors(images).repeat())
  train = trainer.make_train_function()

  def step() -> float:
    with _rewriting(precision):  # TensorFlow looks at each call
      return float(train(data)["loss"])

  begin = time.perf_counter()
  step()
  return Candidate(time.perf_counter() - begin, step)


def steps_per_second(candidates: Sequence[Candidate], repeat: int) -> list[float]:
  """Of each, the median of `repeat`: in turns, so that all see the same of a busy machine."""
  seconds: list[list[float]] = [[] for _ in candidates]
  for _ in range(repeat):
    for found, each in zip(seconds, candidates):
      begin = time.perf_counter()
      each.step()
      found.append(time.perf_counter() - begin)
  return [1 / statistics.median(found) for found in seconds]


def input_batches(paths: list[str], batch: Batch = DEFAULT_BATCH, count: int = 100) -> float:
  """Batches of photos a second, while nothing trains."""
  source = TileSource(paths, batch.side, batch.size)
  data = iter(pipeline.batches(source, 0, count + 1))
  next(data)  # by then the first photo has been decoded
  begin = time.perf_counter()
  made = sum(1 for _ in data)
  return made / (time.perf_counter() - begin)


def curriculum_share(curriculum: Curriculum, seconds: dict[int, float]) -> float:
  """Of the time of a run without it.

  Args:
    curriculum: whose stages have as many iterations as there are in `seconds`.
    seconds: of a step, by its iterations; a run without a curriculum always makes the most.
  """
  begin = share = 0.0
  for stage in curriculum.stages:
    share += (stage.until - begin) * seconds[stage.iterations]
    begin = stage.until
  return share / seconds[max(seconds)]


@contextlib.contextmanager
def separate_convolutions() -> Iterator[None]:
  """Candidates made here have two convolutions for W x + U h even where they could be one."""

  def separate(
    cell: ConvRecurrentCell,
    inputs: tf.Tensor,
    state: tf.Tensor,
    input_kernel: tf.Tensor,
    hidden_kernel: tf.Tensor,
    bias: Any = None,
  ) -> tf.Tensor:
    return cell.input_conv(inputs, input_kernel, bias) + cell.hidden_conv(state, hidden_kernel)

  with mock.patch.object(ConvRecurrentCell, "joint_conv", separate):
    yield


@contextlib.contextmanager
def stacked_gates() -> Iterator[None]:
  """Those made here have one of x and one of h for all gates of a GRU, and cut up the results."""
  update = ConvGRU.update

  def stacked(cell: ConvGRU, inputs: tf.Tensor, state: GRUState | None) -> tf.Tensor:
    if state is None:
      return update(cell, inputs, state)
    h = state.h
    z_in, r_in, candidate = tf.split(cell.input_conv(inputs, cell.input_kernel, cell.bias), 3, -1)
    z_hidden, r_hidden = tf.split(cell.hidden_conv(h, cell.gates_kernel), 2, -1)
    z, r = tf.sigmoid(z_in + z_hidden), tf.sigmoid(r_in + r_hidden)
    candidate = tf.tanh(candidate + cell.hidden_conv(r * h, cell.candidate_kernel))
    return cell.keep(h) + z * (candidate - h)

  with mock.patch.object(ConvGRU, "update", stacked):
    yield


@contextlib.contextmanager
def _rewriting(precision: Precision) -> Iterator[None]:
  """TensorFlow's options for it, put back afterwards."""
  options = {"disable_meta_optimizer": not precision.rewrites}
  if precision.rewriter:
    options[precision.rewriter] = True
  before = tf.config.optimizer.get_experimental_options()
  tf.config.optimizer.set_experimental_options(options)
  try:
    yield
  finally:
    tf.config.optimizer.set_experimental_options(
      {name: before.get(name, False) for name in options}
    )
