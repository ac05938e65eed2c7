"""An image at a setting of a codec, measured: a row of the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from compression.codecs.base import Codec
from compression.common.errors import ImageError
from compression.evaluation.trials import Trial, trials
from compression.metrics import table
from compression.metrics.ms_ssim import MIN_SIDE  # more than the other measures need

__all__ = ["MIN_SIDE", "Point", "cell", "measure", "point"]


class Point(NamedTuple):
  """The columns of the results.

  Attributes:
    image: the file's name without its folder.
    codec, setting: as the codec calls them.
    bytes, bpp: of the whole file.
    psnr, ms_ssim, psnr_hvs: of `compression.metrics`.
    encode_seconds, decode_seconds: on this machine, beside whatever else it did.
    nominal_bpp: of a network, before entropy coding and without the container; else None.
    more: what was measured beside, by the names of `compression.metrics.table`.
  """

  image: str
  codec: str
  setting: float
  bytes: int
  bpp: float
  psnr: float
  ms_ssim: float
  psnr_hvs: float
  encode_seconds: float
  decode_seconds: float
  nominal_bpp: float | None = None
  more: Mapping[str, float] = MappingProxyType({})

  def cells(self) -> list[str]:
    """As a row: `columns`, with the names of `more`."""
    return [cell(value) for value in (*self[: len(COLUMNS)], *self.more.values())]

  @staticmethod
  def from_row(row: Mapping[str, str]) -> Point:
    """The point of a row; raises ValueError, KeyError or TypeError if it is none."""
    return Point(
      image=row["image"],
      codec=row["codec"],
      setting=float(row["setting"]),
      bytes=int(row["bytes"]),
      bpp=float(row["bpp"]),
      psnr=float(row["psnr"]),
      ms_ssim=float(row["ms_ssim"]),
      psnr_hvs=float(row["psnr_hvs"]),
      encode_seconds=float(row["encode_seconds"]),
      decode_seconds=float(row["decode_seconds"]),
      nominal_bpp=float(row["nominal_bpp"]) if row["nominal_bpp"] else None,
      more={name: float(value) for name, value in row.items() if name not in COLUMNS},
    )


COLUMNS = Point._fields[:-1]
"""Those of all results; names of further metrics follow."""


def measure(
  codec: Codec,
  name: str,
  image: np.ndarray,
  trials_of: Callable[[Codec, np.ndarray], Iterable[Trial]] = trials,
  more: Sequence[str] = (),
) -> list[Point]:
  """A point for each setting of a codec.

  Args:
    name: of the image, for the rows and for messages.
    image: uint8 [H, W, 3], sides of at least MIN_SIDE pixels.
    trials_of: puts the image through the codec.
    more: metrics to measure beside those of every point.

  Raises:
    ImageError: if the image is too small, the codec cannot take it, or gives back another size.
  """
  try:
    return [point(codec.name, name, image, trial, more) for trial in trials_of(codec, image)]
  except ImageError as error:
    raise ImageError(f"{name}: {codec.name}: {error}") from error


def point(
  codec: str, name: str, image: np.ndarray, trial: Trial, more: Sequence[str] = ()
) -> Point:
  """The point of an image, uint8 [H, W, 3], that went through a codec."""

  def quality(metric: table.Metric) -> float:
    return float(metric.measure(image, trial.image))

  return Point(
    image=name,
    codec=codec,
    setting=trial.setting,
    bytes=trial.size,
    bpp=8 * trial.size / (image.shape[0] * image.shape[1]),
    **{name: quality(table.find(name)) for name in table.ALWAYS},
    encode_seconds=trial.encode_seconds,
    decode_seconds=trial.decode_seconds,
    nominal_bpp=trial.nominal_bpp,
    more={metric.name: quality(metric) for metric in map(table.find, more)},
  )


def cell(value: object) -> str:
  """As a file has it: whole numbers without a point, others so that they read back as they were."""
  if value is None:
    return ""
  if isinstance(value, float) and value.is_integer():
    return str(int(value))
  return str(value)
