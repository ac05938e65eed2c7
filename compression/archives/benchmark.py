"""How fast an archive is compressed here, beside `compress`: the same photos, as many processes."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys
import time

import numpy as np

from compression.common.errors import CompressionError
from compression.images.photos import write_png

PLAIN, ARCHIVE = "compress", "archive"

_MINUTE = 60.0


def photos_per_minute(
  model: str, photo: np.ndarray, count: int, processes: int, folder: pathlib.Path
) -> dict[str, float]:
  """Measures what each program does in a minute with each process, its start-up included.

  Args:
    model: as `registry.find` takes it.
    photo: uint8 [H, W, 3].
    count: how many of it each gets.
    processes: that do the work.
    folder: an empty one.

  Raises:
    CompressionError: if Apache Beam is not installed, or a program fails.
  """
  if importlib.util.find_spec("apache_beam") is None:
    raise CompressionError("needs Apache Beam: pip install 'compression-rnn[beam]'")
  names = [folder / f"{number}.png" for number in range(count)]
  for name in names:
    write_png(name, photo)
  workers = ["--direct_running_mode=multi_processing", f"--direct_num_workers={processes}"]
  arguments = {
    PLAIN: [*map(str, names), f"--jobs={processes}"],
    ARCHIVE: ["compress", f"--images={folder}/*.png", *workers],
  }
  found = {}
  for program, each in arguments.items():
    run = [sys.executable, "-m", f"compression.{program}", *each]
    start = time.perf_counter()
    done = subprocess.run(
      [*run, f"--model={model}", f"--output_dir={folder}/{program}"], stdout=subprocess.DEVNULL
    )
    if done.returncode:
      raise CompressionError(f"{program} ended with status {done.returncode}")
    found[program] = count / processes / (time.perf_counter() - start) * _MINUTE
  return found
