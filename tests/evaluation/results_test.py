"""No row is lost, none counts twice, and none of another run is mixed in."""

from __future__ import annotations

import json
import pathlib

import pytest

from compression.common.errors import OutputError
from compression.evaluation.points import Point
from compression.evaluation.results import Results, describe_run, read_points
from compression.metrics import table
from tests.codecs.examples import Quantizer


def _rows(image: str, codec: str = "quantizer", first: float = 30.0) -> list[Point]:
  return [Point(image, codec, s, 9, 0.5, first + s, 0.9, 20.5, 0.1, 0.2) for s in (1, 2, 4)]


@pytest.fixture
def images(tmp_path: pathlib.Path) -> dict[str, pathlib.Path]:
  """Two files; what they hold does not matter here."""
  for name in ("a.png", "b.png"):
    (tmp_path / name).write_text(name)
  return {name: tmp_path / name for name in ("a.png", "b.png")}


def _other(name: str, identity: str = "first") -> Quantizer:
  codec = Quantizer()
  codec.name, codec.identity = name, identity
  return codec


def test_runs_with_other_metrics_are_other_runs(
  tmp_path: pathlib.Path, images: dict[str, pathlib.Path]
) -> None:
  nima = table.find("nima:weights.h5")
  runs = [
    describe_run([Quantizer()], images, more)
    for more in ([], [nima], [nima._replace(identity="other weights")])
  ]
  rows = [point._replace(more={"nima": 5.5}) for point in _rows("a.png")]
  with Results(tmp_path / "out", runs[1]) as results:
    results.add(rows)
  with Results(tmp_path / "out", runs[1]) as results:
    assert results.points == rows
  assert read_points(tmp_path / "out/results.csv") == rows
  with pytest.raises(OutputError, match="has other columns; --overwrite starts anew"):
    Results(tmp_path / "out", runs[0])
  with pytest.raises(OutputError, match="was begun with other metrics: nima has changed since"):
    Results(tmp_path / "out", runs[2])


def test_a_second_run_finds_the_rows_of_the_first(
  tmp_path: pathlib.Path, images: dict[str, pathlib.Path]
) -> None:
  run = describe_run([Quantizer()], images)
  folder = tmp_path / "new/folder"
  with Results(folder, run) as results:
    results.add(_rows("b.png"))
    assert results.has("b.png", "quantizer") and not results.has("a.png", "quantizer")
  with Results(folder, run) as results:
    assert results.has("b.png", "quantizer") and not results.has("a.png", "quantizer")
    results.add(_rows("a.png"))
    assert results.points == _rows("a.png") + _rows("b.png")  # in the order of the run
  assert sorted(read_points(folder / "results.csv")) == sorted(results.points)
  with Results(folder, run, overwrite=True) as results:
    assert results.points == []
  assert {file.name for file in folder.iterdir()} == {"results.csv", "run.json"}


@pytest.mark.parametrize("cut", range(1, 200, 9))
def test_a_file_that_is_cut_anywhere_loses_only_the_last_group(
  tmp_path: pathlib.Path, images: dict[str, pathlib.Path], cut: int
) -> None:
  run = describe_run([Quantizer()], images)
  with Results(tmp_path / "out", run) as results:
    results.add(_rows("a.png"))
    whole = (tmp_path / "out/results.csv").read_bytes()
    results.add(_rows("b.png"))
  file = tmp_path / "out/results.csv"
  data = file.read_bytes()
  last = len(data) - len(whole)
  file.write_bytes(data[: -min(cut, last)])
  with Results(tmp_path / "out", run) as results:
    assert results.points == _rows("a.png")
    assert file.read_bytes() == whole
    results.add(_rows("b.png"))
  assert file.read_bytes() == data


def test_damaged_and_repeated_rows_are_measured_again(
  tmp_path: pathlib.Path, images: dict[str, pathlib.Path]
) -> None:
  run = describe_run([Quantizer()], images)
  with Results(tmp_path / "out", run) as results:
    results.add(_rows("a.png"))
    results.add(_rows("b.png"))
  file = tmp_path / "out/results.csv"
  lines = file.read_text().splitlines(keepends=True)
  file.write_text("".join([*lines[:5], "b.png,quantizer,2,many\n", *lines[6:]]))
  with Results(tmp_path / "out", run) as results:
    assert results.points == _rows("a.png")
  file.write_text("".join([*lines, lines[1]]))
  with Results(tmp_path / "out", run) as results:
    assert results.points == _rows("b.png")


def test_more_photos_and_codecs_may_come_later(
  tmp_path: pathlib.Path, images: dict[str, pathlib.Path]
) -> None:
  first = {"a.png": images["a.png"]}
  with Results(tmp_path / "out", describe_run([Quantizer()], first)) as results:
    results.add(_rows("a.png"))
  more = describe_run([_other("new"), Quantizer()], images)
  with Results(tmp_path / "out", more) as results:
    results.add(_rows("b.png", "new"))
    assert results.points == _rows("a.png") + _rows("b.png", "new")
  with Results(tmp_path / "out", more) as results:
    assert results.points == _rows("a.png") + _rows("b.png", "new")


def test_another_run_is_refused_and_nothing_is_lost(
  tmp_path: pathlib.Path, images: dict[str, pathlib.Path]
) -> None:
  folder = tmp_path / "out"
  with Results(folder, describe_run([Quantizer()], images)) as results:
    results.add(_rows("a.png"))
  before = {file: file.read_bytes() for file in folder.iterdir()}

  def refused(codecs: list[Quantizer], photos: dict[str, pathlib.Path], message: str) -> None:
    with pytest.raises(OutputError, match=f"{message}; --overwrite starts anew$"):
      Results(folder, describe_run(codecs, photos))
    assert {file: file.read_bytes() for file in folder.iterdir()} == before

  refused([_other("new")], images, "other codecs: quantizer is not among those of this run")
  newer = _other("quantizer", "second")
  refused([newer], images, "other codecs: quantizer has changed since")
  fewer = {"a.png": images["a.png"]}
  refused([Quantizer()], fewer, "other images: b.png is not among those of this run")
  images["b.png"].write_text("another photo")
  refused([Quantizer()], images, "other images: b.png has changed since")


def test_two_processes_do_not_write_the_same_folder(
  tmp_path: pathlib.Path, images: dict[str, pathlib.Path]
) -> None:
  run = describe_run([Quantizer()], images)
  with Results(tmp_path / "out", run) as results:
    with pytest.raises(OutputError, match="another process is evaluating into it"):
      Results(tmp_path / "out", run)
    results.add(_rows("a.png"))
  with Results(tmp_path / "out", run) as results:
    assert results.points == _rows("a.png")


def test_files_of_something_else_are_refused(
  tmp_path: pathlib.Path, images: dict[str, pathlib.Path]
) -> None:
  run = describe_run([Quantizer()], images)
  folder = tmp_path / "out"
  folder.mkdir()
  (folder / "results.csv").write_text("my,own\n1,2\n")
  with pytest.raises(OutputError, match="has other columns; --overwrite"):
    Results(folder, run)
  assert (folder / "results.csv").read_text() == "my,own\n1,2\n"
  with Results(folder, run, overwrite=True) as results:
    results.add(_rows("a.png"))
  for text in ("", "[]", '{"codecs": {}}', json.dumps({"codecs": [], "images": {}})):
    (folder / "run.json").write_text(text)
    with pytest.raises(OutputError, match=r"run.json: cannot be read; --overwrite"):
      Results(folder, run)
  (tmp_path / "file").write_text("")
  with pytest.raises(OutputError, match="cannot be made"):
    Results(tmp_path / "file", run)
  with pytest.raises(OutputError, match="not the results of an evaluation"):
    read_points(tmp_path / "a.png")


def test_a_run_that_was_killed_before_its_first_row_is_taken_up(
  tmp_path: pathlib.Path, images: dict[str, pathlib.Path]
) -> None:
  run = describe_run([Quantizer()], images)
  with Results(tmp_path / "out", run):
    pass
  (tmp_path / "out/run.json").unlink()  # the last file to be written
  with Results(tmp_path / "out", run) as results:
    assert results.points == []
