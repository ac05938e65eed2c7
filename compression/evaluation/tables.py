"""What an evaluation comes to, as tables of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from compression import metrics
from compression.evaluation import means as means_lib
from compression.evaluation.means import (
  CHECK_CODEC,
  MS_SSIM,
  PSNR_HVS,
  Curve,
  Mean,
)
from compression.evaluation.throughput import NOMINAL_BPP, Throughput
from compression.metrics import CurveError, published
from compression.metrics.curves import HIGHEST_BPP, LOWEST_BPP
from compression.metrics.table import Metric

RATES = (0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Bits per pixel at which codecs are compared."""

ANCHOR = "jpeg420"
"""What BD-rates are differences from."""

NOTHING = "-"


class Table(NamedTuple):
  """Rows of text below heads; `note` says what a reader has to know, or is empty."""

  title: str
  heads: list[str]
  rows: list[list[str]]
  note: str = ""


def markdown(table: Table) -> str:
  """The heads and rows: numbers to the right, the first column, where it is text, to the left."""
  numbers = all(_is_number(row[0]) for row in table.rows)
  marks = ["---:" if numbers or column else ":---" for column in range(len(table.heads))]
  lines = [table.heads, marks, *table.rows]
  return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def settings_table(means: Sequence[Mean], kodak: bool) -> Table:
  """All settings of one codec; those of a network beside the paper's curve if these are Kodak's.

  The curve is read at the same bits per pixel, on the line between the paper's points around them.
  Those are at nominal rates, before entropy coding: the paper has no files.
  """
  network = all(mean.nominal_bpp is not None for mean in means)
  beside = published.TODERICI_2017_KODAK if network and kodak else ()
  heads = ["iterations" if network else "setting", "bpp", "PSNR dB", "MS-SSIM"]
  heads += ["paper PSNR dB", "paper MS-SSIM"] if beside else []
  rates = [point.bpp for point in beside]
  rows = []
  for mean in means:
    cells = [f"{mean.setting:g}", f"{mean.bpp:.3f}", f"{mean.psnr:.2f}", f"{mean.ms_ssim:.4f}"]
    if beside and rates[0] <= mean.bpp <= rates[-1]:
      cells.append(f"{np.interp(mean.bpp, rates, [point.psnr for point in beside]):.2f}")
      cells.append(f"{np.interp(mean.bpp, rates, [point.ms_ssim for point in beside]):.4f}")
    elif beside:
      cells += [NOTHING] * 2
    rows.append(cells)
  return Table(f"{means[0].codec}: all settings", heads, rows)


def rates_table(means: Sequence[Mean], measure: Metric, kodak: bool) -> Table:
  """A measure at RATES, on the line between the codec's points around each."""
  rows = []
  for curve in _curves(means, measure, kodak):
    cells = []
    for rate in RATES:
      inside = len(curve.bpp) > 0 and curve.bpp[0] <= rate <= curve.bpp[-1]
      cells.append(f"{np.interp(rate, curve.bpp, curve.quality):.2f}" if inside else NOTHING)
    rows.append([curve.name, *cells])
  heads = ["codec", *(f"{rate:g} bpp" for rate in RATES)]
  return Table(measure.label, heads, rows)


def auc_table(means: Sequence[Mean], kodak: bool) -> Table:
  """Areas under the curves, with ranks: columns as in table 1 of Toderici et al. (CVPR 2017)."""
  names = [curve.name for curve in means_lib.curves(means, MS_SSIM)]
  areas = [
    [_area(curve) for curve in means_lib.curves(means, measure)] for measure in (MS_SSIM, PSNR_HVS)
  ]
  ranked = zip(names, *areas, *map(_ranks, areas))
  rows = [
    [name, first_rank, _digits(ms_ssim, 4), second_rank, _digits(psnr_hvs, 2)]
    for name, ms_ssim, psnr_hvs, first_rank, second_rank in sorted(
      ranked, key=lambda codec: -(codec[1] or 0)
    )
  ]
  if kodak:
    for curve in means_lib.published_curves(MS_SSIM):
      rows.append([curve.name, "", _digits(_area(curve), 4), "", NOTHING])
  return Table(
    "Area under the curve",
    ["codec", "rank", "MS-SSIM AUC", "rank", "PSNR-HVS AUC"],
    rows,
    f"From {LOWEST_BPP:g} to {HIGHEST_BPP:g} bits per pixel, the ends held, as"
    " `compression.metrics.area_under_curve` explains.",
  )


def bd_rate_table(means: Sequence[Mean], kodak: bool) -> Table | None:
  """BD-rates against ANCHOR; None without it, or without others."""
  rows: dict[str, list[str]] = {}
  measures = means_lib.drawn(means)
  for column, measure in enumerate(measures):
    curves = _curves(means, measure, kodak)
    anchors = [curve for curve in curves if curve.name == ANCHOR]
    if not anchors:
      return None
    for curve in curves:
      if curve.name != ANCHOR:
        cells = rows.setdefault(curve.name, [curve.name, *[NOTHING] * len(measures)])
        cells[1 + column] = _bd_rate(anchors[0], curve)
  if not rows:
    return None
  return Table(
    f"BD-rate against {ANCHOR}",
    ["codec", *(measure.title for measure in measures)],
    list(rows.values()),
    f"Bits more or less than {ANCHOR} for the same quality, over the qualities that both have.",
  )


def throughput_table(rows: Sequence[Throughput]) -> Table | None:
  """Seconds per megapixel; None if they were not measured."""
  if not rows:
    return None
  by_codec: dict[str, list[Throughput]] = {}
  for row in rows:
    by_codec.setdefault(row.codec, []).append(row)
  cells = []
  for codec, measured in by_codec.items():
    one, *_, every = sorted([*measured, *measured], key=lambda row: row.threads)
    cells.append(
      [
        codec,
        f"{one.setting:g}",
        *(f"{row.encode_seconds:.3f}" for row in (one, every)),
        *(f"{row.decode_seconds:.3f}" for row in (one, every)),
      ]
    )
  heads = [
    "codec",
    "setting",
    "compress, 1 thread",
    "compress, all threads",
    "decompress, 1 thread",
    "decompress, all threads",
  ]
  note = f"Seconds: at the setting nearest to {NOMINAL_BPP:g} bits per pixel, on {rows[0].machine}."
  return Table("Seconds per megapixel", heads, cells, note)


def check_table(means: Sequence[Mean]) -> Table | None:
  """CHECK_CODEC beside the published curve of such files, on Kodak; None if it was not measured."""
  chosen = [mean for mean in means if mean.codec == CHECK_CODEC]
  points = published.JPEG_420_KODAK
  rates, psnr, ms_ssim = zip(*points)
  rows = []
  for mean in chosen:
    if not rates[0] <= mean.bpp <= rates[-1]:
      continue
    there = float(np.interp(mean.bpp, rates, psnr)), float(np.interp(mean.bpp, rates, ms_ssim))
    rows.append(
      [
        f"{mean.bpp:.3f}",
        f"{mean.psnr:.2f}",
        f"{mean.psnr - there[0]:+.2f}",
        f"{mean.ms_ssim:.4f}",
        f"{mean.ms_ssim - there[1]:+.4f}",
      ]
    )
  if not rows:
    return None
  heads = ["bpp", "PSNR dB", "above published", "MS-SSIM", "above published"]
  note = f"Published: {published.SOURCE}. No opponent, only a check of what measures."
  return Table("JPEG 4:2:0 without optimised Huffman tables", heads, rows, note)


def all_tables(
  means: Sequence[Mean], kodak: bool, throughput: Sequence[Throughput] = ()
) -> list[Table]:
  """All that there is something to put into."""
  chosen = means_lib.shown(means)
  tables: list[Table | None] = [
    rates_table(chosen, measure, kodak) for measure in means_lib.drawn(chosen)
  ]
  tables.append(auc_table(chosen, kodak))
  tables.append(_joined(bd_rate_table(chosen, kodak), throughput_table(throughput)))
  tables += [check_table(means)] if kodak else []
  return [table for table in tables if table is not None]


def _joined(left: Table | None, right: Table | None) -> Table | None:
  """The columns of both side by side, by what is in the first; either may be missing."""
  if left is None or right is None:
    return left or right
  cells = {row[0]: row[1:] for row in left.rows}
  others = {row[0]: row[1:] for row in right.rows}
  rows = [
    [
      name,
      *cells.get(name, [NOTHING] * (len(left.heads) - 1)),
      *others.get(name, [NOTHING] * (len(right.heads) - 1)),
    ]
    for name in {**cells, **others}
  ]
  return Table(
    f"{left.title}, {right.title.lower()}",
    left.heads + right.heads[1:],
    rows,
    f"{left.note} {right.note}",
  )


def _curves(means: Sequence[Mean], measure: Metric, kodak: bool) -> list[Curve]:
  """Those of the codecs, then the published ones."""
  published_too = means_lib.published_curves(measure) if kodak else []
  return means_lib.curves(means, measure) + published_too


def _area(curve: Curve) -> float | None:
  try:
    return metrics.area_under_curve(curve.bpp, curve.quality)
  except CurveError:
    return None


def _bd_rate(anchor: Curve, curve: Curve) -> str:
  try:
    return f"{metrics.bd_rate(anchor.bpp, anchor.quality, curve.bpp, curve.quality):+.1f}%"
  except CurveError:
    return NOTHING


def _ranks(values: Sequence[float | None]) -> list[str]:
  """1 for the largest."""
  known = [value for value in values if value is not None]
  return [
    NOTHING if value is None else str(1 + sum(other > value for other in known)) for value in values
  ]


def _digits(value: float | None, digits: int) -> str:
  return NOTHING if value is None else f"{value:.{digits}f}"


def _is_number(text: str) -> bool:
  try:
    float(text)
  except ValueError:
    return False
  return True
