"""The training of the recurrent network as a Keras model: `compile` and `fit` as usual.

    trainer = RecurrentTrainer(RecurrentNetwork(config))
    trainer.compile(optimizer)
    trainer.fit(batches(source, 0, steps))            # uint8 [N, H, W, 3]

In the symbols of `codecs/recurrent/network.py`. The loss of Toderici et al. (CVPR 2017), section 3,
is beta * sum_t |r_t| over all iterations, with beta = 1 / (N H W C T). Here it is the mean over the
iterations of a distortion of choice (`training/distortion.py`) and, if wanted, of the bits that
their code costs (`rate.py`), which a model beside the networks estimates (`rate_model.py`).
"""

from __future__ import annotations

import functools
import pathlib
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from compression.codecs.model_folders import CONFIG_FILE
from compression.codecs.recurrent.archives import save_weights
from compression.codecs.recurrent.config import MAX_ITERATIONS
from compression.codecs.recurrent.halves import States
from compression.codecs.recurrent.network import DecoderState, RecurrentNetwork
from compression.codecs.recurrent.weights import arrays_of, named_variables
from compression.common.files import atomic_write
from compression.training.distortion import MSE, Distortion, decibels
from compression.training.experiment import MODEL
from compression.training.tasks.recurrent.rate import RateTerm, bits_per_pixel
from compression.training.tasks.recurrent.rate_model import RateModel
from compression.training.trainer import Measures, Trainer

_SHOWN_ITERATIONS = (1, 4, 16)
_LEAST_DRAWN_SQUARE = 6e-6
"""The least mean square of 0..1 that counts: drawn tiles above 52 dB need not become better."""


class Iteration(NamedTuple):
  """One step of the recurrence, and how far it is from the image.

  Attributes:
    errors: float32 [N] each, those that the distortion needs.
    b: the code, float32 [N, H/16, W/16, bits].
    encoder_states: e_t.
    decoder_state: x^_t and d_t.
  """

  errors: tuple[tf.Tensor, ...]
  b: tf.Tensor
  encoder_states: States
  decoder_state: DecoderState


class Drawn(NamedTuple):
  """How tiles that `datasets.drawn_tiles` drew count.

  Their error can be a thousandth of that of photos and still be seen. So each counts by the
  decibels of its own, and not in the distortion of the photos.

  Attributes:
    rows: which tiles of a batch, on all devices together, they are: bool [N].
    weight: of the mean of their decibels in the distortion; the photos have the rest of 1.
  """

  rows: np.ndarray
  weight: float


class RecurrentTrainer(Trainer):
  """Trains a RecurrentNetwork with Keras' `fit`.

  One step of the recurrence is a tf.function, traced once for the first iteration (zero states)
  and once for all others: the graph of a training step calls it, and its one gradient, T times.

  Args:
    network: what is trained.
    loss: a `Distortion`, as its `parse` reads it; "l1" is the paper's.
    ema: decay of the average of the weights; 0 makes the average the last weights.
    rate: what bits cost, or None: nothing, as in the paper, and they are not estimated.
    drawn: how drawn tiles count, or None: like the others. For distortions in decibels.

  Attributes:
    averaged: a RecurrentNetwork in float32 whose weights are the average: the result of it all.
    iterations: how many iterations are trained now; change it with `set_iterations`.
    losses_by_iteration, squares_by_iteration, bpp_by_iteration: metrics of shape [16], 0 where not
      trained.
    beside, averaged_beside: the RateModel that estimates the bits, and its average; None without
      `rate`.
    rate_optimizer: of the RateModel; `prepare` takes it.

  Call arguments:
    inputs: images uint8 [N, H, W, 3]; H and W multiples of 16.

  Returns: the Reconstructions of the network.

  Raises:
    ConfigError: if `loss` is no sum of terms.
    ValueError: if `rate` or `drawn` are with a loss that is not in decibels.
  """

  def __init__(
    self,
    network: RecurrentNetwork,
    loss: str = "l1",
    ema: float = 0.999,
    rate: RateTerm | None = None,
    drawn: Drawn | None = None,
    **kwargs: Any,
  ):
    distortion = Distortion.parse(loss)
    if (rate or drawn) and not distortion.terms.in_decibels:
      raise ValueError(f"rates and drawn tiles need a loss in decibels. Received: {loss!r}")
    if not network.built:
      network.build()
    config = network.config
    averaged = RecurrentNetwork(config, name="averaged", dtype="float32")
    averaged.build()
    beside = None
    if rate is not None:
      policies = (network.dtype_policy, "float32")
      model, mean = (RateModel(config.bits, config.iterations, dtype=each) for each in policies)
      model.build()
      mean.build()
      beside = model, mean
    super().__init__(network, averaged, ema, beside, **kwargs)
    self.rate_optimizer: Any = None
    self.distortion, self.rate, self.drawn = distortion, rate, drawn
    self.iterations = config.iterations
    shape = [MAX_ITERATIONS]
    self.losses_by_iteration = tf.keras.metrics.MeanTensor("losses", shape=shape)
    self.squares_by_iteration = tf.keras.metrics.MeanTensor("squares", shape=shape)
    self.bpp_by_iteration = tf.keras.metrics.MeanTensor("bpp", shape=shape)
    self._first = tf.function(self.first_iteration, autograph=False)
    self._next = tf.function(self.next_iteration, autograph=False)

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> Any:
    return self.network(self.network.to_x(inputs), training=training)

  def set_iterations(self, iterations: int) -> None:
    """Trains so many iterations from the next step on, in the middle of `fit`, too."""
    if iterations != self.iterations:
      self.iterations = iterations
      if self.train_function is not None:
        self.make_train_function(force=True)

  def first_iteration(self, x: tf.Tensor) -> Iteration:
    b, encoder_states = self.network.encode_step(x, None, None, training=True)
    return self._measured(x, b, encoder_states, self.network.decode_step(b, None))

  def next_iteration(self, x: tf.Tensor, encoder_states: States, state: DecoderState) -> Iteration:
    b, encoder_states = self.network.encode_step(x, state.x_hat, encoder_states, training=True)
    return self._measured(x, b, encoder_states, self.network.decode_step(b, state))

  def _measured(
    self, x: tf.Tensor, b: tf.Tensor, encoder_states: States, state: DecoderState
  ) -> Iteration:
    x_hat = tf.cast(state.x_hat, tf.float32)
    errors = self.distortion.errors(x, x_hat, self.network.config.pixel_range)
    return Iteration(errors, b, encoder_states, state)

  def iterate(self, x: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
    """All iterations: the errors that the distortion needs, [T, N], and the codes."""
    results = [self._first(x)]
    while len(results) < self.iterations:
      results.append(self._next(x, results[-1].encoder_states, results[-1].decoder_state))
    errors = [tf.stack(values) for values in zip(*(result.errors for result in results))]
    return errors, tf.stack([result.b for result in results])

  def measure(self, batch: tf.Tensor) -> tuple[tf.Tensor, Any]:
    errors, codes = self.iterate(self.network.to_x(batch))
    pixel_range = self.network.config.pixel_range
    drawn, photos = None, None
    if self.drawn is not None:
      drawn = _of_replica(self.drawn.rows)
      photos = 1 - drawn
    of_photos = functools.partial(_mean_of_batch, rows=photos)
    losses = self.distortion.combine(errors, of_photos, pixel_range)
    squares = errors[self.distortion.needs.index(MSE)]
    if self.drawn is not None:
      own = decibels(squares / (2 * pixel_range) ** 2, _LEAST_DRAWN_SQUARE)
      weight = self.drawn.weight
      losses = (1 - weight) * losses + weight * _mean_of_batch(own, drawn)
    bpp = tf.zeros_like(losses)
    if self.rate is not None:
      bits = self.beside(codes)
      bpp = _mean_of_batch(bits_per_pixel(bits, codes.shape[2] * codes.shape[3]))
      weights = self.rate.weights(self.network.config.bits, self.iterations)
      losses += self.rate.share(self.optimizer.iterations) * weights * bpp
    return tf.reduce_mean(losses), (losses, of_photos(squares), bpp)

  def update(self, tape: tf.GradientTape, loss: tf.Tensor) -> None:
    if self.rate is None:
      super().update(tape, loss)
      return
    # The entropy model learns what the bits are whatever they cost the networks.
    share = self.rate.share(self.optimizer.iterations)
    variables = [self.network.trainable_variables, self.beside.trainable_variables]
    zero = tf.UnconnectedGradients.ZERO  # a step may leave parts of a network out
    gradients, of_rate = tape.gradient(loss, variables, unconnected_gradients=zero)
    self.optimizer.apply_gradients(zip(gradients, variables[0]))
    self.rate_optimizer.apply_gradients(zip([g / share for g in of_rate], variables[1]))

  def prepare(
    self,
    optimizer: tf.keras.optimizers.Optimizer,
    rate_optimizer: tf.keras.optimizers.Optimizer | None = None,
  ) -> None:
    """As that of all trainers; with a rate, give the optimizer of its model, too."""
    super().prepare(optimizer)
    if (rate_optimizer is None) != (self.rate is None):
      raise ValueError("a rate needs an optimizer of its model, and only a rate does")
    if rate_optimizer is not None:
      rate_optimizer.build(self.beside.trainable_variables)
      self.rate_optimizer = rate_optimizer

  def checkpoint(self) -> tf.train.Checkpoint:
    checkpoint = super().checkpoint()
    if self.rate_optimizer is not None:
      checkpoint.rate_optimizer = self.rate_optimizer
    return checkpoint

  def note(self, measured: Any) -> None:
    missing = MAX_ITERATIONS - self.iterations
    trained = [1.0] * self.iterations + [0.0] * missing
    metrics = (self.losses_by_iteration, self.squares_by_iteration, self.bpp_by_iteration)
    for metric, values in zip(metrics, measured):
      metric.update_state(tf.pad(values, [[0, missing]]), trained)

  def measures(self) -> Measures:
    """Loss, and by iteration loss, PSNR and estimated bits for each pixel of a file up to there.

    The PSNR is that of the mean square over batches, without drawn tiles.
    """
    losses, squares, bpp = (
      metric.result().numpy()[: self.iterations]
      for metric in (self.losses_by_iteration, self.squares_by_iteration, self.bpp_by_iteration)
    )
    loss = float(losses.mean())
    scalars = {"loss": loss, "iterations": float(self.iterations)}
    peak = 2 * self.network.config.pixel_range
    for number, (each, square) in enumerate(zip(losses, squares), 1):
      psnr = 10 * np.log10(peak**2 / np.maximum(square, np.finfo(np.float32).tiny))
      scalars[f"loss/iteration_{number:02}"] = float(each)
      scalars[f"psnr/iteration_{number:02}"] = float(psnr)
    text = f"iterations {self.iterations}  loss {loss:.4f}"
    if self.rate is not None:
      scalars.update({f"bpp/iteration_{t:02}": float(v) for t, v in enumerate(bpp, 1)})
      shown = [t for t in _SHOWN_ITERATIONS if t <= self.iterations]
      text += "  bpp " + "  ".join(f"{t}: {bpp[t - 1]:.3f}" for t in shown)
    return Measures(loss, text, scalars)

  def describe(self, loss: float) -> str:
    return f"iterations {self.iterations}, {super().describe(loss)}"

  def names(self, network: RecurrentNetwork) -> dict[str, tf.Variable]:
    return named_variables(network)

  def export(self, folder: pathlib.Path) -> None:
    """Writes the average as `folder`/model, which `compression.load` and the programs take."""
    folder = folder / MODEL
    folder.mkdir(exist_ok=True)
    save_weights(arrays_of(self.averaged), folder)
    with atomic_write(folder / CONFIG_FILE) as file:  # last: it makes the folder a model
      file.write(self.network.config.to_json().encode())


def _mean_of_batch(values: tf.Tensor, rows: tf.Tensor | None = None) -> tf.Tensor:
  """The mean over the tiles of the whole batch, on all devices: [..., N] to [...].

  Args:
    values: of the tiles of this device.
    rows: 1 for those that count and 0 for the others, float32 [N]; None for all.
  """
  if rows is None:
    rows = tf.ones([tf.shape(values)[-1]])
  total, count = tf.reduce_sum(values * rows, -1), tf.reduce_sum(rows)
  context = tf.distribute.get_replica_context()
  if context.num_replicas_in_sync > 1:
    total, count = (context.all_reduce(tf.distribute.ReduceOp.SUM, each) for each in (total, count))
  return total / tf.maximum(count, 1.0)


def _of_replica(rows: np.ndarray) -> tf.Tensor:
  """1 for the tiles of this device that are among those of a batch, float32 [N]."""
  context = tf.distribute.get_replica_context()
  parts = rows.reshape(context.num_replicas_in_sync, -1).astype(np.float32)
  return tf.gather(tf.constant(parts), context.replica_id_in_sync_group)
