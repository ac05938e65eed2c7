"""What the networks of the probability models share."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from compression.entropy.bits.configs import ModelConfig


class ProbabilityModel(tf.keras.Model):
  """A Keras model that is made, saved and loaded by its configuration.

  Subclasses set `config_class`, and make all weights in `build`, also of layers that codes lack.

  Args:
    config: the architecture.
  """

  config_class: type[ModelConfig]

  def __init__(self, config: Any, **kwargs: Any):
    super().__init__(**kwargs)
    self.config = config

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "config": self.config.to_dict()}

  @classmethod
  def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> ProbabilityModel:
    return cls(**{**config, "config": cls.config_class.from_dict(config["config"])})

  def get_build_config(self) -> dict[str, Any]:
    return {"input_shape": None}  # so that Keras builds what it loads

  def build_from_config(self, config: dict[str, Any]) -> None:
    self.build()


def split_layers(
  codes: tf.Tensor, layer_depth: int, layer_count: int, coded: int = 0
) -> list[tf.Tensor]:
  """Codes [N, h, w, T D] -> T layers [N, h, w, D].

  Args:
    codes: of any dtype.
    layer_depth: D.
    layer_count: the largest T.
    coded: of how many layers, from the first; 0 for all.

  Raises:
    ValueError: if the depth is not known, no multiple of D, or T is out of range.
  """
  code_depth = codes.shape[-1]
  if codes.shape.rank != 4 or not code_depth or code_depth % layer_depth:
    raise ValueError(
      f"codes must be [N, h, w, T * {layer_depth}] with a known T >= 1. Received: {codes.shape}"
    )
  layers = code_depth // layer_depth
  if layers < coded:
    raise ValueError(f"codes must have {coded} layers at least. Received: {layers}")
  layers = coded or layers
  if layers > layer_count:
    raise ValueError(f"codes must have {layer_count} layers at most. Received: {layers}")
  return tf.split(codes[..., : layers * layer_depth], layers, axis=-1)
