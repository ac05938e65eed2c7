"""The training of an entropy coder's probability model as a Keras model.

Toderici et al. (CVPR 2017), section 3.3: what is made small is the mean code length, in bits per
bit. At 1 the coder saves nothing.
"""

from __future__ import annotations

import pathlib
from typing import Any

import tensorflow as tf

from compression.codecs.recurrent.folders import ENTROPY_CODER_FOLDER
from compression.common.errors import ModelError
from compression.entropy.bits import learned, networks
from compression.entropy.fixed_point import WEIGHT_LIMIT
from compression.training.tasks.bits.config import EntropyExperiment
from compression.training.trainer import Measures, Trainer

_SHOWN_LAYERS = (1, 2, 4, 8, 16)


class EntropyTrainer(Trainer):
  """Trains a probability model with Keras' `fit`.

  After every step the weights are cut off where their integer form ends; they hardly ever get
  there.

  Args:
    experiment: which model; `training.ema` is the decay of the average of its weights.
    layers: how many the codes have.

  Attributes:
    lengths_by_layer: a metric of shape [layers], bits per bit.

  Call arguments:
    inputs: codes int8 [N, h, w, T D] in {-1, +1}.

  Returns: what the model does.
  """

  def __init__(self, experiment: EntropyExperiment, layers: int, **kwargs: Any):
    super().__init__(
      networks.make(experiment.name, experiment.model),
      networks.make(experiment.name, experiment.model, name="averaged"),
      experiment.training.ema,
      **kwargs,
    )
    self.experiment = experiment
    self.lengths_by_layer = tf.keras.metrics.MeanTensor("lengths", shape=[layers])

  def start_from(self, folder: pathlib.Path) -> None:
    """Takes the weights of the entropy coder in a folder.

    Raises:
      ModelError: if it cannot be read, or is of another architecture.
    """
    name, config, arrays = learned.load_weights(folder)
    if (name, config) != (self.experiment.name, self.experiment.model):
      raise ModelError(f"{folder}: has another architecture than the model that is to be trained")
    for model in (self.network, self.averaged):
      for key, variable in networks.named_variables(model).items():
        variable.assign(arrays[key])

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> Any:
    return self.network(tf.cast(inputs, tf.float32), training=training)

  def measure(self, batch: tf.Tensor) -> tuple[tf.Tensor, Any]:
    lengths = self(batch, training=True).code_lengths
    return tf.reduce_mean(lengths), lengths

  def note(self, measured: Any) -> None:
    self.lengths_by_layer.update_state(measured)

  def measures(self) -> Measures:
    """Code lengths in bits per bit: the mean, and by layer."""
    lengths = self.lengths_by_layer.result().numpy()
    mean = float(lengths.mean())
    shown = [layer for layer in _SHOWN_LAYERS if layer <= len(lengths)]
    by_layer = "  ".join(f"{layer}: {lengths[layer - 1]:.4f}" for layer in shown)
    scalars = {"code_length": mean}
    scalars.update(
      (f"code_length/layer_{layer:02}", float(length)) for layer, length in enumerate(lengths, 1)
    )
    return Measures(mean, f"bits per bit {mean:.4f}  by layer {by_layer}", scalars)

  def describe(self, loss: float) -> str:
    return f"bits per bit {loss:.4f}"

  def limit_weights(self) -> None:
    self.clip(self.network.trainable_variables, WEIGHT_LIMIT)

  def names(self, network: tf.keras.Model) -> dict[str, tf.Variable]:
    return networks.named_variables(network)

  def export(self, folder: pathlib.Path) -> None:
    """Writes the average in integers into the folder of that name that a model's folder takes."""
    weights = networks.arrays_of(self.averaged)
    learned.save(
      folder / ENTROPY_CODER_FOLDER, self.experiment.name, self.experiment.model, weights
    )
