"""Plots and tables of an evaluation, for a page."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from compression.evaluation import means as means_lib
from compression.evaluation import plots, results, tables, throughput
from compression.evaluation.points import Point
from compression.evaluation.tables import Table
from compression.evaluation.throughput import Throughput
from compression.reporting import pictures

_FONT_SIZE = 14  # points; a page shows the plots at half their size
_SALT = "compression.reporting"  # of ids in SVG files, which are random without one


class Evaluation(NamedTuple):
  """What was measured: rows of `points`, and those of `throughput` if there are any."""

  points: Sequence[Point]
  throughput: Sequence[Throughput] = ()


class Plot(NamedTuple):
  """Data URIs of a plot over rates.

  Attributes:
    label: of what is drawn.
    uris: scale of the rates -> SVG.
  """

  label: str
  uris: dict[str, str]


def read(folder: str) -> Evaluation:
  """What `compression.evaluate --output_dir` wrote.

  Raises:
    OutputError: if it is no such folder.
  """
  path = pathlib.Path(folder)
  return Evaluation(
    results.read_points(path / results.RESULTS_FILE),
    throughput.read(path / throughput.THROUGHPUT_FILE),
  )


def draw(evaluation: Evaluation) -> list[Plot]:
  """A plot for each measure; none if nothing was measured."""
  import matplotlib

  means = means_lib.means(evaluation.points)
  if not means:
    return []
  kodak = means_lib.is_kodak(evaluation.points)
  drawn = []
  with matplotlib.rc_context({"font.size": _FONT_SIZE, "svg.hashsalt": _SALT}):
    for measure in means_lib.drawn(means):
      uris = {}
      for scale in plots.SCALES:
        file = io.BytesIO()
        figure = plots.figure(means, measure, scale, kodak)
        figure.savefig(file, format="svg", metadata={"Date": None})
        uris[scale] = pictures.data_uri(file.getvalue(), "svg+xml")
      drawn.append(Plot(measure.label, uris))
  return drawn


def tabulate(evaluation: Evaluation, model: str) -> list[Table]:
  """All settings of the model, if it is among the codecs, and what compares them."""
  means = means_lib.means(evaluation.points)
  if not means:
    return []
  kodak = means_lib.is_kodak(evaluation.points)
  ours = [mean for mean in means if mean.codec == model]
  first = [tables.settings_table(ours, kodak)] if ours else []
  return first + tables.all_tables(means, kodak, evaluation.throughput)
