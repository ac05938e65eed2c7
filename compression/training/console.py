"""What the training programs say on stdout, and the exit status that they end with."""

from __future__ import annotations

import signal

_SIGNAL_STATUS = 128  # what shells add to the number of a signal


def say(line: str) -> None:
  """A line on stdout at once, also where that is a file or a pipe."""
  print(line, flush=True)


def exit_status(stopped: signal.Signals | None) -> int:
  """Of a training that this signal has ended, or that came to its end."""
  return 0 if stopped is None else _SIGNAL_STATUS + stopped
