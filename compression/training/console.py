"""What the training programs say, and the exit status that they end with."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import NamedTuple

_SIGNAL_STATUS = 128  # what shells add to the number of a signal

Say = Callable[[str], None]


class Console(NamedTuple):
  """Where a run says how it goes.

  Attributes:
    say: takes lines about the progress.
    warn: takes lines about what is left out.
    on_terminal: show a progress bar instead of a line every so many steps.
  """

  say: Say = print
  warn: Say = print
  on_terminal: bool = False


def say(line: str) -> None:
  """A line on stdout at once, also where that is a file or a pipe."""
  print(line, flush=True)


def say_nothing(line: str) -> None:
  """For processes that are not the ones to speak."""


def exit_status(stopped: signal.Signals | None) -> int:
  """The status of a training that this signal has ended, or that came to its end."""
  return 0 if stopped is None else _SIGNAL_STATUS + stopped
