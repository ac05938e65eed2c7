"""Runs an exported TensorFlow Lite decoder, as an app does: to measure it and to test it.

`tools/tflite_decode.py` shows apps the whole way from a file to its images.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

SIGNATURE = "decode_step"
"""The one signature of the files."""


def load(file: str | os.PathLike[str], threads: int | None = None) -> Any:
  """The step of a file, in the runtime that apps have or, without it, TensorFlow's own."""
  try:
    from ai_edge_litert.interpreter import Interpreter
  except ImportError:
    from tensorflow.lite import Interpreter
  return Interpreter(os.fspath(file), num_threads=threads).get_signature_runner(SIGNATURE)


def play(step: Any, bits: np.ndarray, states: Mapping[str, np.ndarray]) -> Iterator[np.ndarray]:
  """The image after each iteration, uint8 [16 h, 16 w, 3].

  Args:
    step: what `load` gives.
    bits: bool [T, h, w, bits].
    states: zeros.
  """
  for layer in bits:
    signs = np.where(layer, np.float32(1), np.float32(-1))
    out = step(bits=signs[np.newaxis], **states)
    yield out.pop("image")[0]
    states = out
