"""Work goes on in other processes, which end when they are no longer wanted."""

from __future__ import annotations

import os
import pathlib
import signal
import time
from collections.abc import Callable

import pytest

from compression.common import workers
from compression.common.errors import CompressionError, ImageError
from tests import programs

# Runs as a program: starts tasks that never end, says so, and waits for them.
ENDLESS = """
import os, pathlib, sys, time
from compression.common import workers
from tests import programs

def endless(folder):
  pathlib.Path(folder, str(os.getpid())).touch()
  time.sleep(1000)

if __name__ == "__main__":
  list(workers.run(endless, [sys.argv[1]] * 2, 2, 1))
"""


def _square(number: int) -> int:
  return number * number


def _refuse(number: int) -> int:
  raise ImageError(f"{number}: no image")


def _die(number: int) -> int:
  os.kill(os.getpid(), signal.SIGKILL)
  return number


def _threads(_: int) -> tuple[int, str | None]:
  return os.getpid(), os.environ.get("OMP_NUM_THREADS")


def _wait(number: int) -> int:
  time.sleep(1000 if number else 0)
  return os.getpid()


def _eventually(condition: Callable[[], bool]) -> None:
  deadline = time.monotonic() + 60
  while not condition():
    assert time.monotonic() < deadline, "waited for a minute"
    time.sleep(0.02)


def _is_running(process: int) -> bool:
  try:
    return pathlib.Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
  except FileNotFoundError:
    return False


def test_all_tasks_are_done_once() -> None:
  assert sorted(workers.run(_square, range(20), 2, 1)) == [n * n for n in range(20)]
  assert list(workers.run(_square, [], 1, 1)) == []


def test_threads_are_limited_in_the_processes_and_not_here(
  monkeypatch: pytest.MonkeyPatch,
) -> None:
  monkeypatch.setenv("OMP_NUM_THREADS", "7")
  monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
  ((process, threads),) = workers.run(_threads, [0], 1, 3)
  assert process != os.getpid() and threads == "3"
  assert os.environ["OMP_NUM_THREADS"] == "7" and "TF_NUM_INTRAOP_THREADS" not in os.environ
  ((_, threads),) = workers.run(_threads, [0], 1, workers.ALL_THREADS)
  assert threads == "7"


def test_each_process_gets_its_share_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
  monkeypatch.setattr(os, "cpu_count", lambda: 8)
  assert [workers.threads_each(jobs) for jobs in (1, 2, 3, 8, 9)] == [0, 4, 2, 1, 1]


def test_errors_come_back() -> None:
  with pytest.raises(ImageError, match="^5: no image$"):
    list(workers.run(_refuse, [5], 1, 1))
  with pytest.raises(CompressionError, match="a process was killed, .* try fewer --jobs"):
    list(workers.run(_die, [1, 2], 1, 1))


def test_of_processes_that_are_killed_the_tasks_are_told() -> None:
  tasks = iter(range(100))
  with pytest.raises(workers.KilledError) as caught:
    list(workers.run(_die, tasks, 1, 1))
  assert list(caught.value.unfinished) == [0, 1] and next(tasks) == 2  # and no more were taken


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs Linux")
def test_closing_ends_the_processes_in_the_middle_of_their_work() -> None:
  results = workers.run(_wait, [0, 1], 1, 1)
  process = next(results)
  assert _is_running(process)
  results.close()
  _eventually(lambda: not _is_running(process))


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs Linux")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_the_one_that_started_them(
  tmp_path: pathlib.Path, number: signal.Signals
) -> None:
  (tmp_path / "endless.py").write_text(ENDLESS)
  (tmp_path / "started").mkdir()
  program = programs.start(str(tmp_path / "endless.py"), tmp_path, "started")
  try:
    _eventually(lambda: len(os.listdir(tmp_path / "started")) == 2)
    processes = [int(name) for name in os.listdir(tmp_path / "started")]
    assert all(map(_is_running, processes))
    program.send_signal(number)
    program.wait(60)
    _eventually(lambda: not any(map(_is_running, processes)))
  finally:
    program.kill()
    program.communicate()


def test_a_process_is_limited_where_nobody_has_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
  monkeypatch.setattr(os, "environ", {"OMP_NUM_THREADS": "3"})
  workers.limit_threads(workers.ALL_THREADS)
  assert os.environ == {"OMP_NUM_THREADS": "3"}
  workers.limit_threads(1)
  assert os.environ["OMP_NUM_THREADS"] == "3"
  assert os.environ["TF_NUM_INTRAOP_THREADS"] == os.environ["TF_NUM_INTEROP_THREADS"] == "1"
