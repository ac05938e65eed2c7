"""Beam's processes on this machine, where one that is killed is an error.

Beam itself waits for ever for the answer of a worker that is gone.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
  SubprocessSdkWorkerHandler,
  WorkerHandler,
)

_KILLED = "a worker was killed, perhaps as memory ran out; the same command goes on"
_PATIENCE = 0.1  # seconds between looks for what still waits for a worker that is gone


class _WatchedWorker(SubprocessSdkWorkerHandler):
  """A worker in a process of its own, whose end answers all that waits for it."""

  def start_worker(self) -> None:
    self._is_closing = threading.Event()
    super().start_worker()
    threading.Thread(target=self._watch, daemon=True).start()

  def stop_worker(self) -> None:
    self._is_closing.set()
    super().stop_worker()

  def close(self) -> None:
    self._is_closing.set()
    super().close()

  def _watch(self) -> None:
    self.worker_thread.join()
    while not self._is_closing.wait(_PATIENCE):
      waiting = self.control_conn._futures_by_id
      for request in list(waiting):
        answer = beam_fn_api_pb2.InstructionResponse(instruction_id=request, error=_KILLED)
        waiting.pop(request).set(answer)


def local_runner() -> FnApiRunner:
  """The runner that is part of Beam."""
  WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)(_WatchedWorker)
  return FnApiRunner()


@contextlib.contextmanager
def quiet_threads() -> Iterator[None]:
  """Threads of Beam that end as their worker is gone say nothing: the pipeline's error does."""
  before = threading.excepthook

  def hook(args: Any) -> None:
    if not type(args.exc_value).__module__.startswith("grpc") and (
      args.thread is None or args.thread.name != "run_worker"
    ):
      before(args)

  threading.excepthook = hook
  try:
    yield
  finally:
    threading.excepthook = before
