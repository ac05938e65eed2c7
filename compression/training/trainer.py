"""The Keras model that the loop trains: a network, and the average of its weights.

    trainer.prepare(optimizer)
    trainer.fit(batches)                      # of what `measure` takes
    trainer.export(folder)

A task derives its own from it and says what is made small.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import tensorflow as tf

from compression.training import average, workers


class Measures(NamedTuple):
  """What the batches of training gave since this was last asked for.

  Attributes:
    loss: their mean; training ends when it is not finite.
    text: the loss and what belongs to it, for a line.
    scalars: the same and more by name, for TensorBoard.
  """

  loss: float
  text: str
  scalars: dict[str, float]


class Trainer(tf.keras.Model):
  """Trains a network with Keras' `fit`; the average of its weights is the result.

  With a distribution strategy, build it in the strategy's scope and give `fit` batches of which
  each replica sees a part. The loss is the mean over the global batch.

  Subclasses have `measure`, `note`, `measures`, `names` and `export`.

  Args:
    network: built; what is trained.
    averaged: another one of its architecture; it takes the same weights, and is not trainable.
    ema: decay of the average; 0 makes it the last weights.
    beside: a layer that learns with the network, and another one for its average, or None. It is
      no part of the result; `update` is to train it.

  Raises:
    ValueError: if `ema` is not at least 0 and below 1.
  """

  def __init__(
    self,
    network: tf.keras.Model,
    averaged: tf.keras.Model,
    ema: float,
    beside: tuple[tf.keras.layers.Layer, tf.keras.layers.Layer] | None = None,
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    if not 0 <= ema < 1:
      raise ValueError(f"ema must be at least 0 and below 1. Received: {ema!r}")
    self.network = network
    self.averaged = averaged
    self.ema = float(ema)
    self.beside: Any = beside and beside[0]
    self.averaged_beside: Any = beside and beside[1]
    for mean, variable in self._pairs():
      mean.assign(variable)
    averaged.trainable = False
    if self.averaged_beside is not None:
      self.averaged_beside.trainable = False

  def measure(self, batch: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """The loss, the mean over this batch, float32 []; and what `note` takes."""
    raise NotImplementedError(f"{type(self).__name__} must say what is made small")

  def note(self, measured: Any) -> None:
    """Adds what `measure` found to Keras metrics; in the graph of the step."""
    raise NotImplementedError(f"{type(self).__name__} must keep what it measures")

  def measures(self) -> Measures:
    """The means of the metrics."""
    raise NotImplementedError(f"{type(self).__name__} must tell what it measured")

  def names(self, network: tf.keras.Model) -> dict[str, tf.Variable]:
    """The variables of a network by their names in archives."""
    raise NotImplementedError(f"{type(self).__name__} must name its weights")

  def export(self, folder: pathlib.Path) -> None:
    """Writes the average into the folder of a run, as programs take it."""
    raise NotImplementedError(f"{type(self).__name__} must have a result")

  def limit_weights(self) -> None:
    """Brings weights back to where they may be; in the graph of the step, after its update."""

  def clip(self, variables: Iterable[tf.Variable], limit: float) -> None:
    """Brings variables to within `limit` of 0, on all replicas: for `limit_weights`."""

    def clipped(variable: tf.Variable) -> None:
      variable.assign(tf.clip_by_value(variable, -limit, limit))

    workers.update(self.distribute_strategy, clipped, [(variable,) for variable in variables])

  def describe(self, loss: float) -> str:
    """The loss as a progress bar says it."""
    return f"loss {loss:.4f}"

  def prepare(self, optimizer: tf.keras.optimizers.Optimizer) -> None:
    """`compile`, with the optimizer's variables made: a checkpoint fills what exists."""
    optimizer.build(self.network.trainable_variables)
    self.compile(optimizer)

  # Nothing below needs to be rewritten by it, and looking takes up to a third of the tracing.
  @tf.autograph.experimental.do_not_convert
  def train_step(self, data: Any) -> dict[str, tf.Tensor]:
    batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(data)
    with tf.GradientTape() as tape:
      loss, measured = self.measure(batch)
      # The sum over the replicas is the mean over the global batch.
      loss /= self.distribute_strategy.num_replicas_in_sync
    self.update(tape, loss)
    self.limit_weights()
    average.update(self._pairs(), self.optimizer.iterations, self.ema, self.distribute_strategy)
    self.note(measured)
    return {"loss": loss}  # which Keras sums over the replicas

  def update(self, tape: tf.GradientTape, loss: tf.Tensor) -> None:
    """Makes a step with the gradients of this replica's share of the loss."""
    variables = self.network.trainable_variables
    # A step may leave parts of a network out: they have no gradient.
    zero = tf.UnconnectedGradients.ZERO
    gradients = tape.gradient(loss, variables, unconnected_gradients=zero)
    self.optimizer.apply_gradients(zip(gradients, variables))

  def pop_measures(self) -> Measures:
    """`measures`, which then begin anew.

    In a group of workers all must call this at the same step.
    """
    workers.wait_for_steps(self.distribute_strategy)
    measures = self.measures()
    self.reset_metrics()
    return measures

  def named_variables(self) -> dict[str, tf.Variable]:
    """What is trained, by the names of archives."""
    beside = [] if self.beside is None else self.beside.weights
    return {**self.names(self.network), **{variable.name: variable for variable in beside}}

  def checkpoint(self) -> tf.train.Checkpoint:
    """All that the training goes on from: weights, average, the optimizer with its steps."""
    parts = {"network": self.network, "averaged": self.averaged, "optimizer": self.optimizer}
    if self.beside is not None:
      parts.update(beside=self.beside, averaged_beside=self.averaged_beside)
    return tf.train.Checkpoint(**parts)

  def _pairs(self) -> list[tuple[tf.Variable, tf.Variable]]:
    """(average, weight) each."""
    averages = self.names(self.averaged)
    pairs = [(averages[name], variable) for name, variable in self.names(self.network).items()]
    if self.beside is not None:
      pairs.extend(zip(self.averaged_beside.weights, self.beside.weights))
    return pairs
