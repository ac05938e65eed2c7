"""Loads an exported TensorFlow Lite decoder, as an app does: to measure it and to test it.

`tools/tflite_decode.py` shows apps the whole way from a file to its images.
"""

from __future__ import annotations

import os
from typing import Any

from compression.codecs.recurrent.litert import SIGNATURE


def load(file: str | os.PathLike[str], threads: int | None = None) -> Any:
  """The step of a file, in the runtime that apps have or, without it, TensorFlow's own."""
  try:
    from ai_edge_litert.interpreter import Interpreter
  except ImportError:
    from tensorflow.lite import Interpreter
  return Interpreter(os.fspath(file), num_threads=threads).get_signature_runner(SIGNATURE)
