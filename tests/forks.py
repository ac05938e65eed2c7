"""New processes to which TensorFlow comes at once: copies of one that has imported it, and no more.

Importing takes seconds, and tests of groups of processes start many. In a copy, TensorFlow starts
as in any new process; nothing of this project is imported yet.
"""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import sys
import time

import pytest

_START = multiprocessing.get_context("forkserver")
_IMPORTED = ["tensorflow"]
_ROOT = pathlib.Path(__file__).resolve().parents[1]


class Fork:
  """`python -c CODE ARGS`, at the top of the project; killed when this process ends.

  Args:
    code: a program.
    *args: what it finds in `sys.argv`, behind the "-c".
    output: a file which takes what it prints; what it prints as errors goes to one that is named
      like it, with `.err`.
    place: its working directory, which has no say in what is imported.
    environment: variables that it has beside those of the first such process.
  """

  def __init__(
    self,
    code: str,
    *args: str,
    output: pathlib.Path,
    place: pathlib.Path = _ROOT,
    environment: dict[str, str] | None = None,
  ):
    self._files = output, output.with_name(f"{output.name}.err")
    for file in self._files:
      file.write_text("")
    _START.set_forkserver_preload(_IMPORTED)
    argv = ["-c", *args]
    self._process = _START.Process(
      target=_work, args=(code, argv, self._files, place, environment or {}), daemon=True
    )
    self._process.start()

  @property
  def status(self) -> int | None:
    """The exit status, the negative number of the signal that killed it, or None: it runs."""
    return self._process.exitcode

  @property
  def printed(self) -> str:
    """What it has printed until now."""
    return self._files[0].read_text("utf-8")

  @property
  def errors(self) -> str:
    """What it has printed as errors until now."""
    return self._files[1].read_text("utf-8")

  def kill(self) -> None:
    """With SIGKILL; returns when it has ended."""
    if self.status is None:
      self._process.kill()
    self._process.join()

  def wait(self, timeout: float | None = None) -> int:
    """The status when it has ended; fails if it has not ended after so many seconds."""
    self._process.join(timeout)
    assert self.status is not None, (self.printed, self.errors)
    return self.status

  def wait_for_errors(self) -> str:
    """What it has printed as errors once that is a line."""
    while "\n" not in self.errors:
      assert self.status is None, (self.printed, self.errors)
      time.sleep(0.01)
    return self.errors


def share_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
  """Lets `compression.common.workers` start such processes, too."""
  _START.set_forkserver_preload(_IMPORTED)
  monkeypatch.setattr(multiprocessing, "get_context", lambda method: _START)


def _work(
  code: str,
  argv: list[str],
  files: tuple[pathlib.Path, pathlib.Path],
  place: pathlib.Path,
  environment: dict[str, str],
) -> None:
  for descriptor, file in enumerate(files, 1):
    with open(file, "ab") as opened:
      os.dup2(opened.fileno(), descriptor)
  os.environ.update(environment)
  os.chdir(place)
  sys.argv = argv
  sys.path.insert(0, str(_ROOT))
  exec(compile(code, argv[0], "exec"), {"__name__": "__main__"})  # noqa: S102
