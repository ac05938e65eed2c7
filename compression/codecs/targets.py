"""What users ask for, for every codec: bytes or quality -> the setting; iterations -> the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Optional

import numpy as np

from compression import metrics
from compression.codecs.base import Codec, ProgressiveCodec, default_setting
from compression.common.errors import CompressionError, FormatError
from compression.common.program import UsageError

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


Wanted = Optional[tuple[str, float]]
"""What `jobs.QualityFlags` ask for: a name and its value; None for the codec's default setting."""


def check(codec: Codec, wanted: Wanted) -> None:
  """Refuses what a codec cannot be asked for.

  Raises:
    UsageError: if it counts no iterations, and these were asked for.
    RangeError: if it has no such setting.
  """
  kind, value = wanted or ("", 0.0)
  if kind == "iterations" and codec.setting_name != kind:
    raise UsageError(f"--iterations: {codec.name} has none; --setting is its {codec.setting_name}")
  if kind in ("iterations", "setting"):
    codec.check_setting(value)


def compress(codec: Codec, image: np.ndarray, wanted: Wanted) -> Compressed:
  """The file of an image, uint8 [H, W, 3], that is asked for."""
  if wanted is None:
    wanted = "setting", default_setting(codec)
  kind, value = wanted
  if kind == "target_bpp":
    return to_size(codec, image, value * image.shape[0] * image.shape[1] / 8)
  if kind == "target_bytes":
    return to_size(codec, image, value)
  if kind == "target_psnr":
    return to_quality(codec, image, metrics.psnr, value)
  if kind == "target_ms_ssim":
    return to_quality(codec, image, metrics.ms_ssim, value)
  return Compressed(codec.compress(image, value), value)


def readable(
  codec: Codec, data: bytes, iterations: int | None = None, strict: bool = False
) -> tuple[bytes, str | None]:
  """What of a file is to be decoded, and what that lacks, in a line, or None.

  Args:
    iterations: how many of a progressive file; None for all.
    strict: whether to refuse a file that is cut short.

  Raises:
    CompressionError: if there are iterations, and the file is not progressive.
    FormatError: if it has not so many, or is cut short and may not be.
  """
  if not isinstance(codec, ProgressiveCodec):
    if iterations is not None:
      raise CompressionError(f"files of {codec.name} hold one quality only")
    return data, None
  if iterations is not None:
    written = codec.written(data)
    if iterations > len(written):
      raise FormatError(f"has {codec.say(written[-1])}; {iterations} were asked for")
    data = codec.prefix(data, written[iterations - 1])
  damage = codec.damage(data)
  if damage is not None and strict:
    raise FormatError(damage)
  return data, damage


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
