"""Writes a page that decodes and makes `.rnic` files: a folder for any server of static files.

    web/index.html, page.*      the example page: drop a file, or ?src=photo.rnic&original=a.png
        rnic_image.js           <rnic-image src="photo.rnic">, for pages of one's own
        *.js                    the codec, as it is in the folder `web` of this project
        model/                  what it decodes with:
          decoder.tflite          one iteration of the networks, as `tflite.py` beside this makes it
          decoder.json            as there, and what the page must know to run it (`description`)
          encoder.tflite, .json   the same for what it compresses with (`encoder_step.py`)
          entropy_coder/          what codes the bits of files, if the model has one
        runtime/                LiteRT.js (`web_files.py`)

The page asks no other server for anything.

Measured in Chromium with `mobile`, 512 x 512 pixels and 8 iterations, on two processors that others
used too. Decoding takes 1.9 times as long as in Python (float32 there) with the weights of
`--precision=int8`, and 3.7 times with `float16`. Compressing takes 21 s a megapixel, of one
processor: 1.6 times what decoding takes. The same file from Python is up to 0.5% smaller at 16
iterations, and up to 0.05 dB better.
"""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from compression.codecs.recurrent import litert, tiling
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import BLOCK
from compression.codecs.recurrent.halves import IMAGE_DEPTH
from compression.codecs.recurrent.litert import State
from compression.common.errors import ModelError, OutputError
from compression.entropy import range_decoder
from compression.entropy.bits import learned
from compression.exporting import (
  DYNAMIC,
  TFLITE_FOLDER,
  WEB_FOLDER,
  encoder_step,
  tflite,
  web_files,
)

MODEL_FOLDER = "model"
NETWORKS = "decoder.tflite"
ENCODER, ENCODER_DESCRIPTION = "encoder.tflite", "encoder.json"

_ENTROPY_MODEL = "interlaced"
_BITS, _IMAGE = "bits", "image"

_PROBE = 21
"""Blocks along a side of what the networks are run on to see how far they look."""


def export(codec: RecurrentCodec, folder: pathlib.Path, variant: str) -> None:
  """Writes `web` into the folder.

  Args:
    codec: the model; the page decodes its files.
    folder: of the export.
    variant: of the decoder, one of `exporting.WEB_VARIANTS`; DYNAMIC is that of the model's own
      `--precision=int8` where it has one, which was fitted to photos. The encoder has but one.

  Raises:
    ConfigError: if LiteRT.js is not installed; says what to run.
    ModelError: if the page knows no such entropy coder or framework.
    OutputError: if it cannot be written.
  """
  runtime = web_files.runtime()
  tables_id = _tables_id(codec)
  step = tflite.DecoderStep(codec)
  if any(state.stride > BLOCK for state in step.states):  # of which blocks have no whole places
    raise ModelError(f"{codec.name}: the page runs no networks of {codec.config.framework}")
  encoder = encoder_step.EncoderStep(codec)
  made = None
  if variant == DYNAMIC and litert.stands_in(codec.folder):
    made, _ = litert.read(codec.folder / litert.FOLDER, codec.model_id)
  target = folder / WEB_FOLDER
  model = target / MODEL_FOLDER
  try:
    target.mkdir()
    for source in web_files.page():
      shutil.copyfile(source, target / source.name)
    (target / web_files.RUNTIME_FOLDER).mkdir()
    for name, content in runtime.items():
      (target / web_files.RUNTIME_FOLDER / name).write_bytes(content)
    tflite.export(codec, target, [] if made else [variant])
    (target / TFLITE_FOLDER).rename(model)
    if made:
      (model / NETWORKS).write_bytes(made)
    else:
      (model / tflite.file_name(variant)).rename(model / NETWORKS)
    values = json.loads((model / tflite.DESCRIPTION).read_text("utf-8"))
    bits = State(_BITS, BLOCK, codec.config.bits)
    far = reach(step.decode_step, bits, step.states)
    values["tables_id"] = tables_id
    values |= description((model / NETWORKS).read_bytes(), bits, _IMAGE, step.states, far)
    _write(model / tflite.DESCRIPTION, values)
    networks = encoder_step.convert(encoder)
    (model / ENCODER).write_bytes(networks)
    residual = State(encoder_step.RESIDUAL, 1, IMAGE_DEPTH)
    far = reach(encoder.encode_step, residual, encoder.states)
    values = description(networks, residual, _BITS, encoder.states, far)
    _write(model / ENCODER_DESCRIPTION, {**values, **_encoding(codec)})
  except OSError as error:
    raise OutputError(f"{target}: cannot be written: {error}") from error


def description(
  networks: bytes, given: State, output: str, states: Sequence[State], far: int | None
) -> dict[str, Any]:
  """What the page must know to run a network.

  Where maps are quantised, each part of an image has ranges of its own: `dynamic` gives the quality
  of TensorFlow Lite, but not its very pixels.

  Args:
    networks: the file.
    given: its input, beside the states.
    output: the name of what comes out.
    states: that go in and out.
    far: what `reach` gives, by which the page divides an image among processors; as "reach".

  Returns: what JSON holds; also "shapes", as `shapes` gives them.
  """
  scales = {state.name: BLOCK // state.stride for state in (given, *states)}
  return {
    "input": given._asdict(),
    "output": output,
    "states": [state._asdict() for state in states],
    "reach": far,
    "shapes": shapes(networks, scales),
  }


def _encoding(codec: RecurrentCodec) -> dict[str, Any]:
  """What the page must know to make files as Python does."""
  width = codec.config.width
  cut = tiling.largest_tiles(width)
  return {
    "pixel_range": codec.config.pixel_range,
    "tiling": {"pixels": tiling.untiled_pixels(width), **cut._asdict()},
  }


def _write(file: pathlib.Path, values: dict[str, Any]) -> None:
  file.write_text(json.dumps(values, indent=2) + "\n")


def shapes(networks: bytes, scales: dict[str, int]) -> list[dict[str, int]]:
  """Where a TensorFlow Lite file has the height, and after it the width, of what goes in and out.

  LiteRT.js resizes no tensors (2.5 refuses any size but that of the file), so the page writes the
  size of an image there before it loads the file. All else follows when tensors are allocated.

  Args:
    networks: the file.
    scales: places of the input and of each state along a side of a block.

  Returns: {"offset": of the height in bytes, int32; "scale": places along a side of a block}.
  """
  graph = schema.Model.GetRootAsModel(networks, 0)
  signature, tensors = graph.SignatureDefs(0), graph.Subgraphs(0)
  start = np.frombuffer(networks, np.uint8).ctypes.data
  named = [signature.Inputs(n) for n in range(signature.InputsLength())]
  named += [signature.Outputs(n) for n in range(signature.OutputsLength())]
  found = []
  for each in named:
    tensor = tensors.Tensors(each.TensorIndex())
    scale = {_IMAGE: BLOCK, _BITS: 1, **scales}[each.Name().decode()]
    for shape in (tensor.ShapeAsNumpy(), tensor.ShapeSignatureAsNumpy()):
      height = shape[1:]  # [1, height, width, depth]
      found.append({"offset": int(height.ctypes.data - start), "scale": scale})
  return found


def reach(step: Callable[..., Any], given: State, states: Sequence[State]) -> int | None:
  """How far one iteration looks to each side, in blocks; None if too far to tell.

  Measured, as it depends on the units and on the framework: no number comes in the middle, and none
  comes out as far as that is seen.

  Args:
    step: runs it.
    given: its input, beside the states.
    states: that go in and out.
  """
  rng = np.random.default_rng(0)
  likes = litert.zero_states((given, *states), _PROBE, _PROBE)
  inputs = {name: rng.uniform(-1, 1, like.shape).astype(np.float32) for name, like in likes.items()}
  before = step(**{name: tf.constant(values) for name, values in inputs.items()})
  for values in inputs.values():
    scale = values.shape[1] // _PROBE
    middle = slice(_PROBE // 2 * scale, (_PROBE // 2 + 1) * scale)
    values[:, middle, middle] = np.nan
  after = step(**{name: tf.constant(values) for name, values in inputs.items()})
  farthest = 0
  for name, values in after.items():
    changed = np.any(values.numpy() != before[name].numpy(), axis=(0, 3))
    places = np.argwhere(changed) // (len(changed) // _PROBE) - _PROBE // 2
    farthest = max(farthest, int(np.abs(places).max()))
  return farthest if farthest < _PROBE // 2 else None


def _tables_id(codec: RecurrentCodec) -> int:
  if codec.coder_folder is None:
    return 0
  name, _ = learned.read_config(codec.coder_folder)
  if name != _ENTROPY_MODEL:
    raise ModelError(f"{codec.name}: the page knows no entropy coder {name!r}")
  return learned.load(codec.coder_folder, range_decoder).tables_id
