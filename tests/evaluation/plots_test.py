"""Plots show every codec, and what was published beside Kodak's."""

from __future__ import annotations

import pathlib
import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image

from compression.common.errors import CompressionError
from compression.evaluation import means as means_lib
from compression.evaluation import plots
from compression.evaluation.means import MEASURES, PSNR, PSNR_HVS, means
from compression.metrics import published
from tests.evaluation.examples import KODAK, curve, network

PAIRS = [(0.2, 25.0), (0.5, 30.0), (1.5, 36.0)]
MEANS = means(
  network("residual_gru", PAIRS, KODAK)
  + curve("jpeg420", PAIRS, KODAK)
  + curve("jpeg420_baseline", PAIRS, KODAK)
)


def _labels(scale: str, kodak: bool, measure=PSNR) -> list[str]:
  (axes,) = plots.figure(MEANS, measure, scale, kodak).axes
  assert axes.get_xscale() == scale
  return [text.get_text() for text in axes.get_legend().get_texts()]


@pytest.mark.parametrize("scale", plots.SCALES)
def test_published_points_are_there_only_for_kodak(scale: str) -> None:
  assert _labels(scale, kodak=False) == ["residual_gru", "jpeg420"]
  both = _labels(scale, kodak=True)
  assert both[:2] == ["residual_gru", "jpeg420"]
  assert "Toderici et al. 2017" in both[2] and "Johnston et al. 2017" in both[3]
  assert _labels(scale, kodak=True, measure=PSNR_HVS) == ["residual_gru", "jpeg420"]


def test_the_points_are_those_of_the_means_and_the_source_is_named() -> None:
  drawing = plots.figure(MEANS, PSNR, "linear", kodak=True)
  lines = {line.get_label(): line for line in drawing.axes[0].get_lines()}
  np.testing.assert_allclose(lines["jpeg420"].get_xydata(), PAIRS)
  paper = next(line for label, line in lines.items() if "Toderici" in label)
  np.testing.assert_allclose(
    paper.get_xydata(), [(point.bpp, point.psnr) for point in published.TODERICI_2017_KODAK]
  )
  assert published.SOURCE in drawing.get_supxlabel()
  assert lines["residual_gru"].get_linewidth() > lines["jpeg420"].get_linewidth()


@pytest.mark.parametrize("points_of_font", [10, 14])  # alone, and in a report
def test_many_codecs_look_different_and_their_names_hide_none(points_of_font: int) -> None:
  points = [curve(f"codec{number}", PAIRS, KODAK) for number in range(20)]
  with matplotlib.rc_context({"font.size": points_of_font}):
    drawing = plots.figure(means(sum(points, [])), PSNR, "log", kodak=True)
    drawing.draw_without_rendering()
  (axes,) = drawing.axes
  names, plot = axes.get_legend().get_window_extent(), axes.get_window_extent()
  assert names.x0 >= plot.x1 and names.x1 <= drawing.bbox.x1
  (source,) = (text for text in drawing.texts if text.get_text() == drawing.get_supxlabel())
  assert names.y0 >= source.get_window_extent().y1
  assert plot.height > 0.7 * drawing.bbox.height
  ours = [line for line in axes.get_lines() if line.get_label().startswith("codec")]
  assert len({(line.get_color(), line.get_linestyle()) for line in ours}) == len(ours) == 20


def test_every_measure_and_scale_is_written(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  files = plots.write_all(tmp_path, MEANS, kodak=True)
  assert len(files) == len(set(files)) == len(MEASURES) * 2 * 2
  assert set(tmp_path.iterdir()) == set(files)
  with Image.open(tmp_path / "ms_ssim_log.png") as image:
    assert min(image.size) > 600
  before = (tmp_path / "psnr_linear.svg").read_bytes()
  assert b"<svg" in before
  monkeypatch.setattr(plots, "SCALES", ("linear",))  # one is enough to see that it is the same
  monkeypatch.setattr(means_lib, "MEASURES", (PSNR,))
  plots.write_all(tmp_path, MEANS, kodak=True)
  assert (tmp_path / "psnr_linear.svg").read_bytes() == before


def test_points_outside_or_infinite_are_no_error() -> None:
  for pairs in ([(0.5, float("inf"))], [(5.0, 40.0)], [(0.01, 10.0)]):
    for measure in MEASURES:
      for scale in plots.SCALES:
        plots.figure(means(curve("c", pairs)), measure, scale, kodak=False)


def test_without_matplotlib_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
  plots.check()
  monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
  with pytest.raises(CompressionError, match="^plots need matplotlib: pip install"):
    plots.check()
