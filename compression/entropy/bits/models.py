"""The one registry of probability models: a name -> configuration and integer form.

Their networks are in `compression.entropy.bits.networks`, so that coding does not load them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from compression.common.errors import ConfigError
from compression.entropy.bits import integer_interlaced, integer_progressive
from compression.entropy.bits.configs import InterlacedConfig, ModelConfig, ProgressiveConfig
from compression.entropy.bits.integer_model import IntegerModel


class Family(NamedTuple):
  """A kind of probability model.

  Attributes:
    config: its configuration's class.
    integer_arrays: (config, float weights by name) -> its integer form.
    integer: (config, integer arrays) -> what codes with them.
  """

  config: type[ModelConfig]
  integer_arrays: Callable[[Any, Mapping[str, np.ndarray]], dict[str, np.ndarray]]
  integer: Callable[[Any, Mapping[str, np.ndarray]], IntegerModel]


_FAMILIES = {
  "interlaced": Family(
    InterlacedConfig, integer_interlaced.integer_arrays, integer_interlaced.IntegerInterlaced
  ),
  "progressive": Family(
    ProgressiveConfig, integer_progressive.integer_arrays, integer_progressive.IntegerProgressive
  ),
}


def names() -> list[str]:
  """The models that there are."""
  return sorted(_FAMILIES)


def find(name: Any) -> Family:
  """The model of that name; raises ConfigError that names those that exist."""
  if name not in names():
    raise ConfigError(f"probability model {name!r} is unknown; known: {', '.join(names())}")
  return _FAMILIES[name]
