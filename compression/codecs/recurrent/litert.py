"""The decoder in LiteRT, the runtime of TensorFlow Lite: weights of 8 bits, in half the time.

    int8/decoder.tflite   runs one iteration at a time; `exporting/tflite.py` says what it takes
         decoder.json     whose it is, a checksum, and its states

stand in the folder of a model, where `python -m compression.export --format=int8` puts them. Bits
are decoded as ever, in exact integers: only pixels differ, by some hundredths of a decibel. Nothing
here needs TensorFlow, whose import alone takes seconds.
"""

from __future__ import annotations

import collections
import hashlib
import importlib
import importlib.util
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from compression.codecs.base import MissingCodecError
from compression.codecs.recurrent.config import BLOCK, UNITS_OF_2016, RecurrentConfig
from compression.codecs.recurrent.tiling import Tiling, run_tiles
from compression.common import native
from compression.common.errors import ModelError
from compression.common.memory import return_large_blocks

PRECISION = "int8"
"""Its name among the precisions of networks."""

FOLDER = "int8"
NETWORKS, DESCRIPTION = "decoder.tflite", "decoder.json"

SIGNATURE = "decode_step"
"""The one signature of the networks."""

_RUNTIME = "ai_edge_litert"
_NOT_INSTALLED = (
  f"{PRECISION} needs LiteRT, which is not installed: it is in the package ai-edge-litert"
)

Step = Callable[..., dict[str, np.ndarray]]
"""(bits=float32 [1, h, w, B], and the states) -> the new states, and image=uint8 [1, H, W, 3]."""

States = Mapping[str, np.ndarray]


class State(NamedTuple):
  """What one iteration leaves to the next.

  Attributes:
    name: of the input, and of the output.
    stride: pixels of the image along each side of one place.
    depth: values at each place.
  """

  name: str
  stride: int
  depth: int


def zero_states(states: Sequence[State], high: int, wide: int) -> dict[str, np.ndarray]:
  """The states before the first iteration of an image of so many blocks, by name."""
  return {
    state.name: np.zeros(
      [1, *(-(-BLOCK * side // state.stride) for side in (high, wide)), state.depth], np.float32
    )
    for state in states
  }


def play(step: Step, bits: np.ndarray, states: States) -> Iterator[np.ndarray]:
  """The image after each iteration, uint8 [16 h, 16 w, 3].

  Args:
    step: runs one.
    bits: bool [T, h, w, bits].
    states: zeros.
  """
  for layer in bits:
    signs = np.where(layer, np.float32(1), np.float32(-1))
    out = step(bits=signs[np.newaxis], **states)
    yield out.pop("image")[0]
    states = out


def describe(model_id: bytes, networks: bytes, states: Sequence[State]) -> str:
  """The text of decoder.json.

  Args:
    model_id: of the model that these networks decode for.
    networks: the content of decoder.tflite.
    states: that it takes and gives.
  """
  values = {
    "model_id": model_id.hex(),
    "sha256": hashlib.sha256(networks).hexdigest(),
    "states": [state._asdict() for state in states],
  }
  return json.dumps(values, indent=2) + "\n"


def stands_in(model: pathlib.Path) -> bool:
  """Whether the folder of a model has such a decoder."""
  return (model / FOLDER / DESCRIPTION).is_file()


def check_architecture(name: str, config: RecurrentConfig) -> None:
  """Raises ModelError if no decoder of a model can be made.

  Its steps would differ, as the first does by priming, or it has other layers.
  """
  if config.priming:
    raise ModelError(f"model {name} is primed, which TensorFlow Lite's decoder cannot be")
  if config.unit in UNITS_OF_2016:
    raise ModelError(f"model {name} is of 2016: only networks of 2017 run in TensorFlow Lite")


def check(model: pathlib.Path) -> None:
  """Raises what a LiteDecoder would if a model has none at all, or there is no LiteRT."""
  if not stands_in(model):
    raise ModelError(
      f"{model}: has no decoder in {PRECISION};"
      f" python -m compression.export --format={PRECISION} makes one"
    )
  if importlib.util.find_spec(_RUNTIME) is None:
    raise MissingCodecError(_NOT_INSTALLED)


def read(folder: pathlib.Path, model_id: bytes) -> tuple[bytes, list[State]]:
  """The networks in the folder, and their states.

  Args:
    folder: FOLDER, of a model.
    model_id: of its weights now.

  Raises:
    ModelError: if they are of other weights, or damaged.
  """
  try:
    values = json.loads((folder / DESCRIPTION).read_text("utf-8"))
    made_for, checksum = bytes.fromhex(values["model_id"]), str(values["sha256"])
    states = [State(**state) for state in values["states"]]
    networks = (folder / NETWORKS).read_bytes()
  except OSError as error:
    raise ModelError(f"{error.filename}: cannot be read: {error.strerror}") from error
  except (ValueError, KeyError, TypeError) as error:
    raise ModelError(f"{folder / DESCRIPTION}: is damaged: {error!r}") from error
  if made_for != model_id:
    raise ModelError(
      f"{folder}: is of model {made_for.hex()}, and the weights are {model_id.hex()};"
      f" python -m compression.export --format={PRECISION} --overwrite makes it anew"
    )
  # Before LiteRT sees it, which trusts what it reads.
  if hashlib.sha256(networks).hexdigest() != checksum:
    raise ModelError(f"{folder / NETWORKS}: is not what {DESCRIPTION} tells of")
  return networks, states


class LiteDecoder:
  """Decodes single images, tile by tile where they are large, as `TiledRunner` does.

  Args:
    model: the folder of the model.
    model_id: of its weights now.

  Raises:
    ModelError: if the model has no such decoder, or one of other weights, or it is damaged.
    MissingCodecError: if LiteRT is not installed.
  """

  def __init__(self, model: pathlib.Path, model_id: bytes):
    check(model)
    folder = model / FOLDER
    networks, self._states = read(folder, model_id)
    self._step = _load(networks, self._states, folder)

  def decode(self, bits: np.ndarray, tiling: Tiling) -> Iterator[np.ndarray]:
    """The image after each iteration, uint8 [16 h, 16 w, 3].

    Args:
      bits: bool [T, h, w, bits].
      tiling: how the image was cut; the images of all iterations are held if it was.
    """
    if not tiling.tile:
      return self._play(bits)
    return_large_blocks()
    return iter(run_tiles(self._play, len(bits), bits, tiling))

  def decode_last(self, bits: np.ndarray, tiling: Tiling) -> np.ndarray:
    """The image after the last iteration alone, uint8 [16 h, 16 w, 3]; arguments as `decode`'s."""
    if tiling.tile:
      return_large_blocks()
    return run_tiles(lambda part: collections.deque(self._play(part), 1), 1, bits, tiling)[0]

  def _play(self, bits: np.ndarray) -> Iterator[np.ndarray]:
    return play(self._step, bits, zero_states(self._states, *bits.shape[1:3]))


def _load(networks: bytes, states: Sequence[State], folder: pathlib.Path) -> Step:
  """The step of these networks; it has run once, for the smallest image."""
  try:
    interpreter: Any = importlib.import_module(f"{_RUNTIME}.interpreter")
  except ImportError as error:  # of something that it needs
    raise MissingCodecError(f"{_NOT_INSTALLED} ({error})") from error
  try:
    with native.silence():  # it tells of the code that it chose
      loaded = interpreter.Interpreter(model_content=networks, num_threads=_threads())
      step = loaded.get_signature_runner(SIGNATURE)
      bits = step.get_input_details()["bits"]["shape"][-1]
      step(bits=np.ones([1, 1, 1, bits], np.float32), **zero_states(states, 1, 1))
  except (ValueError, RuntimeError, KeyError) as error:
    raise ModelError(f"{folder / NETWORKS}: cannot be loaded: {error}") from error
  return step


def _threads() -> int:
  """As many as TensorFlow would take: those that its variable names, else all."""
  wanted = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
  return (int(wanted) if wanted.isdigit() else 0) or os.cpu_count() or 1
