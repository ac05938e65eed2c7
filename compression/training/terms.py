"""Losses as their users write them: sums of named terms.

    Terms.parse("log_mse:0.75,psnr_hvs:0.25,ms_ssim:0.35")

`compression.training.distortion` computes them. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from compression.common.errors import ConfigError

NAMES = ("l1", "ssim_l1", "mse", "log_mse", "ms_ssim", "psnr_hvs")

_IN_DECIBELS = frozenset({"log_mse", "ms_ssim", "psnr_hvs"})


class Terms(NamedTuple):
  """A sum of terms.

  Attributes:
    weights: of each term that is a part of it, by name.
  """

  weights: dict[str, float]

  @classmethod
  def parse(cls, text: str) -> Terms:
    """From "log_mse:0.75,ms_ssim:0.35", or from a name alone, whose weight is 1.

    Raises:
      ConfigError: if a name is none of NAMES, is there twice, or has no weight above 0.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
      name, colon, number = part.strip().partition(":")
      try:
        weight = float(number) if colon else 1.0
      except ValueError:
        weight = math.nan
      if name not in NAMES or name in weights or not 0 < weight < math.inf:
        names = ", ".join(NAMES)
        raise ConfigError(f"loss must be a sum as log_mse:0.75,ms_ssim:0.35 of {names}: {text!r}")
      weights[name] = weight
    return cls(weights)

  @property
  def in_decibels(self) -> bool:
    """Whether all terms are: a rate can then be weighed by decibels a bit."""
    return _IN_DECIBELS.issuperset(self.weights)
