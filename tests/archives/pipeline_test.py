"""Files of a pattern, each to what becomes of it: also in an object store."""

from __future__ import annotations

import json
import pathlib

import pytest

pytest.importorskip("apache_beam", reason="Apache Beam is not installed")

from compression.archives import pipeline
from compression.archives.pipeline import Folder, Report, Work
from compression.common import pipelines, stores
from compression.common.errors import ImageError, OutputError
from tests import object_store


class Upper(Work):
  """Texts to texts in capitals; some are bad."""

  def __init__(self, folder: Folder):
    self._folder = folder

  def target(self, name: str) -> str:
    return name.partition(".")[0] + ".up"

  def do(self, source: str, target: str) -> Report:
    text = stores.read(source).decode()
    if text == "memory":
      raise MemoryError
    if text == "bad":
      raise ImageError("is bad")
    stores.write(self._folder.file(target), text.upper().encode(), self._folder.parts)
    damaged = [f"{source}: is short"] if len(text) < 2 else []
    return Report(done=1, damaged=damaged, rows=[(target, "digest", text)])


def _run(pattern: str, folder: Folder) -> Report:
  return pipeline.run(pattern, Upper(folder), folder, pipelines.options([]))


@pytest.mark.parametrize("place", ["local", "objects"])
def test_each_file_becomes_one_in_the_same_folders(
  place: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setattr(object_store, "OBJECTS", {})
  root = str(tmp_path) if place == "local" else "mem://bucket"
  for name, text in {
    "a.txt": "one",
    "deep/er/a.txt": "two",
    "b.txt": "x",
    "c.txt": "bad",
    "d.txt": "memory",
    "e.txt": "twin",
    "e.text": "twin",
  }.items():
    stores.write(f"{root}/in/{name}", text.encode())
  folder = Folder(f"{root}/out")
  report = _run(f"{root}/in/**", folder)
  assert (report.done, report.skipped) == (3, 0)
  assert sorted(map(tuple, report.rows)) == [
    ("a.up", "digest", "one"),
    ("b.up", "digest", "x"),
    ("deep/er/a.up", "digest", "two"),
  ]
  assert [line.removeprefix(f"{root}/in/") for line in report.lines] == [
    "b.txt: is short",
    "c.txt: is bad",
    "d.txt: not enough memory",
    f"e.text: e.up would be the output of {root}/in/e.txt, too",
    f"e.txt: e.up would be the output of {root}/in/e.text, too",
  ]
  assert stores.read(f"{root}/out/deep/er/a.up") == b"TWO"
  assert stores.read(f"{root}/out/unreadable.txt").decode().splitlines() == report.lines
  found = {name.removeprefix(f"{root}/out/") for name in stores.match(f"{root}/out/**")}
  assert found == {"a.up", "b.up", "deep/er/a.up", "unreadable.txt"}


def test_names_that_are_no_text_come_through(tmp_path: pathlib.Path) -> None:
  (tmp_path / "in").mkdir()
  (tmp_path / "in/a\n\udcff.txt").write_text("one")
  (tmp_path / "in/b\udcff.txt").write_text("bad")
  report = _run(f"{tmp_path}/in/*", Folder(f"{tmp_path}/out"))
  assert report.done == 1 and (tmp_path / "out/a\n\udcff.up").read_text() == "ONE"
  assert report.failed == [f"{tmp_path}/in/b\\udcff.txt: is bad"]


def test_results_of_other_settings_are_not_gone_on_with(tmp_path: pathlib.Path) -> None:
  folder = Folder(f"{tmp_path}/out")
  folder.begin({"quality": ["setting", 4], "model": "a"})
  assert json.loads((tmp_path / "out/archive.json").read_text())["model"] == "a"
  with pytest.raises(OutputError, match="archive.json: exists already; --skip_existing goes on"):
    folder.begin({"quality": ["setting", 4], "model": "a"})
  again = folder._replace(skip_existing=True)
  again.begin({"quality": ["setting", 4], "model": "a"})
  with pytest.raises(OutputError, match="begun with another model: a; --overwrite starts anew"):
    again.begin({"quality": ["setting", 4], "model": "b"})
  (tmp_path / "out/archive.json").write_text("{")
  with pytest.raises(OutputError, match="archive.json: cannot be read"):
    again.begin({"model": "a"})
  folder._replace(overwrite=True).begin({"model": "b"})
  assert json.loads((tmp_path / "out/archive.json").read_text()) == {"model": "b"}


def test_reports_add_up() -> None:
  assert pipeline.add([]) == Report()
  total = pipeline.add([Report(1, 2, ["b"], ["c"]), Report(3, 4, ["a"], rows=[("n", "d", "t")])])
  assert total == Report(4, 6, ["a", "b"], ["c"], [("n", "d", "t")])
