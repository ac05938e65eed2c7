"""Reading NumPy archives that may be damaged, or come from strangers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from compression.common.errors import ModelError


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[np.lib.npyio.NpzFile]:
  """An archive whose members may be read; without pickles, which could run code.

  Raises:
    Exception: of nearly any kind, where the file is damaged: so do zipfile, zlib and NumPy.
  """
  # NumPy leaves a file open that it opened itself and that turns out to be damaged.
  with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
    yield archive


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
  """The arrays of a NumPy archive of weights, by name.

  Raises:
    ModelError: if it cannot be read or is not such an archive.
  """
  try:
    with opened(path) as archive:
      arrays = {name: archive[name] for name in archive.files}
  except Exception as error:  # see `opened`
    reason = str(error).partition("\n")[0]
    raise ModelError(f"{path}: is not an archive of weights: {reason}") from error
  for name, array in arrays.items():
    if not isinstance(array, np.ndarray):
      raise ModelError(f"{path}: {name} is not an array")
  return arrays


def assign(variables: Mapping[str, Any], arrays: Mapping[str, np.ndarray], source: str) -> None:
  """Sets every variable of a model; names and shapes must match exactly.

  Args:
    variables: by name; each has a `shape` and a method `assign`.
    arrays: float, by the same names.
    source: where they are from, for messages.

  Raises:
    ModelError: names the first array that is missing, unknown or of another shape.
  """
  missing = sorted(set(variables) - set(arrays))
  unknown = sorted(set(arrays) - set(variables))
  if missing or unknown:
    what = f"lacks {missing[0]}" if missing else f"has {unknown[0]}, which the model does not"
    raise ModelError(f"{source}: {what}")
  for name, variable in variables.items():
    array = np.asarray(arrays[name])
    if array.shape != tuple(variable.shape):
      shape = tuple(variable.shape)
      raise ModelError(f"{source}: {name} must have shape {shape}. Received: {array.shape}")
    if array.dtype.kind != "f" or not np.isfinite(array).all():
      raise ModelError(f"{source}: {name} has values that are not finite numbers")
    variable.assign(array.astype(np.float32))
