"""From archives of weights to the variables of a model and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent.archives import (
  model_id,
  read_archives,
  read_weights,
  save_weights,
)
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.common.npz import assign

__all__ = [
  "arrays_of",
  "assign_weights",
  "model_id",
  "named_variables",
  "read_archives",
  "read_weights",
  "save_weights",
]


def named_variables(model: RecurrentNetwork) -> dict[str, tf.Variable]:
  """Every variable of the model by its name in the archives. Builds the model if need be."""
  if not model.built:
    model.build()
  named = {}
  layers = [
    ("encoder", model.encoder.chain),
    ("decoder", model.decoder.chain),
  ]
  if model.gain_estimator is not None:
    layers.append(("gain_estimator", model.gain_estimator.convolutions))
  for part, members in layers:
    for layer in members:
      for variable in layer.weights:
        own_name = variable.name.split("/")[-1].split(":")[0]
        suffix = "" if own_name == "kernel" else f"/{own_name.removesuffix('_kernel')}"
        named[f"{part}/{layer.name}{suffix}"] = variable
  return named


def arrays_of(model: RecurrentNetwork) -> dict[str, np.ndarray]:
  """A copy of every weight of the model, float32, by its name in the archives."""
  return {name: variable.numpy() for name, variable in named_variables(model).items()}


def assign_weights(model: RecurrentNetwork, arrays: Mapping[str, np.ndarray], source: str) -> None:
  """Sets every variable of the model; names and shapes must match exactly.

  Raises:
    ModelError: names the first array that is missing, unknown or of another shape.
  """
  assign(named_variables(model), arrays, source)
