"""Quality over bits per pixel, drawn by matplotlib: the package's extra `evaluate`."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from compression.common.errors import CompressionError
from compression.common.files import atomic_write
from compression.evaluation import means as means_lib
from compression.evaluation.means import Mean
from compression.metrics import published
from compression.metrics.table import Metric

if TYPE_CHECKING:
  from matplotlib.figure import Figure

SCALES = ("linear", "log")
FORMATS = ("png", "svg")
_METADATA: dict[str, dict[str, None]] = {"png": {}, "svg": {"Date": None}}

_SIZE = 7.5, 5.2  # inches
_DOTS_PER_INCH = 140
_RATE_LIMITS = {"linear": (0.0, 2.1), "log": (0.05, 2.5)}  # what the paper's rates lie within
_RATE_TICKS = {"linear": (0, 0.5, 1, 1.5, 2), "log": (0.0625, 0.125, 0.25, 0.5, 1, 2)}
_MARGIN = 0.04  # of the range of qualities

# M. Okabe and K. Ito, "Color Universal Design": told apart by those who see fewer colours, too.
_BLACK, _BLUE = "#000000", "#0072B2"
_COLOURS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F", "#777777")
_MODEL_COLOURS = (_BLUE, "#332288", "#117733", "#882255")
_MOST_INSIDE = 8  # names that hide no points; of more, all stand beside the plot
_NAMES = 0.26, 0.0195  # that these take, inches for each point of the font: in all, and each
_AROUND_NAMES = 4  # of their heights: title, axis and source
_LINES = ("-", "--", ":", "-.")  # where colours come again
_PUBLISHED_MARKERS = "sD^v"


class _Style(NamedTuple):
  colour: str
  line: str
  width: float
  front: int


def check() -> None:
  """Raises CompressionError if there is no matplotlib: before work is done for its plots."""
  try:
    import matplotlib.figure  # noqa: F401
  except ImportError:
    raise CompressionError("plots need matplotlib: pip install matplotlib") from None


def figure(means: Sequence[Mean], measure: Metric, scale: str, kodak: bool) -> Figure:
  """One plot.

  Args:
    means: of all codecs.
    measure: of `means.drawn`.
    scale: of the rates, one of SCALES.
    kodak: whether published points may stand beside these.
  """
  import matplotlib
  from matplotlib.figure import Figure

  drawing = Figure(figsize=_SIZE, layout="constrained")
  axes = drawing.add_subplot()
  axes.set_xscale(scale)
  low, high = _RATE_LIMITS[scale]
  chosen = means_lib.shown(means)
  styles = _styles(chosen)
  seen: list[float] = []
  for curve in means_lib.curves(chosen, measure):
    style = styles[curve.name]
    axes.plot(
      curve.bpp,
      curve.quality,
      marker="o",
      markersize=1 + 1.5 * style.width,
      color=style.colour,
      linestyle=style.line,
      linewidth=style.width,
      zorder=style.front,
      label=curve.name,
    )
    seen += [quality for rate, quality in zip(curve.bpp, curve.quality) if low <= rate <= high]
  beside = means_lib.published_curves(measure) if kodak else []
  for curve, marker in zip(beside, _PUBLISHED_MARKERS):
    axes.plot(
      curve.bpp,
      curve.quality,
      linestyle="none",
      marker=marker,
      markersize=5,
      markerfacecolor="white",
      color=_BLACK,
      zorder=4,
      label=curve.name,
    )
    seen += curve.quality
  axes.set_xlim(low, high)
  axes.set_xticks(_RATE_TICKS[scale], [f"{tick:g}" for tick in _RATE_TICKS[scale]])
  axes.minorticks_off()
  if seen:
    margin = _MARGIN * max(max(seen) - min(seen), 1)
    axes.set_ylim(min(seen) - margin, max(seen) + margin)
    if len(axes.get_lines()) <= _MOST_INSIDE:
      axes.legend(loc="lower right", fontsize="small", framealpha=0.9)
    else:
      axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")
      wide, high_each = (each * matplotlib.rcParams["font.size"] for each in _NAMES)
      names_high = (len(axes.get_lines()) + _AROUND_NAMES) * high_each
      drawing.set_size_inches(_SIZE[0] + wide, max(_SIZE[1], names_high))
  axes.set_xlabel("bits per pixel, of whole files")
  axes.set_ylabel(measure.label)
  images = max((mean.images for mean in means), default=0)
  axes.set_title(f"Means over {means_lib.subject(images, kodak)}", loc="left")
  axes.grid(color="#dddddd", linewidth=0.6)
  axes.set_axisbelow(True)
  for side in ("top", "right"):
    axes.spines[side].set_visible(False)
  if beside:
    drawing.supxlabel(f"Published points: {published.SOURCE}", fontsize="x-small", color="#555555")
  return drawing


def write_all(folder: pathlib.Path, means: Sequence[Mean], kodak: bool) -> list[pathlib.Path]:
  """Writes MEASURE_SCALE.FORMAT for all of them, always the same bytes; returns the files."""
  import matplotlib

  files = []
  with matplotlib.rc_context({"svg.hashsalt": __name__}):
    for measure in means_lib.drawn(means):
      for scale in SCALES:
        drawing = figure(means, measure, scale, kodak)
        for suffix in FORMATS:
          files.append(folder / f"{measure.name}_{scale}.{suffix}")
          with atomic_write(files[-1]) as file:
            drawing.savefig(file, format=suffix, dpi=_DOTS_PER_INCH, metadata=_METADATA[suffix])
  return files


def _styles(means: Sequence[Mean]) -> dict[str, _Style]:
  """Codec -> how it is drawn: networks thicker and in front."""
  networks = dict.fromkeys(mean.codec for mean in means if mean.nominal_bpp is not None)
  others = dict.fromkeys(mean.codec for mean in means if mean.codec not in networks)
  styles = {}
  for names, colours, width, front in (
    (networks, _MODEL_COLOURS, 2.4, 3),
    (others, _COLOURS, 1.4, 2),
  ):
    for number, name in enumerate(names):
      times, colour = divmod(number, len(colours))
      styles[name] = _Style(colours[colour], _LINES[times % len(_LINES)], width, front)
  return styles
