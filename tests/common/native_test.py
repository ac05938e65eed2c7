"""What native code prints to stderr is not seen, and all else is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from compression.common import native


def test_only_what_is_printed_meanwhile_is_hidden(capfd: pytest.CaptureFixture[str]) -> None:
  os.write(2, b"before ")
  with native.silence():
    os.write(2, b"hidden ")
    os.write(1, b"output")
  with pytest.raises(ValueError), native.silence():
    raise ValueError
  os.write(2, b"after")
  assert capfd.readouterr() == ("output", "before after")


def test_a_process_without_stderr_stays_without() -> None:
  code = """
import os
from compression.common import native
os.close(2)
with native.silence():
  print("here")
try:
  os.fstat(2)
except OSError:
  print("closed")
"""
  done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
  assert done.stdout.split() == [b"here", b"closed"]
