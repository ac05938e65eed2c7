"""Tests of compression/training/console.py."""

from __future__ import annotations

import signal
import subprocess
import sys

from compression.training import console


def test_a_line_is_there_at_once_in_a_pipe_too() -> None:
  code = "from compression.training.console import say; say('now'); input()"
  pipe = subprocess.PIPE
  with subprocess.Popen(
    [sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True
  ) as process:
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    assert process.poll() is None
    process.communicate("\n")


def test_the_status_is_that_of_shells() -> None:
  assert console.exit_status(None) == 0
  assert console.exit_status(signal.SIGTERM) == 143
  assert console.exit_status(signal.SIGINT) == 130
