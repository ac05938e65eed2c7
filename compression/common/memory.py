"""The memory of this process: its peak, and giving back what is no longer used."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_M_MMAP_THRESHOLD = -3
"""The number of this setting in glibc's malloc.h."""

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


def return_large_blocks() -> None:
  """From now on, large blocks of this process are the system's again as soon as they are freed.

  By itself glibc, the C library of most Linux systems, keeps blocks of up to 32 MiB for the thread
  that freed them, and TensorFlow runs its operations on as many threads as there are cores: on 64,
  what no one used grew to 2.5 GiB. This costs about a tenth of the time. Other C libraries are left
  as they are.
  """
  with contextlib.suppress(AttributeError, OSError, TypeError):  # it is glibc's alone
    ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
