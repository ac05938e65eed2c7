"""Gives memory that is no longer used back to the system."""

from __future__ import annotations

import contextlib
import ctypes

_M_MMAP_THRESHOLD = -3
"""The number of this setting in glibc's malloc.h."""

_LARGE_BYTES = 8 * 2**20
"""What counts as large. Of 1 to 16 MiB, the largest that kept the memory of tiles where it was."""


def return_large_blocks() -> None:
  """From now on, large blocks of this process are the system's again as soon as they are freed.

  By itself glibc, the C library of most Linux systems, keeps blocks of up to 32 MiB for the thread
  that freed them, and TensorFlow runs its operations on as many threads as there are cores: on 64,
  what no one used grew to 2.5 GiB. This costs about a tenth of the time. Other C libraries are left
  as they are.
  """
  with contextlib.suppress(AttributeError, OSError, TypeError):  # it is glibc's alone
    ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
