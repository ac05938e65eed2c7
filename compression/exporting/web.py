"""Writes a page that decodes `.rnic` files in a browser: a folder for any server of static files.

    web/index.html, page.*      the example page: drop a file, or ?src=photo.rnic&original=photo.png
        rnic_image.js           <rnic-image src="photo.rnic">, for pages of one's own
        *.js                    the decoder, as it is in the folder `web` of this project
        model/                  what it decodes with:
          decoder.tflite          one iteration of the networks, as `tflite.py` beside this makes it
          decoder.json            as there, and what the page must know to run it (`description`)
          entropy_coder/          what decodes the bits of files, if the model has one
        runtime/                LiteRT.js (`web_files.py`)

The page asks no other server for anything.
"""

from __future__ import annotations

import json
import pathlib
import shutil
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from compression.codecs.recurrent import litert
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import BLOCK
from compression.common.errors import ModelError, OutputError
from compression.entropy import range_decoder
from compression.entropy.bits import learned
from compression.exporting import TFLITE_FOLDER, WEB_FOLDER, tflite, web_files

MODEL_FOLDER = "model"
NETWORKS = "decoder.tflite"

_ENTROPY_MODEL = "interlaced"
_IMAGE = "image"

_PROBE = 21
"""Blocks along a side of what the networks are run on to see how far they look."""


def export(codec: RecurrentCodec, folder: pathlib.Path, variant: str) -> None:
  """Writes `web` into the folder.

  Args:
    codec: the model; the page decodes its files.
    folder: of the export.
    variant: of the networks, one of `exporting.WEB_VARIANTS`.

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
  target = folder / WEB_FOLDER
  model = target / MODEL_FOLDER
  try:
    target.mkdir()
    for source in web_files.page():
      shutil.copyfile(source, target / source.name)
    (target / web_files.RUNTIME_FOLDER).mkdir()
    for name, content in runtime.items():
      (target / web_files.RUNTIME_FOLDER / name).write_bytes(content)
    tflite.export(codec, target, [variant])
    (target / TFLITE_FOLDER).rename(model)
    (model / tflite.file_name(variant)).rename(model / NETWORKS)
    far = reach(step, codec.config.bits)
    text = json.dumps(description(model, tables_id, far), indent=2)
    (model / tflite.DESCRIPTION).write_text(text + "\n")
  except OSError as error:
    raise OutputError(f"{target}: cannot be written: {error}") from error


def description(model: pathlib.Path, tables_id: int, far: int | None) -> dict[str, Any]:
  """The page's decoder.json: that of `tflite.export`, and some more.

  Where maps are quantised, each part of an image has ranges of its own: `dynamic` gives the quality
  of TensorFlow Lite, but not its very pixels.

  Args:
    model: the folder with both files.
    tables_id: of the entropy coder, which files carry; 0 without one.
    far: what `reach` gives, by which the page divides an image among processors; as "reach".

  Returns: what JSON holds; also "shapes", as `shapes` gives them.
  """
  values = json.loads((model / tflite.DESCRIPTION).read_text("utf-8"))
  scales = {state["name"]: BLOCK // state["stride"] for state in values["states"]}
  networks = (model / NETWORKS).read_bytes()
  return {**values, "tables_id": tables_id, "reach": far, "shapes": shapes(networks, scales)}


def shapes(networks: bytes, scales: dict[str, int]) -> list[dict[str, int]]:
  """Where a TensorFlow Lite file has the height, and after it the width, of what goes in and out.

  LiteRT.js resizes no tensors (2.5 refuses any size but that of the file), so the page writes the
  size of an image there before it loads the file. All else follows when tensors are allocated.

  Args:
    networks: the file.
    scales: places of each state along a side of a block.

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
    scale = {**scales, _IMAGE: BLOCK}.get(each.Name().decode(), 1)
    for shape in (tensor.ShapeAsNumpy(), tensor.ShapeSignatureAsNumpy()):
      height = shape[1:]  # [1, height, width, depth]
      found.append({"offset": int(height.ctypes.data - start), "scale": scale})
  return found


def reach(step: tflite.DecoderStep, bits: int) -> int | None:
  """How far one iteration of the decoder looks to each side, in blocks; None if too far to tell.

  Measured, as it depends on the units and on the framework: no number comes in the middle, and none
  comes out as far as that is seen.
  """
  rng = np.random.default_rng(0)
  zeros = litert.zero_states(step.states, _PROBE, _PROBE)
  likes = {**zeros, "bits": np.zeros([1, _PROBE, _PROBE, bits])}
  inputs = {name: rng.uniform(-1, 1, like.shape).astype(np.float32) for name, like in likes.items()}
  before = step.decode_step(**{name: tf.constant(values) for name, values in inputs.items()})
  for values in inputs.values():
    scale = values.shape[1] // _PROBE
    middle = slice(_PROBE // 2 * scale, (_PROBE // 2 + 1) * scale)
    values[:, middle, middle] = np.nan
  after = step.decode_step(**{name: tf.constant(values) for name, values in inputs.items()})
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
