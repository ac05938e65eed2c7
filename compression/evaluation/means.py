"""Means over the photos, and curves of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from compression.evaluation.points import Point, cell
from compression.metrics import published, table
from compression.metrics.table import Metric

MEANS_FILE = "means.csv"

CHECK_CODEC = "jpeg420_baseline"
"""Made to be compared with a published curve; an opponent is the JPEG that optimises its tables."""

KODAK = frozenset(f"kodim{number:02d}" for number in range(1, 25))
"""The names of the images that the published points are means over."""


class Mean(NamedTuple):
  """A codec at a setting, means over all photos; the columns of means.csv, `more` by its names."""

  codec: str
  setting: float
  images: int
  bytes: float
  bpp: float
  psnr: float
  ms_ssim: float
  psnr_hvs: float
  encode_seconds: float
  decode_seconds: float
  nominal_bpp: float | None
  more: Mapping[str, float] = MappingProxyType({})

  def quality(self, metric: Metric) -> float:
    """What was measured; nan if it was not."""
    if metric.name in table.ALWAYS:
      return float(getattr(self, metric.name))
    return self.more.get(metric.name, float("nan"))


_COLUMNS = Mean._fields[:-1]
_AVERAGED = (
  "bytes",
  "bpp",
  "psnr",
  "ms_ssim",
  "psnr_hvs",
  "encode_seconds",
  "decode_seconds",
)


class Curve(NamedTuple):
  """Quality over bits per pixel, by the rate; finite numbers only."""

  name: str
  bpp: tuple[float, ...]
  quality: tuple[float, ...]


MEASURES = PSNR, MS_SSIM_DB, PSNR_HVS = tuple(table.METRICS[name] for name in table.ALWAYS)
"""Those that are in all results."""

MS_SSIM = MS_SSIM_DB._replace(label="MS-SSIM", scale=float)
"""As it is, for areas under curves."""


def drawn(every: Iterable[Mean]) -> list[Metric]:
  """The metrics that plots and tables are made of: MEASURES, then further ones."""
  more = {name: None for mean in every for name in mean.more}
  return [*MEASURES, *map(table.find, more)]


def subject(images: int, kodak: bool) -> str:
  """What a mean is of: "1 image", "24 Kodak images"."""
  return f"{images} {'Kodak ' if kodak else ''}image{'' if images == 1 else 's'}"


def means(points: Iterable[Point]) -> list[Mean]:
  """For each codec and setting, in the order of the points."""
  groups: dict[tuple[str, float], list[Point]] = {}
  for point in points:
    groups.setdefault((point.codec, point.setting), []).append(point)
  result = []
  for (codec, setting), group in groups.items():
    numbers = {
      field: float(np.mean([getattr(point, field) for point in group])) for field in _AVERAGED
    }
    rates = [point.nominal_bpp for point in group if point.nominal_bpp is not None]
    nominal = float(np.mean(rates)) if len(rates) == len(group) else None
    names = [name for name in group[0].more if all(name in point.more for point in group)]
    more = {name: float(np.mean([point.more[name] for point in group])) for name in names}
    result.append(Mean(codec, setting, len(group), **numbers, nominal_bpp=nominal, more=more))
  return result


def shown(every: Sequence[Mean]) -> list[Mean]:
  """Those for plots and tables: all but CHECK_CODEC, unless there is nothing else."""
  return [mean for mean in every if mean.codec != CHECK_CODEC] or list(every)


def is_kodak(points: Iterable[Point]) -> bool:
  """Whether these are of the 24 Kodak images, so that published means may stand beside them."""
  return {point.image.rpartition(".")[0] for point in points} == KODAK


def curves(every: Iterable[Mean], measure: Metric) -> list[Curve]:
  """One for each codec, in their order."""
  by_codec: dict[str, list[tuple[float, float]]] = {}
  for mean in every:
    quality = measure.scale(mean.quality(measure))
    by_codec.setdefault(mean.codec, []).append((mean.bpp, quality))
  return [_curve(name, pairs) for name, pairs in by_codec.items()]


def published_curves(measure: Metric) -> list[Curve]:
  """The curves of the networks that were published, on Kodak; none for measures that were not."""
  if measure.name not in published.Point._fields:
    return []
  return [
    _curve(
      f"{curve.name} (published)",
      [(point.bpp, measure.scale(getattr(point, measure.name))) for point in curve.points],
    )
    for curve in published.NETWORKS_KODAK
  ]


def to_csv(every: Iterable[Mean]) -> str:
  """means.csv."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  every = list(every)
  more = list(dict.fromkeys(name for mean in every for name in mean.more))
  writer.writerow([*_COLUMNS, *more])
  for mean in every:
    values = (*mean[: len(_COLUMNS)], *(mean.more.get(name) for name in more))
    writer.writerow(map(cell, values))
  return text.getvalue()


def _curve(name: str, pairs: Iterable[tuple[float, float]]) -> Curve:
  ordered = sorted(pair for pair in pairs if np.isfinite(pair[1]))
  return Curve(name, tuple(bpp for bpp, _ in ordered), tuple(value for _, value in ordered))
