"""The networks of the probability models, by name: for those who train or examine them.

Apart from `compression.entropy.bits.models`, so that coding does not have to load them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from compression.entropy.bits import interlaced, progressive
from compression.entropy.bits.models import find

_NETWORKS: dict[str, tuple[Any, Callable[[Any], dict[str, tf.Variable]]]] = {
  "interlaced": (interlaced.Interlaced, interlaced.named_variables),
  "progressive": (progressive.Progressive, progressive.named_variables),
}


def make(model: str, config: Any, **arguments: Any) -> tf.keras.Model:
  """The Keras model of that name, built, with random weights; its output has `code_lengths`."""
  find(model)  # says which there are
  network = _NETWORKS[model][0](config, **arguments)
  network.build()
  return network


def named_variables(model: tf.keras.Model) -> dict[str, tf.Variable]:
  """Every variable of a model by its name in archives."""
  for network, named in _NETWORKS.values():
    if isinstance(model, network):
      return named(model)
  raise TypeError(f"is no probability model: {type(model).__name__}")


def arrays_of(model: tf.keras.Model) -> dict[str, np.ndarray]:
  """A copy of every weight of a model, float32, by its name in archives."""
  return {name: variable.numpy() for name, variable in named_variables(model).items()}


def pairs(first: tf.keras.Model, second: tf.keras.Model) -> list[tuple[tf.Variable, tf.Variable]]:
  """The variables of two models of one architecture, side by side."""
  others = named_variables(second)
  return [(variable, others[name]) for name, variable in named_variables(first).items()]
