"""The training of an entropy coder's probability model as a Keras model.

Toderici et al. (CVPR 2017), section 3.3: what is made small is the mean code length, in bits per
bit. At 1 the coder saves nothing.
"""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent.folders import ENTROPY_CODER_FOLDER
from compression.common.errors import ModelError
from compression.entropy.bits import learned, networks
from compression.entropy.fixed_point import WEIGHT_LIMIT
from compression.training import average
from compression.training.tasks.bits_config import EntropyExperiment


class EntropyTrainer(tf.keras.Model):
  """Trains a probability model with Keras' `fit`.

  After every step the weights are cut off where their integer form ends; they hardly ever get
  there.

  Args:
    experiment: which model; `training.ema` is the decay of the average of its weights.
    layers: how many the codes have.

  Attributes:
    coder: the model.
    averaged: one whose weights are the average: the result of the training.
    lengths_by_layer: a metric of shape [layers], bits per bit.

  Call arguments:
    inputs: codes int8 [N, h, w, T D] in {-1, +1}.

  Returns: what the model does.
  """

  def __init__(self, experiment: EntropyExperiment, layers: int, **kwargs: Any):
    super().__init__(**kwargs)
    self.experiment = experiment
    self.coder = networks.make(experiment.name, experiment.model)
    self.averaged = networks.make(experiment.name, experiment.model, name="averaged")
    for average_of, variable in networks.pairs(self.averaged, self.coder):
      average_of.assign(variable)
    self.averaged.trainable = False
    self.lengths_by_layer = tf.keras.metrics.MeanTensor("lengths", shape=[layers])

  def start_from(self, folder: pathlib.Path) -> None:
    """Takes the weights of the entropy coder in a folder.

    Raises:
      ModelError: if it cannot be read, or is of another architecture.
    """
    name, config, arrays = learned.load_weights(folder)
    if (name, config) != (self.experiment.name, self.experiment.model):
      raise ModelError(f"{folder}: has another architecture than the model that is to be trained")
    for model in (self.coder, self.averaged):
      for key, variable in networks.named_variables(model).items():
        variable.assign(arrays[key])

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> Any:
    return self.coder(tf.cast(inputs, tf.float32), training=training)

  def train_step(self, data: Any) -> dict[str, tf.Tensor]:
    codes, _, _ = tf.keras.utils.unpack_x_y_sample_weight(data)
    with tf.GradientTape() as tape:
      lengths = self(codes, training=True).code_lengths
      # The sum over the replicas is the mean over the global batch.
      loss = tf.reduce_mean(lengths) / self.distribute_strategy.num_replicas_in_sync
    variables = self.coder.trainable_variables
    # The last layer's state and what belongs to layers that the codes do not have get none.
    zero = tf.UnconnectedGradients.ZERO
    gradients = tape.gradient(loss, variables, unconnected_gradients=zero)
    self.optimizer.apply_gradients(zip(gradients, variables))
    for variable in variables:
      variable.assign(tf.clip_by_value(variable, -WEIGHT_LIMIT, WEIGHT_LIMIT))
    average.update(
      networks.pairs(self.averaged, self.coder),
      self.optimizer.iterations,
      self.experiment.training.ema,
      self.distribute_strategy,
    )
    self.lengths_by_layer.update_state(lengths)
    return {"loss": loss}  # which Keras sums over the replicas

  def named_variables(self) -> dict[str, tf.Variable]:
    """What is trained, by the names of archives."""
    return networks.named_variables(self.coder)

  def checkpoint(self) -> tf.train.Checkpoint:
    """Weights, average, and the optimizer with the number of steps."""
    return tf.train.Checkpoint(coder=self.coder, averaged=self.averaged, optimizer=self.optimizer)

  def export(self, folder: pathlib.Path) -> None:
    """Writes the average in integers into the folder of that name that a model's folder takes."""
    weights = networks.arrays_of(self.averaged)
    learned.save(
      folder / ENTROPY_CODER_FOLDER, self.experiment.name, self.experiment.model, weights
    )

  def pop_lengths(self) -> np.ndarray:
    """Mean code lengths since the last call, bits per bit [layers]."""
    lengths = self.lengths_by_layer.result().numpy()
    self.reset_metrics()
    return lengths
