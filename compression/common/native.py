"""What native libraries print past Python."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_STDERR = 2
"""Its file descriptor."""


@contextlib.contextmanager
def silence() -> Iterator[None]:
  """Without what native code of this process prints to stderr; its errors come as exceptions."""
  try:
    saved = os.dup(_STDERR)
  except OSError:  # it is closed
    yield
    return
  nowhere = os.open(os.devnull, os.O_WRONLY)
  try:
    os.dup2(nowhere, _STDERR)
    yield
  finally:
    os.dup2(saved, _STDERR)
    os.close(saved)
    os.close(nowhere)
