"""Bytes or quality -> the setting that reaches it, for every codec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from compression.codecs.base import Codec, ProgressiveCodec

Metric = Callable[[np.ndarray, np.ndarray], Any]
"""(original, reconstruction), uint8 [H, W, 3] -> what `float` takes; more is better."""


class Compressed(NamedTuple):
  """A file and how it came about.

  Attributes:
    data: its bytes.
    setting: of the codec.
    note: what the caller should know, e.g. that a target was not reached; or None.
  """

  data: bytes
  setting: float
  note: str | None = None


def to_size(codec: Codec, image: np.ndarray, max_bytes: float) -> Compressed:
  """The best quality whose file has at most `max_bytes`; the smallest file if none is so small.

  Relies on files that grow with the setting.

  Args:
    image: uint8 [H, W, 3].
  """
  if isinstance(codec, ProgressiveCodec):
    data = codec.compress(image, codec.settings[-1])
    fitting = sum(end <= max_bytes for end in codec.ends(data))
    setting = codec.settings[max(fitting, 1) - 1]
    if setting != codec.settings[-1]:
      data = codec.prefix(data, setting)
    return _noted(Compressed(data, setting), max_bytes)
  files: dict[float, bytes] = {}

  def fits(setting: float) -> bool:
    files[setting] = codec.compress(image, setting)
    return len(files[setting]) <= max_bytes

  after = _first(codec, lambda setting: not fits(setting))
  setting = codec.settings[max(after, 1) - 1]
  if setting not in files:
    fits(setting)
  return _noted(Compressed(files[setting], setting), max_bytes)


def to_quality(codec: Codec, image: np.ndarray, metric: Metric, target: float) -> Compressed:
  """The fewest bytes whose image reaches `target`; the best image if none does.

  Relies on a quality that grows with the setting, unless the codec is progressive.

  Args:
    image: uint8 [H, W, 3].
    metric: what is to reach the target, e.g. `compression.metrics.psnr`.
  """
  if isinstance(codec, ProgressiveCodec):
    for step in codec.steps(image):
      quality = float(metric(image, step.image))
      if quality >= target:
        return Compressed(step.file(), step.setting)
    return Compressed(step.file(), step.setting, _missed(codec, target, quality, step.setting))
  files: dict[float, tuple[bytes, float]] = {}

  def reaches(setting: float) -> bool:
    data = codec.compress(image, setting)
    files[setting] = data, float(metric(image, codec.decompress(data)))
    return files[setting][1] >= target

  first = min(_first(codec, reaches), len(codec.settings) - 1)
  setting = codec.settings[first]
  if setting not in files:
    reaches(setting)
  data, quality = files[setting]
  note = None if quality >= target else _missed(codec, target, quality, setting)
  return Compressed(data, setting, note)


def _first(codec: Codec, holds: Callable[[float], bool]) -> int:
  """The number of the first setting for which it holds, and does for all after it."""
  low, high = 0, len(codec.settings)
  while low < high:
    middle = (low + high) // 2
    if holds(codec.settings[middle]):
      high = middle
    else:
      low = middle + 1
  return low


def _noted(found: Compressed, max_bytes: float) -> Compressed:
  size = len(found.data)
  if size <= max_bytes:
    return found
  return found._replace(note=f"the smallest file has {size} bytes, more than the target")


def _missed(codec: Codec, target: float, quality: float, setting: float) -> str:
  return f"the target of {target:g} was not reached: {quality:.4g} at {codec.say(setting)}"
