"""What a model is: everything that the shape and meaning of its weights depend on."""

from __future__ import annotations

import dataclasses
from typing import Any

from compression.common.config import JsonConfig, setting
from compression.common.errors import ConfigError

UNITS = ("lstm", "associative_lstm", "gru", "residual_gru")
"""The recurrent units of Toderici et al. (2017), section 3.1."""

UNITS_OF_2016 = (
  "toderici2016_fc",
  "toderici2016_fc_lstm",
  "toderici2016_conv",
  "toderici2016_conv_lstm",
)
"""The networks of Toderici et al. (2016), in whose place a unit stands: see toderici2016.py."""

WITHOUT_MEMORY = ("toderici2016_fc", "toderici2016_conv")
"""Those whose layers have no state, but weights for each iteration."""

FRAMEWORKS = ("one_shot", "additive", "residual_scaling")
"""The reconstruction frameworks of Toderici et al. (2017), section 3.2."""

MAX_ITERATIONS = 16
"""Released models stop at 16 iterations, 2 bits per pixel."""

DEFAULT_ITERATIONS = 8
"""What is compressed with if nobody says otherwise."""

MAX_PRIMING = 8

BLOCK = 16
"""Pixels along a side of the block that one place of the code describes: four strides of 2."""


@dataclasses.dataclass(frozen=True)
class RecurrentConfig(JsonConfig):
  """The architecture of a codec; saved as `config.json` beside the weights.

  Attributes:
    unit: one of UNITS, or of UNITS_OF_2016, whose layers are others, too.
    framework: one of FRAMEWORKS.
    width: scales every depth but that of the image (3) and of the code; 1 is the paper's.
    bits: depth of the code, bits per 16x16 block and iteration. 32 is 0.125 bits per pixel.
    iterations: how many the model was trained for, at most 16.
    pixel_range: pixels are x = pixel_range * (2 * image / 255 - 1). At 1 the decoder's last tanh
      reaches black and white in the limit only; below 1 it reaches them exactly.
    use_bias: biases in every convolution, as in the paper; the published weights have none.
    priming: how often encoder and decoder run on what the first iteration gives them before its
      code, and its image, count (Johnston et al., CVPR 2018, arXiv:1703.10114): their states are
      then no longer zero, and no bits are spent. 0 is the paper of 2017.

  Raises:
    ConfigError: if a value is not allowed.
  """

  unit: str = setting(
    "residual_gru",
    "the recurrent unit, or the networks of the paper before",
    choices=(*UNITS, *UNITS_OF_2016),
  )
  framework: str = setting("one_shot", "of reconstruction", choices=FRAMEWORKS)
  width: float = setting(0.25, "scales the depth of the layers; 1 is the paper's")
  bits: int = setting(32, "of a 16x16 block and iteration")
  iterations: int = setting(MAX_ITERATIONS, "how many the model has", low=1, high=MAX_ITERATIONS)
  pixel_range: float = 1.0
  use_bias: bool = setting(False, "biases in every convolution, as in the paper")
  priming: int = setting(
    0,
    "steps of encoder and decoder before the first code counts, as in Johnston et al. 2018",
    low=0,
    high=MAX_PRIMING,
  )

  def __post_init__(self) -> None:
    _check_choice("unit", self.unit, (*UNITS, *UNITS_OF_2016))
    _check_choice("framework", self.framework, FRAMEWORKS)
    _check_number("width", self.width, 1 / 64, 8)
    _check_number("pixel_range", self.pixel_range, 0.1, 1)
    _check_whole("bits", self.bits, 8, 256)
    if self.bits % 8:
      raise ConfigError(
        f"bits must be a multiple of 8, so that places are whole bytes: {self.bits}"
      )
    _check_whole("iterations", self.iterations, 1, MAX_ITERATIONS)
    _check_whole("priming", self.priming, 0, MAX_PRIMING)
    if self.priming and self.unit in WITHOUT_MEMORY:
      raise ConfigError(f"priming: {self.unit} has no states that it could prime")
    if not isinstance(self.use_bias, bool):
      raise ConfigError(f"use_bias must be true or false: {self.use_bias!r}")
    for name in ("width", "pixel_range"):  # 1 and 1.0 are one model
      object.__setattr__(self, name, float(getattr(self, name)))
    smallest = self.depth(64)  # the decoder folds depths four to one, and complex units need pairs
    if 64 * self.width != smallest or smallest < 1 or (128 * self.width) % 4:
      raise ConfigError(f"width must make whole depths (a multiple of 1/32): {self.width}")

  @classmethod
  def from_dict(cls, values: dict[str, Any]) -> RecurrentConfig:
    """Raises ConfigError on unknown keys; `"codec": "recurrent"` may say whose they are."""
    if isinstance(values, dict) and values.get("codec") == "recurrent":
      values = {key: value for key, value in values.items() if key != "codec"}
    return super().from_dict(values)

  def depth(self, full: int) -> int:
    """The depth of a layer that has `full` channels at width 1."""
    return int(full * self.width)

  @property
  def bits_per_pixel(self) -> float:
    """Nominal bits per pixel of one iteration."""
    return self.bits / BLOCK**2


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
  if value not in choices:
    raise ConfigError(f"{name} must be one of {', '.join(choices)}: {value!r}")


def _check_number(name: str, value: Any, low: float, high: float) -> None:
  number = isinstance(value, (int, float)) and not isinstance(value, bool)
  if not number or not low <= value <= high:
    raise ConfigError(f"{name} must be a number from {low:g} to {high:g}: {value!r}")


def _check_whole(name: str, value: Any, low: int, high: int) -> None:
  if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
    raise ConfigError(f"{name} must be a whole number from {low} to {high}: {value!r}")
