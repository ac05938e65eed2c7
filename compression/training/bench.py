"""How fast training steps are, and what each way of making them faster is worth."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent.config import RecurrentConfig
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.datasets.tiles import TileSource
from compression.layers.gru import ConvResidualGRU, GRUState
from compression.training import pipeline
from compression.training.tasks.recurrent.config import PAPER, Experiment, TrainConfig
from compression.training.tasks.recurrent.curriculum import Curriculum
from compression.training.tasks.recurrent.task import make_trainer


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


class SeparateConvolutions(ConvResidualGRU):
  """A unit with two convolutions for W x + U h even where they could be one."""

  def joint_conv(
    self,
    inputs: tf.Tensor,
    state: tf.Tensor,
    input_kernel: tf.Tensor,
    hidden_kernel: tf.Tensor,
    bias: Any = None,
  ) -> tf.Tensor:
    return self.input_conv(inputs, input_kernel, bias) + self.hidden_conv(state, hidden_kernel)


class StackedGates(ConvResidualGRU):
  """A unit with one convolution of x and one of h for all gates, whose results it cuts up."""

  def update(self, inputs: tf.Tensor, state: GRUState | None) -> tf.Tensor:
    if state is None:
      return super().update(inputs, state)
    h = state.h
    z_in, r_in, candidate = tf.split(self.input_conv(inputs, self.input_kernel, self.bias), 3, -1)
    z_hidden, r_hidden = tf.split(self.hidden_conv(h, self.gates_kernel), 2, -1)
    z, r = tf.sigmoid(z_in + z_hidden), tf.sigmoid(r_in + r_hidden)
    candidate = tf.tanh(candidate + self.hidden_conv(r * h, self.candidate_kernel))
    return self.keep(h) + z * (candidate - h)


def candidate(
  width: float,
  iterations: int,
  precision: Precision = PRECISIONS["float32"],
  batch: Batch = DEFAULT_BATCH,
  optimizer: str = TrainConfig.optimizer,
  cell: type[ConvResidualGRU] = ConvResidualGRU,
) -> Candidate:
  """A new model with the default settings of a run, on random pixels; `step` returns the loss.

  Args:
    width, iterations: of the model.
    precision, batch, optimizer: of its training.
    cell: its recurrent unit; each takes the same weights.
  """

  class Network(RecurrentNetwork):
    """One of these units."""

    def __init__(self, *args: Any, **kwargs: Any):
      super().__init__(*args, **kwargs)
      for half in (self.encoder, self.decoder):
        half.cells = [cell.from_config(each.get_config()) for each in half.cells]

  settings = TrainConfig(
    precision=precision.networks, batch_size=batch.size, optimizer=optimizer, **PAPER
  )
  experiment = Experiment(RecurrentConfig(width=width), settings)
  shape = [batch.size, batch.side, batch.side, 3]
  images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
  tf.keras.utils.set_random_seed(experiment.training.seed)
  trainer = make_trainer(experiment, make_network=Network)
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
  """The median of `repeat` for each: in turns, so that all see the same of a busy machine."""
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
  """The time of a run with a curriculum, as a share of one without it.

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
