"""A worker that is killed is an error at once; none outlives the process that it works for."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("apache_beam", reason="Apache Beam is not installed")

from tests import programs

# What workers do: they note their numbers, and then one is killed, or all wait for ever.
_WORK = """
import os, signal, time

def work(element):
  open(f"{os.getpid()}.worker", "w").close()
  if os.path.exists("kill"):
    os.kill(os.getpid(), signal.SIGKILL)
  time.sleep(1000)
"""

_PROGRAM = """
from compression.common import pipelines, program
from work import work

with pipelines.importing():
  import apache_beam as beam

def build(pipeline):
  pairs = pipeline | beam.Create([(k, k) for k in range(8)])
  pairs | beam.GroupByKey() | beam.Map(work)

def main(argv):
  flags = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
  pipelines.run(build, pipelines.options(flags))

if __name__ == "__main__":
  program.run(main)
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
  """With a program of two workers."""
  (tmp_path / "work.py").write_text(_WORK)
  (tmp_path / "run.py").write_text(_PROGRAM)
  return tmp_path


def _start(folder: pathlib.Path) -> subprocess.Popen[str]:
  return subprocess.Popen(
    [sys.executable, "run.py"],
    cwd=folder,
    env=programs.environment(folder),
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def _workers(folder: pathlib.Path) -> list[int]:
  return [int(path.stem) for path in folder.glob("*.worker")]


def _lives(process: int) -> bool:
  with contextlib.suppress(ProcessLookupError):
    os.kill(process, 0)
    return True
  return False


def test_a_worker_that_is_killed_is_a_line(folder: pathlib.Path) -> None:
  (folder / "kill").touch()
  process = _start(folder)
  out, err = process.communicate(timeout=60)
  assert (process.returncode, out) == (1, "")
  assert err == (
    "error: the pipeline failed: a worker was killed, perhaps as memory ran out;"
    " what is done stays done\n"
  )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_program(folder: pathlib.Path, number: int) -> None:
  process = _start(folder)
  _, err = programs.interrupt(process, lambda: len(_workers(folder)) == 2, number)
  if number == signal.SIGINT:
    assert (process.returncode, err) == (130, "error: interrupted\n")
  end = time.monotonic() + 10
  while any(map(_lives, _workers(folder))):
    assert time.monotonic() < end
    time.sleep(0.05)
