"""Reading NumPy archives that may be damaged, or come from strangers."""

from __future__ import annotations

import os

import numpy as np

from compression.errors import ModelError


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
  """The arrays of a NumPy archive of weights, by name; without pickles, which could run code.

  Raises:
    ModelError: if it cannot be read or is not such an archive.
  """
  try:
    # NumPy leaves a file open that it opened itself and that turns out to be damaged.
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
      arrays = {name: archive[name] for name in archive.files}
  except Exception as error:  # zipfile, zlib and NumPy raise nearly anything on damaged files
    reason = str(error).partition("\n")[0]
    raise ModelError(f"{path}: is not an archive of weights: {reason}") from error
  for name, array in arrays.items():
    if not isinstance(array, np.ndarray):
      raise ModelError(f"{path}: {name} is not an array")
  return arrays
