"""The architectures of the probability models. Nothing here needs TensorFlow."""

from __future__ import annotations

import dataclasses

from compression.common.config import JsonConfig
from compression.common.errors import ConfigError

DEFAULT_MODEL = "interlaced"


@dataclasses.dataclass(frozen=True)
class ModelConfig(JsonConfig):
  """What all have.

  Attributes:
    layer_depth: D, bits at each place of a layer.
    layer_count: layers that the model has weights for.
  """

  layer_depth: int = 32
  layer_count: int = 16


@dataclasses.dataclass(frozen=True)
class ProgressiveConfig(ModelConfig):
  """The release's `progressive`, and which layers are coded; its model_config.json.

  Attributes:
    coded_layer_count: predicts the first so many layers of the codes only; 0 for all that come.

  Raises:
    ConfigError: if a value is not allowed.
  """

  coded_layer_count: int = 0

  def __post_init__(self) -> None:
    for name, low in (("layer_depth", 1), ("layer_count", 1), ("coded_layer_count", 0)):
      value = getattr(self, name)
      if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ConfigError(f"{name} must be a whole number, at least {low}: {value!r}")
    if self.coded_layer_count > self.layer_count:
      raise ConfigError(
        f"coded_layer_count must be at most layer_count, {self.layer_count}:"
        f" {self.coded_layer_count}"
      )


@dataclasses.dataclass(frozen=True)
class InterlacedConfig(ModelConfig):
  """Our own `interlaced`.

  Attributes:
    raster_layers: so many layers, from the first, are coded in raster order.
    shared_from: the layers from this one on share their kernels; at least 1, as the first one has
      no state, and at least `raster_layers`.
    context: side of the kernel over the places of the layer itself, odd.
    hidden: depth of h.
    state: depth of s.
    groups: into how many the D bits of a place are divided; divides D and `group_hidden`.
    group_hidden: depth of g.

  Raises:
    ConfigError: if a value is not allowed.
  """

  raster_layers: int = 1
  shared_from: int = 3
  context: int = 5
  hidden: int = 128
  state: int = 96
  groups: int = 16
  group_hidden: int = 128

  def __post_init__(self) -> None:
    for field in dataclasses.fields(self):
      value = getattr(self, field.name)
      low = 0 if field.name == "raster_layers" else 1
      if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ConfigError(f"{field.name} must be a whole number, at least {low}: {value!r}")
    if self.context % 2 == 0:
      raise ConfigError(f"context must be odd: {self.context}")
    if self.shared_from < self.raster_layers:
      raise ConfigError(
        f"shared_from must be at least raster_layers, {self.raster_layers}: {self.shared_from}"
      )
    for name in ("layer_depth", "group_hidden"):
      if getattr(self, name) % self.groups:
        raise ConfigError(
          f"{name} must be a multiple of groups, {self.groups}: {getattr(self, name)}"
        )

  @property
  def sets(self) -> int:
    """How many sets of kernels there are."""
    return min(self.layer_count, self.shared_from + 1)

  def set_of(self, layer: int) -> int:
    """The set of kernels that a layer uses, from 0."""
    return min(layer, self.sets - 1)
