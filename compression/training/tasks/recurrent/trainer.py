"""The training of the recurrent network as a Keras model: `compile` and `fit` as usual.

    trainer = RecurrentTrainer(RecurrentNetwork(config))
    trainer.compile(optimizer)
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
from compression.training.tasks.recurrent.config import MODEL
from compression.training.trainer import Measures, Trainer


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


class RecurrentTrainer(Trainer):
  """Trains a RecurrentNetwork with Keras' `fit`.

  One step of the recurrence is a tf.function, traced once for the first iteration (zero states)
  and once for all others: the graph of a training step calls it, and its one gradient, T times.

  Args:
    network: what is trained.
    loss: "l1" (the paper's) or "mse".
    ema: decay of the average of the weights; 0 makes the average the last weights.

  Attributes:
    averaged: a RecurrentNetwork in float32 whose weights are the average: the result of it all.
    iterations: how many iterations are trained now; change it with `set_iterations`.
    losses_by_iteration, squares_by_iteration: metrics of shape [16], 0 where not trained.

  Call arguments:
    inputs: images uint8 [N, H, W, 3]; H and W multiples of 16.

  Returns: the Reconstructions of the network.
  """

  def __init__(
    self, network: RecurrentNetwork, loss: str = "l1", ema: float = 0.999, **kwargs: Any
  ):
    if loss not in ("l1", "mse"):
      raise ValueError(f"loss must be l1 or mse. Received: {loss!r}")
    if not network.built:
      network.build()
    averaged = RecurrentNetwork(network.config, name="averaged", dtype="float32")
    averaged.build()
    super().__init__(network, averaged, ema, **kwargs)
    self.loss_name = loss
    self.iterations = network.config.iterations
    self.losses_by_iteration = tf.keras.metrics.MeanTensor("losses", shape=[MAX_ITERATIONS])
    self.squares_by_iteration = tf.keras.metrics.MeanTensor("squares", shape=[MAX_ITERATIONS])
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
    return self._measured(x, encoder_states, self.network.decode_step(b, None))

  def next_iteration(self, x: tf.Tensor, encoder_states: States, state: DecoderState) -> Iteration:
    b, encoder_states = self.network.encode_step(x, state.x_hat, encoder_states, training=True)
    return self._measured(x, encoder_states, self.network.decode_step(b, state))

  def _measured(self, x: tf.Tensor, encoder_states: States, state: DecoderState) -> Iteration:
    residual = x - tf.cast(state.x_hat, tf.float32)
    squares = tf.reduce_mean(tf.square(residual))
    return Iteration(
      loss=tf.reduce_mean(tf.abs(residual)) if self.loss_name == "l1" else squares,
      squares=tf.stop_gradient(squares),
      encoder_states=encoder_states,
      decoder_state=state,
    )

  def iterate(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """All iterations: their losses and mean squares, float32 [iterations] each."""
    results = [self._first(x)]
    while len(results) < self.iterations:
      results.append(self._next(x, results[-1].encoder_states, results[-1].decoder_state))
    losses, squares = zip(*(result[:2] for result in results))
    return tf.stack(losses), tf.stack(squares)

  def measure(self, batch: tf.Tensor) -> tuple[tf.Tensor, Any]:
    losses, squares = self.iterate(self.network.to_x(batch))
    return tf.reduce_mean(losses), (losses, squares)

  def note(self, measured: Any) -> None:
    losses, squares = measured
    missing = MAX_ITERATIONS - self.iterations
    trained = [1.0] * self.iterations + [0.0] * missing
    self.losses_by_iteration.update_state(tf.pad(losses, [[0, missing]]), trained)
    self.squares_by_iteration.update_state(tf.pad(squares, [[0, missing]]), trained)

  def measures(self) -> Measures:
    """Loss, and loss and PSNR by iteration; the PSNR is that of the mean square over batches."""
    losses = self.losses_by_iteration.result().numpy()[: self.iterations]
    squares = self.squares_by_iteration.result().numpy()[: self.iterations]
    loss = float(losses.mean())
    scalars = {"loss": loss, "iterations": float(self.iterations)}
    peak = 2 * self.network.config.pixel_range
    for number, (each, square) in enumerate(zip(losses, squares), 1):
      decibels = 10 * np.log10(peak**2 / np.maximum(square, np.finfo(np.float32).tiny))
      scalars[f"loss/iteration_{number:02}"] = float(each)
      scalars[f"psnr/iteration_{number:02}"] = float(decibels)
    return Measures(loss, f"iterations {self.iterations}  loss {loss:.4f}", scalars)

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
