"""Photos -> the recurrent network. Beside what every run leaves, its folder has

train_config.json   the experiment
model/              the result so far, for `compression.load` and the programs
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from compression.codecs import model_folders
from compression.codecs.recurrent import folders, widening
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.codecs.recurrent.weights import assign_weights, read_weights
from compression.common.errors import CompressionError
from compression.datasets.drawn_tiles import WithDrawnTiles
from compression.datasets.some_tiles import is_chosen
from compression.layers.recurrent_cell import ConvRecurrentCell
from compression.training.callbacks import Plan, StepCallback
from compression.training.console import Console, Say
from compression.training.pipeline import Source
from compression.training.schedule import WarmUpCosine, make_optimizer
from compression.training.tasks.photos import PhotosTask, rate_of, tiles_of
from compression.training.tasks.recurrent.config import Experiment, TrainConfig
from compression.training.tasks.recurrent.curriculum import Curriculum
from compression.training.tasks.recurrent.rate import RateTerm
from compression.training.tasks.recurrent.trainer import Drawn, RecurrentTrainer
from compression.training.tasks.recurrent.validation import (
  Curve,
  Validate,
  curve_of_files,
)
from compression.training.terms import Terms


class RecurrentTask(PhotosTask):
  """The training of an experiment."""

  def __init__(self, experiment: Experiment):
    super().__init__(experiment)
    model = experiment.model
    self.title = f"{model.unit}, {model.framework}, width {model.width:g}"

  def source(self, warn: Say) -> tuple[Source, str]:
    """Tiles of photos, or tiles that were mined, and drawn ones: uint8 [N, H, W, 3]."""
    config = self.experiment.training
    photos, content = tiles_of(config, warn)
    if not config.synthetic:
      return photos, content
    drawn = WithDrawnTiles(photos, config.synthetic, config.seed)
    count = is_chosen(config.batch_size, config.synthetic).sum()
    return drawn, f"{content}, {count} of {config.batch_size} tiles drawn"

  def make_trainer(self, source: Source, init: str) -> RecurrentTrainer:
    """The networks with the weights of the model `init`, or random ones."""
    del source
    return make_trainer(self.experiment, init)

  def before_steps(self, plan: Plan) -> Sequence[StepCallback]:
    return [SetIterations(plan, Curriculum.parse(self.experiment.training.curriculum))]

  def validate(
    self,
    plan: Plan,
    images: Sequence[np.ndarray],
    writer: tf.summary.SummaryWriter,
    console: Console,
  ) -> Validate:
    def start() -> Curve | None:
      return _curve_of_init(self.config.init, images, console.warn)

    return Validate(plan, images, writer, console.say, start)


class SetIterations(StepCallback):
  """Gives the trainer the number of iterations that the curriculum says."""

  def __init__(self, plan: Plan, curriculum: Curriculum):
    super().__init__(plan)
    self._curriculum = curriculum

  def before_step(self, step: int) -> None:
    most = self.model.network.config.iterations
    self.model.set_iterations(self._curriculum.iterations(step, self.plan.steps, most))


def _curve_of_init(init: str, crops: Sequence[np.ndarray], warn: Say) -> Curve | None:
  """Measures the files of the model which a run started from, if its bits are entropy-coded."""
  if not init:
    return None
  try:
    model = model_folders.find(init)
    if folders.entropy_coder_folder(model) is None:
      warn(f"{init} has no entropy coder; its files are not compared with")
      return None
    return curve_of_files(RecurrentCodec(model), crops)
  except CompressionError as error:  # a run may go on where its start no longer is
    warn(f"{error}; the files of the start are not compared with")
    return None


def rate_term(training: TrainConfig) -> RateTerm | None:
  """The cost of bits in a training, if they have one."""
  if not training.rate_weight:
    return None
  last = training.rate_weight_last or training.rate_weight
  return RateTerm(training.rate_weight, last, round(training.rate_ramp * training.steps))


def make_trainer(
  experiment: Experiment, init: str = "", make_network: type[RecurrentNetwork] = RecurrentNetwork
) -> RecurrentTrainer:
  """What trains an experiment; ready for `fit`.

  Args:
    experiment: the model and its training.
    init: a released model or a folder with the weights to start from, or "".
    make_network: what the networks that are trained are made with.
  """
  config = experiment.training
  network = make_network(
    experiment.model, config.stochastic_binarizer, config.seed, dtype=config.precision
  )
  network.build()
  if init:
    assign_weights(network, _weights_of(init, experiment), init)
  rate_of_bits = rate_term(config)
  drawn = None
  if config.synthetic and Terms.parse(config.loss).in_decibels:
    drawn = Drawn(is_chosen(config.batch_size, config.synthetic), config.synthetic_weight)
  trainer = RecurrentTrainer(network, config.loss, config.ema, rate_of_bits, drawn)
  rate, matrices = rate_of(config), matrices_of(network)
  of_rate_model = None
  if rate_of_bits is not None:
    falling = WarmUpCosine(config.rate_learning_rate, config.steps, constant_share=0.0)
    of_rate_model = make_optimizer("adam", falling, epsilon=1e-7, clip_norm=0.0)
  trainer.prepare(
    make_optimizer(config.optimizer, rate, config.epsilon, config.clip_norm, matrices),
    of_rate_model,
  )
  return trainer


def matrices_of(network: RecurrentNetwork) -> list[int]:
  """What each of the trainable variables is made of, for Muon.

  Returns: the number of gates whose matrices are stacked in it for the kernels of the recurrent
    units, and 0 for all others: convolutions that begin or end a network, biases.
  """
  found: dict[int, int] = {}
  for layer in network.submodules:
    if isinstance(layer, ConvRecurrentCell):
      for variable in layer.trainable_variables:
        gates, rest = divmod(int(variable.shape[-1]), layer.depth)
        # The gates of an Associative LSTM have different depths.
        found[id(variable)] = 0 if variable.shape.rank < 4 else 1 if rest else gates
  return [found.get(id(variable), 0) for variable in network.trainable_variables]


def _weights_of(init: str, experiment: Experiment) -> dict[str, np.ndarray]:
  """Those of the model `init`, widened if it is the experiment's architecture, but narrower."""
  model = model_folders.find(init)
  arrays = read_weights(model.folder)
  narrow = folders.read_config(model)
  if widening.can_widen(narrow, experiment.model):
    return widening.widen(arrays, narrow, experiment.model, experiment.training.seed)
  return arrays
