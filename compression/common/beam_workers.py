"""Beam's processes on this machine: quiet, gone when this one is; one that is killed is an error.

By itself Beam waits for ever for the answer of a worker that is gone.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
  SubprocessSdkWorkerHandler,
  WorkerHandler,
)

_KILLED = "a worker was killed{}, perhaps as memory ran out; what is done stays done"
_PATIENCE = 0.2  # seconds between looks for who is gone

_killed: list[str] = []  # of workers, since a pipeline began: a line for each
_lifeline = ""  # in a worker, its file


class _Worker(SubprocessSdkWorkerHandler):
  """A process of a worker, as this one sees it.

  It lives no longer than a file does, in which it notes what it works at.
  """

  def __init__(self, _: bytes, *arguments: Any):
    handle, self._lifeline = tempfile.mkstemp(prefix="worker-")
    os.close(handle)
    quiet = "import logging; logging.disable()"  # errors come back as answers
    code = f"{quiet}; from {__name__} import work; work({os.getpid()}, {self._lifeline!r})"
    command = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(code)}"
    super().__init__(command.encode(), *arguments)
    self._is_closing = threading.Event()

  def start_worker(self) -> None:
    super().start_worker()
    threading.Thread(target=self._watch, daemon=True).start()

  def close(self) -> None:
    self._is_closing.set()
    if sys.exc_info()[0] is not None:
      self._cut()  # at once, in the middle of its work
    try:
      super().close()
    finally:
      self._cut()

  def _cut(self) -> None:
    with contextlib.suppress(FileNotFoundError):
      os.unlink(self._lifeline)

  def _watch(self) -> None:
    """Answers all that waits for a worker that is gone."""
    self.worker_thread.join()
    if not self._is_closing.is_set():
      with open(self._lifeline, encoding="utf-8") as file:
        at = file.read()
      _killed.append(_KILLED.format(f" at {at}" if at else ""))
    while not self._is_closing.wait(_PATIENCE):
      waiting = self.control_conn._futures_by_id
      for request in list(waiting):
        answer = beam_fn_api_pb2.InstructionResponse(instruction_id=request, error=_killed[-1])
        waiting.pop(request).set(answer)


def local_runner() -> FnApiRunner:
  """The runner that is part of Beam."""
  WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)(_Worker)
  return FnApiRunner()


def note(at: str) -> None:
  """Tells what this process begins to work at, in case that it is killed; if it is a worker."""
  with contextlib.suppress(OSError), open(_lifeline, "r+", encoding="utf-8") as file:
    file.truncate()
    file.write(at)


def work(parent: int, lifeline: str) -> None:
  """The main of a worker.

  Args:
    parent: the process for which it works, and whose business Ctrl-C is.
    lifeline: the file without which it ends.
  """
  from apache_beam.runners.worker import sdk_worker_main

  global _lifeline
  _lifeline = lifeline
  signal.signal(signal.SIGINT, signal.SIG_IGN)

  def follow() -> None:
    while os.getppid() == parent and os.path.exists(lifeline):
      time.sleep(_PATIENCE)
    with contextlib.suppress(OSError):
      os.unlink(lifeline)
    os._exit(1)

  threading.Thread(target=follow, daemon=True).start()
  with _quiet_threads():
    sdk_worker_main.main(sys.argv)


@contextlib.contextmanager
def watched() -> Iterator[Callable[[], str | None]]:
  """Where a pipeline runs here. What Beam says of a worker that is gone is left unsaid.

  Yields: what says so in a line, if one is.
  """
  log = logging.getLogger("apache_beam")
  level = log.level
  log.setLevel(logging.CRITICAL)
  _killed.clear()
  try:
    with _quiet_threads():
      yield lambda: _killed[0] if _killed else None
  finally:
    log.setLevel(level)


@contextlib.contextmanager
def _quiet_threads() -> Iterator[None]:
  """Threads that lose their worker say nothing."""
  before = threading.excepthook

  def hook(args: Any) -> None:
    waits = args.thread is not None and args.thread.name == "run_worker"
    if not waits and not isinstance(args.exc_value, grpc.RpcError):
      before(args)

  threading.excepthook = hook
  try:
    yield
  finally:
    threading.excepthook = before
