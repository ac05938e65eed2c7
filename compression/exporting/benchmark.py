"""How fast the exported decoders are, beside the Python API: same bits, same threads, one process.

A process for each number of threads, as TensorFlow takes it only at its start.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from compression.common.timing import measure
from compression.exporting import TFLITE_FOLDER

PYTHON_API, SAVED_MODEL = "Python API", "SavedModel"
PYTHON_API_INT8 = "Python API, int8"
"""Where the model has such a decoder; the others are those of the export."""


def seconds(
  model: str, folder: pathlib.Path, bits: np.ndarray, threads: int, repeat: int
) -> dict[str, float]:
  """Seconds to decode an image, every iteration of it, with each decoder; medians.

  Args:
    model: a name or a folder.
    folder: its export, with all formats.
    bits: bool [T, h, w, bits].
    threads: that each may use.
    repeat: measurements.
  """
  # TensorFlow's own two names, OpenMP's for what it calls.
  names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
  code = f"from {__name__} import measure_here; measure_here()"
  request = {"model": model, "folder": str(folder), "threads": threads, "repeat": repeat}
  np.save(folder / "bits.npy", bits)
  answer = subprocess.run(
    [sys.executable, "-c", code, json.dumps(request)],
    env={**os.environ, **dict.fromkeys(names, str(threads))},
    stdout=subprocess.PIPE,
    check=True,
  )
  return json.loads(answer.stdout)


def measure_here() -> None:
  """The child process: prints the answer to the request that it was called with."""
  request = json.loads(sys.argv[1])
  folder = pathlib.Path(request["folder"])
  bits = np.load(folder / "bits.npy")
  found = {
    name: measure(decode, request["repeat"])
    for name, decode in _decoders(request["model"], folder, bits, request["threads"]).items()
  }
  print(json.dumps(found))


def _decoders(
  model: str, folder: pathlib.Path, bits: np.ndarray, threads: int
) -> dict[str, Callable[[], Any]]:
  import tensorflow as tf

  from compression.codecs.recurrent import litert
  from compression.codecs.recurrent.codec import load
  from compression.exporting import packing, tflite, tflite_player

  codec = load(model)
  saved = tf.saved_model.load(str(folder / "decoder/1")).signatures["decode_all"]
  codes = tf.transpose(packing.pack(tf.constant(bits[:, np.newaxis])), [1, 0, 2, 3, 4])
  shape = tf.constant([16 * side for side in bits.shape[1:3]])
  decoders: dict[str, Callable[[], Any]] = {
    PYTHON_API: lambda: list(codec.decode(bits)),
    SAVED_MODEL: lambda: saved(codes=codes, shape=shape)["image"].numpy(),
  }
  if litert.stands_in(codec.folder):
    int8 = load(model, litert.PRECISION)
    decoders[PYTHON_API_INT8] = lambda: list(int8.decode(bits))
  zeros = litert.zero_states(tflite.DecoderStep(codec).states, *bits.shape[1:3])
  for file in sorted((folder / TFLITE_FOLDER).glob("*.tflite")):
    step = tflite_player.load(file, threads)
    decoders[file.stem] = functools.partial(_play, step, bits, zeros)
  return decoders


def _play(step: Any, bits: np.ndarray, zeros: Mapping[str, np.ndarray]) -> list[np.ndarray]:
  from compression.codecs.recurrent import litert

  return list(litert.play(step, bits, zeros))
