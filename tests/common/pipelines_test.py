"""Beam's flags, and pipelines that fail."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("apache_beam", reason="Apache Beam is not installed")

import apache_beam as beam

from compression.common import pipelines, workers
from compression.common.errors import CompressionError
from compression.common.program import UsageError

PROCESSES = "--direct_running_mode=multi_processing"


def test_flags_of_beam_are_checked() -> None:
  options = pipelines.options(["--runner=DirectRunner", "--direct_num_workers", "2"])
  assert options.get_all_options()["direct_num_workers"] == 2
  assert pipelines.is_local(options)
  other = pipelines.options(["--runner=FlinkRunner", "--of_flink=1"])  # it may know more
  assert not pipelines.is_local(other)
  for runner in ([], ["--runner=DirectRunner"]):
    with pytest.raises(UsageError, match="Unknown command line flag 'kep'"):
      pipelines.options([*runner, "--kep=3"])
  with pytest.raises(UsageError, match="direct_num_workers: invalid int value: 'x'$"):
    pipelines.options(["--direct_num_workers=x"])


@pytest.mark.parametrize(
  "flags, threads",
  [
    ([], workers.ALL_THREADS),
    (["--direct_num_workers=2"], workers.ALL_THREADS),  # which are threads of one process
    ([PROCESSES, "--direct_num_workers=1"], workers.ALL_THREADS),
    ([PROCESSES, "--direct_num_workers=4000"], 1),
    ([PROCESSES, f"--direct_num_workers={os.cpu_count()}"], workers.threads_each(os.cpu_count())),
    (["--runner=FlinkRunner"], 1),
  ],
)
def test_processors_are_shared_by_the_processes(flags: list[str], threads: int) -> None:
  assert pipelines.threads_each(pipelines.options(flags)) == threads


def test_a_pipeline_that_fails_is_a_line() -> None:
  def fail(number: int) -> None:
    raise RuntimeError(f"no space\nleft for {number}")

  with pytest.raises(CompressionError, match=r"^the pipeline failed: .*left for 3") as caught:
    pipelines.run(lambda p: p | beam.Create([3]) | beam.Map(fail), pipelines.options([]))
  assert "\n" not in str(caught.value)


def test_ten_lines_are_said_and_where_the_others_are() -> None:
  said: list[str] = []
  pipelines.report([str(k) for k in range(10)], "list.txt", said.append)
  assert said == [str(k) for k in range(10)]
  said.clear()
  pipelines.report([str(k) for k in range(12)], "list.txt", said.append)
  assert said[9:] == ["9", "12 files were left out: list.txt"]
