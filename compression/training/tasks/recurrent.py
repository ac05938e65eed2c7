"""The training of a codec as a Keras model: `compile` and `fit` as usual.

    trainer = Trainer(RecurrentNetwork(config))
    trainer.compile(make_optimizer(train_config))
    trainer.fit(batches(source, 0, steps))            # uint8 [N, H, W, 3]

Toderici et al. (CVPR 2017), section 3: the loss is beta * sum_t |r_t| over all iterations, with
beta = 1 / (N H W C T), in the symbols of `codecs/recurrent/network.py`.
"""

from __future__ import annotations

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
from compression.training import average, workers

MODEL = "model"
"""The folder of a run that holds the result so far: a model like the released ones."""


class Iteration(NamedTuple):
  """One step of the recurrence, and how far it is from the image.

  Attributes:
    loss: float32 [], the mean over all elements of |r_t|, or of r_t^2.
    squares: float32 [], the mean of r_t^2; no gradient goes through it.
    encoder_states: e_t.
    decoder_state: x^_t and d_t.
  """

  loss: tf.Tensor
  squares: tf.Tensor
  encoder_states: States
  decoder_state: DecoderState


class Trainer(tf.keras.Model):
  """Trains an RecurrentNetwork with Keras' `fit`.

  One step of the recurrence is a tf.function, traced once for the first iteration (zero states)
  and once for all others: the graph of a training step calls it, and its one gradient, T times.

  With a distribution strategy, build it in the strategy's scope and give `fit` batches of which
  each replica sees a part. The loss is the mean over the global batch.

  Args:
    coder: the networks.
    loss: "l1" (the paper's) or "mse".
    ema: decay of the average of the weights; 0 makes the average the last weights.

  Attributes:
    averaged: a RecurrentNetwork in float32 whose weights are the average: the result of it all.
    iterations: how many iterations are trained now; change it with `set_iterations`.
    losses_by_iteration, squares_by_iteration: metrics of shape [16], 0 where not trained.

  Call arguments:
    inputs: images uint8 [N, H, W, 3]; H and W multiples of 16.

  Returns: the Reconstructions of the coder.
  """

  def __init__(self, coder: RecurrentNetwork, loss: str = "l1", ema: float = 0.999, **kwargs: Any):
    super().__init__(**kwargs)
    if loss not in ("l1", "mse"):
      raise ValueError(f"loss must be l1 or mse. Received: {loss!r}")
    if not 0 <= ema < 1:
      raise ValueError(f"ema must be at least 0 and below 1. Received: {ema!r}")
    if not coder.built:
      coder.build()
    self.coder = coder
    self.loss_name = loss
    self.ema = float(ema)
    self.iterations = coder.config.iterations
    self.averaged = _float32_copy(coder)
    self.losses_by_iteration = tf.keras.metrics.MeanTensor("losses", shape=[MAX_ITERATIONS])
    self.squares_by_iteration = tf.keras.metrics.MeanTensor("squares", shape=[MAX_ITERATIONS])
    self._first = tf.function(self.first_iteration, autograph=False)
    self._next = tf.function(self.next_iteration, autograph=False)

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> Any:
    return self.coder(self.coder.to_x(inputs), training=training)

  def set_iterations(self, iterations: int) -> None:
    """Trains so many iterations from the next step on, in the middle of `fit`, too."""
    if iterations != self.iterations:
      self.iterations = iterations
      if self.train_function is not None:
        self.make_train_function(force=True)

  def first_iteration(self, x: tf.Tensor) -> Iteration:
    b, encoder_states = self.coder.encode_step(x, None, None, training=True)
    return self._measured(x, encoder_states, self.coder.decode_step(b, None))

  def next_iteration(self, x: tf.Tensor, encoder_states: States, state: DecoderState) -> Iteration:
    b, encoder_states = self.coder.encode_step(x, state.x_hat, encoder_states, training=True)
    return self._measured(x, encoder_states, self.coder.decode_step(b, state))

  def _measured(self, x: tf.Tensor, encoder_states: States, state: DecoderState) -> Iteration:
    residual = x - tf.cast(state.x_hat, tf.float32)
    squares = tf.reduce_mean(tf.square(residual))
    loss = tf.reduce_mean(tf.abs(residual)) if self.loss_name == "l1" else squares
    return Iteration(loss, tf.stop_gradient(squares), encoder_states, state)

  def iterate(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """All iterations: their losses and mean squares, float32 [iterations] each."""
    results = [self._first(x)]
    while len(results) < self.iterations:
      results.append(self._next(x, results[-1].encoder_states, results[-1].decoder_state))
    losses, squares = zip(*(result[:2] for result in results))
    return tf.stack(losses), tf.stack(squares)

  def train_step(self, data: Any) -> dict[str, tf.Tensor]:
    images, _, _ = tf.keras.utils.unpack_x_y_sample_weight(data)
    x = self.coder.to_x(images)
    with tf.GradientTape() as tape:
      losses, squares = self.iterate(x)
      # The sum over the replicas is the mean over the global batch.
      loss = tf.reduce_mean(losses) / self.distribute_strategy.num_replicas_in_sync
    variables = self.coder.trainable_variables
    # One iteration leaves the kernels of the states and the gain estimator without a gradient.
    zero = tf.UnconnectedGradients.ZERO
    gradients = tape.gradient(loss, variables, unconnected_gradients=zero)
    self.optimizer.apply_gradients(zip(gradients, variables))
    averages = named_variables(self.averaged)
    pairs = [(averages[name], v) for name, v in self.named_variables().items()]
    average.update(pairs, self.optimizer.iterations, self.ema, self.distribute_strategy)
    missing = MAX_ITERATIONS - self.iterations
    trained = [1.0] * self.iterations + [0.0] * missing
    self.losses_by_iteration.update_state(tf.pad(losses, [[0, missing]]), trained)
    self.squares_by_iteration.update_state(tf.pad(squares, [[0, missing]]), trained)
    return {"loss": loss}  # which Keras sums over the replicas

  def named_variables(self) -> dict[str, tf.Variable]:
    """What is trained, by the names of archives."""
    return named_variables(self.coder)

  def checkpoint(self) -> tf.train.Checkpoint:
    """Weights, average, optimizer with the number of steps, the stochastic binarizer's state."""
    return tf.train.Checkpoint(coder=self.coder, averaged=self.averaged, optimizer=self.optimizer)

  def export(self, folder: pathlib.Path) -> None:
    """Writes the average as `folder`/model, which `compression.load` and the programs take."""
    folder = folder / MODEL
    folder.mkdir(exist_ok=True)
    save_weights(arrays_of(self.averaged), folder)
    with atomic_write(folder / CONFIG_FILE) as file:  # last: it makes the folder a model
      file.write(self.coder.config.to_json().encode())

  def pop_metrics(self) -> tuple[float, np.ndarray, np.ndarray]:
    """Means since the last call: the loss, and losses and squares [iterations] of each iteration.

    In a group of workers all must call this at the same step.
    """
    workers.wait_for_steps(self.distribute_strategy)
    losses = self.losses_by_iteration.result().numpy()[: self.iterations]
    squares = self.squares_by_iteration.result().numpy()[: self.iterations]
    self.reset_metrics()
    return float(losses.mean()), losses, squares


def _float32_copy(coder: RecurrentNetwork) -> RecurrentNetwork:
  """A coder with the same weights in float32 whatever the policy is; not trainable."""
  copy = RecurrentNetwork(coder.config, name="averaged", dtype="float32")
  copy.build()
  originals = named_variables(coder)
  for name, variable in named_variables(copy).items():
    variable.assign(originals[name])
  copy.trainable = False
  return copy
