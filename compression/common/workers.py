"""Work in processes of their own: parallel, with a given number of threads, gone when this is."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent import futures
from typing import Any, TypeVar

from compression.common.errors import CompressionError

Task = TypeVar("Task")
Result = TypeVar("Result")

ALL_THREADS = 0

_AHEAD = 2  # tasks begun for each process: one that it works on, and the next one

# Read by OpenMP, OpenBLAS, MKL and TensorFlow when they are loaded.
_THREAD_VARIABLES = (
  "OMP_NUM_THREADS",
  "OPENBLAS_NUM_THREADS",
  "MKL_NUM_THREADS",
  "TF_NUM_INTRAOP_THREADS",
  "TF_NUM_INTEROP_THREADS",
)


def threads_each(jobs: int) -> int:
  """How many threads each of so many processes should have; ALL_THREADS for a single one."""
  return ALL_THREADS if jobs == 1 else max(1, (os.cpu_count() or 1) // jobs)


class KilledError(CompressionError):
  """A process was killed; `unfinished` are the tasks that were begun and not done."""

  unfinished: Sequence[Any] = ()


def run(
  work: Callable[[Task], Result], tasks: Iterable[Task], jobs: int, threads: int
) -> Generator[Result, None, None]:
  """Yields `work(task)` for each task, in the order in which they are done.

  The processes are new ones, not copies of this one, which TensorFlow does not allow. They end when
  this process does, however it does, and when the iterator is closed. Few tasks are taken ahead of
  the work, and results are not kept: however many they are, memory stays as it is.

  Args:
    work: a function of a module.
    tasks: what it gets.
    jobs: how many processes.
    threads: that each may use; ALL_THREADS for all that there are. Only a limit for libraries that
      heed the usual variables: others have to be told.

  Raises:
    KilledError: if a process is killed.
    Exception: what `work` raises.
  """
  others = set(multiprocessing.active_children())
  left = iter(tasks)
  with environment(threads):
    pool = futures.ProcessPoolExecutor(
      jobs, multiprocessing.get_context("spawn"), initializer=_begin
    )
    begun: dict[futures.Future[Result], Task] = {}
    try:
      for task in itertools.islice(left, _AHEAD * jobs):
        begun[pool.submit(work, task)] = task
      while begun:
        done, _ = futures.wait(begun, return_when=futures.FIRST_COMPLETED)
        for future in done:
          result = future.result()
          del begun[future]
          for task in itertools.islice(left, 1):
            begun[pool.submit(work, task)] = task
          yield result
    except futures.BrokenExecutor:
      error = KilledError("a process was killed, perhaps as memory ran out: try fewer --jobs")
      error.unfinished = [*begun.values()]
      raise error from None
    finally:
      if not all(future.done() for future in begun):  # at once, in the middle of their work
        for process in set(multiprocessing.active_children()) - others:
          process.terminate()
      pool.shutdown(cancel_futures=True)


def _begin() -> None:
  """In a new process: Ctrl-C is its parent's business, and it ends with its parent."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  parent = multiprocessing.parent_process()
  assert parent is not None

  def follow() -> None:
    parent.join()
    os._exit(1)

  threading.Thread(target=follow, daemon=True).start()


def limit_threads(threads: int) -> None:
  """Limits those of libraries that this process is yet to load; ALL_THREADS for no limit."""
  if threads != ALL_THREADS:
    for name in _THREAD_VARIABLES:
      os.environ.setdefault(name, str(threads))


@contextlib.contextmanager
def environment(threads: int) -> Iterator[None]:
  """The variables by which new processes know how many threads to use, meanwhile."""
  if threads == ALL_THREADS:
    yield
    return
  before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
  os.environ.update({name: str(threads) for name in _THREAD_VARIABLES})
  try:
    yield
  finally:
    for name, value in before.items():
      if value is None:
        del os.environ[name]
      else:
        os.environ[name] = value
