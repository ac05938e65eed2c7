"""Runs programs as a user does: in a process and a folder of their own, or, quicker, in this one.

`run`, `pipe` and `fails` start a process. `call`, `feed` and `refuses` do the same here, where
TensorFlow is loaded already: for all that does not hang on what a new process brings or writes.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from unittest import mock

import absl.logging  # noqa: F401  # whose flags are there to stay
import pytest
from absl import flags

ROOT = pathlib.Path(__file__).resolve().parent.parent

_HIDE = "hide"


def start(program: str, folder: pathlib.Path, *args: str) -> subprocess.Popen[str]:
  """`python -m PROGRAM ARGS` in a folder, or `python PROGRAM ARGS` if it ends in .py.

  `hide` in that folder comes before all packages.
  """
  return subprocess.Popen(
    _command(program, args),
    cwd=folder,
    env=environment(folder),
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def run(program: str, folder: pathlib.Path, *args: str) -> tuple[int, str, str]:
  """Status, stdout and stderr."""
  process = start(program, folder, *args)
  out, err = process.communicate()
  return process.returncode, out, err


def pipe(program: str, folder: pathlib.Path, content: bytes, *args: str) -> tuple[int, bytes, str]:
  """Status, stdout and stderr of a program that gets this content on stdin."""
  done = subprocess.run(
    _command(program, args),
    cwd=folder,
    env=environment(folder),
    input=content,
    capture_output=True,
  )
  return done.returncode, done.stdout, done.stderr.decode()


def fails(program: str, folder: pathlib.Path, message: str, *args: str, status: int = 1) -> None:
  """Asserts one line with this message, and that nothing below the folder is written."""
  _check_refusal(functools.partial(run, program), folder, message, args, status)


def call(program: str, folder: pathlib.Path, *args: str) -> tuple[int, str, str]:
  """As `run`, in this process."""
  status, out, err = feed(program, folder, b"", *args)
  return status, out.decode(), err


def feed(program: str, folder: pathlib.Path, content: bytes, *args: str) -> tuple[int, bytes, str]:
  """As `pipe`, in this process; the program's module is executed anew, with flags of its own."""
  contents = {"stdin": content, "stdout": b"", "stderr": b""}
  streams = {name: io.TextIOWrapper(io.BytesIO(data), "utf-8") for name, data in contents.items()}
  path = str(ROOT / program) if program.endswith(".py") else program
  execute = runpy.run_path if program.endswith(".py") else _run_module
  before, terminate = os.getcwd(), signal.getsignal(signal.SIGTERM)
  with contextlib.ExitStack() as stack:
    stack.enter_context(_own_flags())
    stack.enter_context(mock.patch.multiple(sys, argv=[path, *args], **streams))
    stack.callback(os.chdir, before)
    stack.callback(signal.signal, signal.SIGTERM, terminate)
    os.chdir(folder)
    with pytest.raises(SystemExit) as end:
      execute(path, run_name="__main__")
    for stream in streams.values():
      stream.flush()
  out, err = (streams[name].buffer.getvalue() for name in ("stdout", "stderr"))
  assert isinstance(end.value.code, int)
  return end.value.code, out, err.decode()


def refuses(program: str, folder: pathlib.Path, message: str, *args: str, status: int = 1) -> None:
  """As `fails`, in this process."""
  _check_refusal(functools.partial(call, program), folder, message, args, status)


def interrupt(
  process: subprocess.Popen[str], begun: Callable[[], object], number: int
) -> tuple[str, str]:
  """Sends a signal to a program as soon as `begun` says so; stdout and stderr when it has ended."""
  try:
    while not begun():
      assert process.poll() is None, process.communicate()
      time.sleep(0.01)
    process.send_signal(number)
    return process.communicate(timeout=120)
  finally:
    process.kill()


def hide(folder: pathlib.Path, package: str) -> None:
  """Makes a package one that programs started in the folder cannot import."""
  (folder / _HIDE).mkdir(exist_ok=True)
  (folder / _HIDE / f"{package}.py").write_text("raise ImportError")


def _check_refusal(
  run: Callable[..., tuple[int, str, str]],
  folder: pathlib.Path,
  message: str,
  args: Sequence[str],
  status: int,
) -> None:
  before = _state(folder)
  code, out, err = run(folder, *args)
  assert (code, out) == (status, ""), err
  assert err.startswith("error: ") and message in err and len(err.splitlines()) == 1, err
  assert _state(folder) == before


_run_module = functools.partial(runpy.run_module, alter_sys=True)


@contextlib.contextmanager
def _own_flags() -> Iterator[None]:
  """No flags but those of absl; when it ends, those that were there before."""
  before = _flags()
  flags.FLAGS.remove_flag_values(before)
  try:
    yield
  finally:
    flags.FLAGS.remove_flag_values(_flags())
    flags.FLAGS._flags().update(before)


def _flags() -> dict[str, flags.Flag]:
  """All but those of absl."""
  named = flags.FLAGS._flags().items()
  module = flags.FLAGS.find_module_defining_flag
  return {name: flag for name, flag in named if not str(module(name)).startswith("absl.")}


def _command(program: str, args: Sequence[str]) -> list[str]:
  name = [str(ROOT / program)] if program.endswith(".py") else ["-m", program]
  return [sys.executable, *name, *args]


def environment(folder: pathlib.Path) -> dict[str, str]:
  path = os.pathsep.join([str(folder / _HIDE), str(ROOT)])
  environment = {**os.environ, "PYTHONPATH": path}
  environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # a program must be quiet by itself
  return environment


def _state(folder: pathlib.Path) -> dict[pathlib.Path, int | None]:
  """All below it; when files were written."""
  return {path: path.stat().st_mtime_ns if path.is_file() else None for path in folder.rglob("*")}
