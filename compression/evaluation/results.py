"""The rows of an evaluation in a folder, so that a killed run goes on where it was.

    results.csv   the columns of `points.Point`; the rows of an image and codec are added together
    run.json      the codecs with their settings and versions, the photos with their checksums, and
                  the metrics beside those of all results

A run in the same folder does what is missing. It may have more photos and codecs than the run
before; one that lacks some, or has them otherwise, is refused, as means would mix what differs.
"""

from __future__ import annotations

import collections
import contextlib
import csv
import fcntl
import hashlib
import io
import json
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from compression.codecs.base import Codec
from compression.common.errors import OutputError
from compression.common.files import atomic_write, make_folder
from compression.evaluation.points import COLUMNS, Point
from compression.metrics.table import Metric

RESULTS_FILE, RUN_FILE = "results.csv", "run.json"

Run = dict[str, dict[str, Any]]
"""What run.json holds: "codecs", "images" and, if there are more, "metrics", each a name -> what
must not change."""


def describe_run(
  codecs: Iterable[Codec], images: Mapping[str, pathlib.Path], more: Iterable[Metric] = ()
) -> Run:
  """What a run is made of.

  Args:
    images: name in the rows -> file.
    more: metrics beside those of all results.
  """
  metrics = {metric.name: metric.identity for metric in more}
  return {
    **({"metrics": metrics} if metrics else {}),
    "codecs": {
      codec.name: {"settings": list(codec.settings), "identity": codec.identity} for codec in codecs
    },
    "images": {
      name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in images.items()
    },
  }


def check_same(folder: str | os.PathLike[str], before: Run, run: Run) -> None:
  """Refuses to go on with what was not begun as a part of this run.

  Args:
    folder: where that was.
    before: what it was made of.

  Raises:
    OutputError: if it had something that this run lacks, or has otherwise.
  """
  for kind in ("codecs", "images", "metrics"):
    for name, made_of in before.get(kind, {}).items():
      if name not in run.get(kind, {}):
        what = "is not among those of this run"
      elif run[kind][name] != made_of:
        what = "has changed since"
      else:
        continue
      raise OutputError(
        f"{os.fspath(folder)}: was begun with other {kind}: {name} {what}; --overwrite starts anew"
      )


def parse_run(file: str | os.PathLike[str], text: str) -> Run:
  """The content of run.json.

  Raises:
    OutputError: if it is none.
  """
  try:
    run = json.loads(text)
    for kind in ("codecs", "images"):
      run[kind].items()
    run.get("metrics", {}).items()
  except (ValueError, KeyError, TypeError, AttributeError):
    raise _unreadable(file) from None
  return run


def _unreadable(file: str | os.PathLike[str]) -> OutputError:
  return OutputError(f"{os.fspath(file)}: cannot be read; --overwrite starts anew")


class Results:
  """The rows of a run, in a folder that this makes if need be; a context manager.

  Args:
    folder: where the files are.
    run: of `describe_run`.
    overwrite: whether to forget an older run.

  Raises:
    OutputError: if an older run was another one, another process is at work there, the files are
      not those of a run, or they cannot be written.
  """

  def __init__(self, folder: str | os.PathLike[str], run: Run, overwrite: bool = False):
    self.folder = make_folder(folder)
    self._run = run
    self._more = list(run.get("metrics", {}))
    self._file = self.folder / RESULTS_FILE
    self._groups: dict[tuple[str, str], list[Point]] = {}
    with contextlib.ExitStack() as stack:
      self._lock(stack)
      if not overwrite:
        self._groups = self._read()
      # First the rows, which an older run.json describes, too: a run that ends here loses none.
      with atomic_write(self._file) as file:
        file.write(to_csv(self.points, more=self._more).encode())
      with atomic_write(self.folder / RUN_FILE) as file:
        file.write(json.dumps(run, indent=2).encode() + b"\n")
      self._handle = os.open(self._file, os.O_WRONLY | os.O_APPEND)
      stack.callback(os.close, self._handle)
      self._stack = stack.pop_all()

  def __enter__(self) -> Results:
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    traceback: TracebackType | None,
  ) -> None:
    self._stack.close()

  @property
  def points(self) -> list[Point]:
    """All rows, in the order of the photos, then of the codecs, then of the settings."""
    order = [(image, codec) for image in self._run["images"] for codec in self._run["codecs"]]
    return [point for key in order for point in self._groups.get(key, [])]

  def has(self, image: str, codec: str) -> bool:
    """Whether the rows of a photo and codec are there."""
    return (image, codec) in self._groups

  def add(self, points: Sequence[Point]) -> None:
    """Adds the rows of a photo and codec: all settings, in the order of the codec."""
    self._groups[points[0].image, points[0].codec] = list(points)
    data = to_csv(points, header=False).encode()
    try:
      while data:
        data = data[os.write(self._handle, data) :]
      os.fsync(self._handle)
    except OSError as error:
      raise OutputError(f"{self._file}: cannot be written: {error.strerror}") from error

  def _lock(self, stack: contextlib.ExitStack) -> None:
    """Locks the folder, as its files are replaced."""
    try:
      handle = os.open(self.folder, os.O_RDONLY)
      stack.callback(os.close, handle)
      fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      raise OutputError(f"{self.folder}: another process is evaluating into it") from None
    except OSError as error:
      raise OutputError(f"{self.folder}: cannot be locked: {error.strerror}") from error

  def _read(self) -> dict[tuple[str, str], list[Point]]:
    """The groups of an older run that are whole, once it is clear that it was the same run."""
    try:
      text = self._file.read_text("utf-8", errors="replace")
    except FileNotFoundError:
      return {}
    except OSError as error:
      raise OutputError(f"{self._file}: cannot be read: {error.strerror}") from error
    if text == to_csv([], more=self._more):
      return {}
    if not text.startswith(to_csv([], more=self._more)):
      raise OutputError(f"{self._file}: has other columns; --overwrite starts anew")
    file = self.folder / RUN_FILE
    try:
      before = parse_run(file, file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
      raise _unreadable(file) from None
    check_same(self.folder, before, self._run)
    groups: dict[tuple[str, str], list[Point]] = collections.defaultdict(list)
    whole_lines = text[: text.rfind("\n") + 1]
    for row in csv.DictReader(io.StringIO(whole_lines, newline="")):
      try:
        point = Point.from_row(row)
      except (KeyError, TypeError, ValueError):
        continue  # its group will be incomplete, and measured again
      groups[point.image, point.codec].append(point)
    return {key: group for key, group in groups.items() if self._is_whole(key, group)}

  def _is_whole(self, key: tuple[str, str], group: list[Point]) -> bool:
    image, codec = key
    if image not in self._run["images"] or codec not in self._run["codecs"]:
      return False
    return [point.setting for point in group] == self._run["codecs"][codec]["settings"]


def to_csv(points: Iterable[Point], header: bool = True, more: Iterable[str] = ()) -> str:
  """Rows as text.

  Args:
    more: the names of further metrics that the points have, in their order.
  """
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  if header:
    writer.writerow([*COLUMNS, *more])
  writer.writerows(point.cells() for point in points)
  return text.getvalue()


def read_points(file: str | os.PathLike[str]) -> list[Point]:
  """The rows of a finished results.csv.

  Raises:
    OutputError: if it cannot be read or is not one.
  """
  try:
    with open(file, newline="", encoding="utf-8") as rows:
      table = csv.DictReader(rows)
      if tuple(table.fieldnames or ())[: len(COLUMNS)] != COLUMNS:
        raise ValueError("it has other columns")
      return [Point.from_row(row) for row in table]
  except (OSError, KeyError, TypeError, ValueError) as error:
    raise OutputError(f"{os.fspath(file)}: not the results of an evaluation: {error}") from error
