"""Runs programs as a user does, in a process and a folder of their own."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

ROOT = pathlib.Path(__file__).resolve().parent.parent

_HIDE = "hide"


def start(program: str, folder: pathlib.Path, *args: str) -> subprocess.Popen[str]:
  """`python -m PROGRAM ARGS` in a folder, or `python PROGRAM ARGS` if it ends in .py.

  `hide` in that folder comes before all packages.
  """
  return subprocess.Popen(
    _command(program, args),
    cwd=folder,
    env=_environment(folder),
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
    env=_environment(folder),
    input=content,
    capture_output=True,
  )
  return done.returncode, done.stdout, done.stderr.decode()


def fails(program: str, folder: pathlib.Path, message: str, *args: str, status: int = 1) -> None:
  """Asserts one line with this message, and that nothing below the folder is written."""
  before = _state(folder)
  code, out, err = run(program, folder, *args)
  assert (code, out) == (status, ""), err
  assert err.startswith("error: ") and message in err and len(err.splitlines()) == 1, err
  assert _state(folder) == before


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


def _command(program: str, args: Sequence[str]) -> list[str]:
  name = [str(ROOT / program)] if program.endswith(".py") else ["-m", program]
  return [sys.executable, *name, *args]


def _environment(folder: pathlib.Path) -> dict[str, str]:
  path = os.pathsep.join([str(folder / _HIDE), str(ROOT)])
  environment = {**os.environ, "PYTHONPATH": path}
  environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # a program must be quiet by itself
  return environment


def _state(folder: pathlib.Path) -> dict[pathlib.Path, int | None]:
  """All below it; when files were written."""
  return {path: path.stat().st_mtime_ns if path.is_file() else None for path in folder.rglob("*")}
