"""Plots and tables of an evaluation are those that evaluate.py writes."""

from __future__ import annotations

import pathlib
from xml.etree import ElementTree

import pytest

from compression.common.errors import OutputError
from compression.evaluation import means as means_lib
from compression.evaluation import results, tables, throughput
from compression.evaluation.throughput import Throughput
from compression.reporting import curves
from tests.evaluation.examples import curve, network
from tests.reporting.examples import read_uri

POINTS = [
  *network("ours", [(0.1, 25), (0.5, 30), (1.0, 33), (2.0, 36)]),
  *curve("jpeg420", [(0.2, 24), (0.6, 30), (1.1, 33), (2.1, 37)]),
]
SPEED = [Throughput("ours", 2, 1, 1.5, 2.5, "a machine")]


def test_there_is_a_plot_of_each_measure_and_scale() -> None:
  drawn = curves.draw(curves.Evaluation(POINTS))
  assert [plot.label for plot in drawn] == [measure.label for measure in means_lib.MEASURES]
  for plot in drawn:
    assert list(plot.uris) == ["linear", "log"]
    for uri in plot.uris.values():
      assert uri.startswith("data:image/svg+xml;base64,")
      assert ElementTree.fromstring(read_uri(uri)).tag == "{http://www.w3.org/2000/svg}svg"


def test_plots_are_the_same_whenever_they_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
  monkeypatch.setattr(means_lib, "MEASURES", means_lib.MEASURES[:1])
  evaluation = curves.Evaluation(POINTS)
  assert curves.draw(evaluation) == curves.draw(evaluation)


def test_the_model_comes_first_among_the_tables() -> None:
  found = curves.tabulate(curves.Evaluation(POINTS, SPEED), "ours")
  assert found[0].title == "ours: all settings"
  assert [row[0] for row in found[0].rows] == ["1", "2", "3", "4"]
  assert found[1:] == tables.all_tables(means_lib.means(POINTS), False, SPEED)
  assert found != curves.tabulate(curves.Evaluation(POINTS), "ours")  # which has no speed


def test_another_model_has_no_table_of_settings() -> None:
  found = curves.tabulate(curves.Evaluation(POINTS), "other")
  assert found == tables.all_tables(means_lib.means(POINTS), False)


def test_of_nothing_there_is_nothing() -> None:
  assert curves.draw(curves.Evaluation([])) == []
  assert curves.tabulate(curves.Evaluation([]), "ours") == []


def test_a_folder_is_read(tmp_path: pathlib.Path) -> None:
  (tmp_path / results.RESULTS_FILE).write_text(results.to_csv(POINTS))
  assert curves.read(str(tmp_path)) == (POINTS, [])
  throughput.write(tmp_path / throughput.THROUGHPUT_FILE, SPEED)
  assert curves.read(str(tmp_path)) == (POINTS, SPEED)


@pytest.mark.parametrize("text", [None, "", "image,bpp\na,1\n"])
def test_what_is_no_evaluation_is_refused(tmp_path: pathlib.Path, text: str | None) -> None:
  if text is not None:
    (tmp_path / results.RESULTS_FILE).write_text(text)
  with pytest.raises(OutputError, match="results.csv"):
    curves.read(str(tmp_path))
