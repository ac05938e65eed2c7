"""Stacks of layers that codecs of one quality are made of, and their weights by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import tensorflow as tf


class Coded(NamedTuple):
  """What a training step sees.

  Attributes:
    x_hat: the reconstruction, like x.
    bits: of each image, float32 [N].
    helping: what helps a training to begin, to be made small as well: float32 [].
  """

  x_hat: tf.Tensor
  bits: tf.Tensor
  helping: tf.Tensor | float = 0.0


def named_variables(stacks: Iterable[tf.keras.Sequential]) -> dict[str, tf.Variable]:
  """By their names in archives: "STACK/LAYER/VARIABLE"."""
  return {
    f"{stack.name}/{layer.name}/{own_name(variable)}": variable
    for stack in stacks
    for layer in stack.layers
    for variable in layer.weights
  }


def own_name(variable: tf.Variable) -> str:
  """Without the names of its layer and its device."""
  return variable.name.split("/")[-1].split(":")[0]
