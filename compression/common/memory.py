"""The memory of this process: its peak, and giving back what is no longer used."""

from __future__ import annotations

import contextlib
import ctypes
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from compression.common.errors import CompressionError

_M_MMAP_THRESHOLD = -3
"""The number of this setting in glibc's malloc.h."""

_PEAK = """
import runpy, sys
_, file, program, *_ = sys.argv
del sys.argv[1:3]
try:
  runpy.run_module(program, run_name="__main__", alter_sys=True)
finally:
  from {here} import peak_bytes
  with open(file, "w") as peak:
    peak.write(str(peak_bytes()))
"""

_LARGE_BYTES = 8 * 2**20
"""What counts as large. Of 1 to 16 MiB, the largest that kept the memory of tiles where it was."""


def peak_bytes() -> int:
  """The most that this process has had in memory so far.

  On Linux `getrusage` may tell that of the process which started this one: it counts what was
  there between a fork and the new program.
  """
  try:
    with open("/proc/self/status") as file:
      lines = dict(line.split(":", 1) for line in file)
    return 1024 * int(lines["VmHWM"].split()[0])
  except OSError:
    import resource  # Windows has none

    scale = 1 if sys.platform == "darwin" else 1024
    return scale * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def peak_of_program(program: str, arguments: Sequence[str]) -> int:
  """The most that `python -m PROGRAM ARGUMENTS` has in memory: bytes.

  Raises:
    CompressionError: if it fails; what it says goes where that of this process goes.
  """
  with tempfile.NamedTemporaryFile("r") as file:
    run = [sys.executable, "-c", _PEAK.format(here=__name__), file.name, program, *arguments]
    done = subprocess.run(run, stdout=subprocess.DEVNULL)
    if done.returncode:
      raise CompressionError(f"{program} ended with status {done.returncode}")
    return int(file.read())


def return_large_blocks() -> None:
  """From now on, large blocks of this process are the system's again as soon as they are freed.

  By itself glibc, the C library of most Linux systems, keeps blocks of up to 32 MiB for the thread
  that freed them, and TensorFlow runs its operations on as many threads as there are cores: on 64,
  what no one used grew to 2.5 GiB. This costs about a tenth of the time. Other C libraries are left
  as they are.
  """
  with contextlib.suppress(AttributeError, OSError, TypeError):  # it is glibc's alone
    ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
