"""TensorFlow Lite files of the decoder, for phones: one iteration each time they are run.

    tflite/decoder_float32.tflite    the decoder as it is
           decoder_float16.tflite    its weights in half the bytes
           decoder_dynamic.tflite    weights in 8 bits, and the maps while convolutions read them:
                                     eight_bits.py
           decoder_int8.tflite       everything in 8 bits, for processors that have nothing else
           decoder.json              what a program must know to run them
           entropy_coder/            what decodes the bits of files, if the model has one

Each has one signature, `decode_step`, in builtin operations:

    bits   float32 [1, h, w, bits], -1 and +1: the code of the next iteration
    image  uint8 [1, 16 h, 16 w, 3], after it

and every state of `decoder.json`, float32 [1, ceil(16 h / stride), ceil(16 w / stride), depth], in
and out under the same name: zeros at the first iteration, then what came out at the one before. h
and w are any. `export_int8` keeps the third one with the model, where `decompress` finds it.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent import litert
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import BLOCK
from compression.codecs.recurrent.folders import ENTROPY_CODER_FOLDER
from compression.codecs.recurrent.frameworks import Additive, ResidualScaling
from compression.codecs.recurrent.halves import IMAGE_DEPTH
from compression.codecs.recurrent.litert import SIGNATURE, State, zero_states
from compression.codecs.recurrent.network import RecurrentNetwork
from compression.common import native
from compression.common.errors import OutputError
from compression.exporting import DYNAMIC, INT8, TFLITE_FOLDER, eight_bits
from compression.layers import GainEstimator
from compression.layers.gain_estimator import GAIN_BLOCK

DESCRIPTION = "decoder.json"

_X_HAT, _EXCESS_GAIN = "x_hat", "excess_gain"


def file_name(variant: str) -> str:
  return f"decoder_{variant}.tflite"


def export(
  codec: RecurrentCodec,
  folder: pathlib.Path,
  variants: Sequence[str],
  photos: Sequence[np.ndarray] = (),
) -> None:
  """Writes `tflite` into the folder.

  Args:
    codec: the model; the files carry its id.
    variants: of `exporting.VARIANTS`.
    photos: uint8 [H, W, 3] of one size, what INT8 finds the ranges of its numbers on; DYNAMIC
      loses less with some, and others need none.

  Raises:
    OutputError: if it cannot be written.
  """
  target = folder / TFLITE_FOLDER
  step = DecoderStep(codec)
  try:
    target.mkdir()
    for variant, content in _contents(codec, step, variants, photos):
      (target / file_name(variant)).write_bytes(content)
    (target / DESCRIPTION).write_text(json.dumps(_description(codec, step.states), indent=2) + "\n")
    if codec.coder_folder is not None:
      shutil.copytree(codec.coder_folder, target / ENTROPY_CODER_FOLDER)
  except OSError as error:
    raise OutputError(f"{target}: cannot be written: {error}") from error


def export_int8(codec: RecurrentCodec, folder: pathlib.Path, photos: Sequence[np.ndarray]) -> None:
  """Writes what `litert.LiteDecoder` reads into the folder: DYNAMIC, fitted to photos.

  Raises:
    OutputError: if it cannot be written.
  """
  step = DecoderStep(codec)
  ((_, content),) = _contents(codec, step, [DYNAMIC], photos)
  try:
    (folder / litert.NETWORKS).write_bytes(content)
    text = litert.describe(codec.model_id, content, step.states)
    (folder / litert.DESCRIPTION).write_text(text)
  except OSError as error:
    raise OutputError(f"{folder}: cannot be written: {error}") from error


def _contents(
  codec: RecurrentCodec, step: DecoderStep, variants: Sequence[str], photos: Sequence[np.ndarray]
) -> Iterator[tuple[str, bytes]]:
  """The files of these variants."""
  if not variants:
    return

  def examples() -> Iterator[tuple[str, Mapping[str, np.ndarray]]]:
    return _examples(codec, step, photos)

  with tempfile.TemporaryDirectory() as saved:
    tf.saved_model.save(step, saved, {SIGNATURE: step.decode_step})
    for variant in variants:
      content = _converted(saved, SIGNATURE, variant, examples)
      if variant == DYNAMIC:
        moments = eight_bits.measure(content, examples()) if photos else None
        content = eight_bits.convert(content, moments)
      yield variant, content


def convert(step: tf.Module, function: Any, signature: str) -> bytes:
  """The file of another step, in float32.

  Args:
    step: has the variables of the function.
    function: a concrete one.
    signature: what it is called in the file.
  """
  with tempfile.TemporaryDirectory() as saved:
    tf.saved_model.save(step, saved, {signature: function})
    return _converted(saved, signature, "float32", lambda: iter(()))


def _converted(
  saved: str, signature: str, variant: str, examples: Callable[[], Iterator[Any]]
) -> bytes:
  """As TensorFlow's converter makes it: DYNAMIC still in float32."""
  converter = tf.lite.TFLiteConverter.from_saved_model(saved, signature_keys=[signature])
  _choose(converter, variant, examples)
  with native.silence():
    return converter.convert()


class DecoderStep(tf.Module):
  """D_t and the reconstruction framework, with the states as inputs and outputs by name.

  Raises:
    ModelError: if the model has a first step unlike the others, by priming, or other layers.
  """

  def __init__(self, codec: RecurrentCodec):
    super().__init__(name="decoder")
    litert.check_architecture(codec.name, codec.config)
    model = _copy(codec.network)
    framework, decoder = model.framework, model.decoder
    zeros = decoder.initial_states(tf.zeros([1, 1, 1, codec.config.bits]))
    of_cells = [
      State(f"{cell.name}_{field}", BLOCK >> index, tensor.shape[-1])
      for index, (cell, state) in enumerate(zip(decoder.cells, zeros))
      for field, tensor in state._asdict().items()
    ]
    self.states = list(of_cells)
    if isinstance(framework, Additive):
      self.states.append(State(_X_HAT, 1, IMAGE_DEPTH))
    if isinstance(framework, ResidualScaling):
      self.states.append(State(_EXCESS_GAIN, GAIN_BLOCK, 1))
    self.weights = model.decoder.variables + (
      [] if model.gain_estimator is None else model.gain_estimator.variables
    )
    scale = 255 / (2 * codec.config.pixel_range)

    def decode_step(bits: tf.Tensor, **states: tf.Tensor) -> dict[str, tf.Tensor]:
      cells = tf.nest.pack_sequence_as(zeros, [states[state.name] for state in of_cells])
      decoded, cells = decoder(bits, cells)
      out = dict(zip((state.name for state in of_cells), tf.nest.flatten(cells)))
      x_hat = decoded
      if isinstance(framework, ResidualScaling):
        x_hat = states[_X_HAT] + decoded / _held(1 + states[_EXCESS_GAIN], decoded)
        out[_EXCESS_GAIN] = _excess_gain(framework.gain_estimator, x_hat)
      elif isinstance(framework, Additive):
        x_hat = states[_X_HAT] + decoded
      if isinstance(framework, Additive):
        out[_X_HAT] = x_hat
      # Multiplied before the shift: the other way round the converter gives both the same scale in
      # 8 bits, and the image three levels.
      pixels = tf.round(x_hat * scale + 255 / 2)
      return {"image": tf.cast(tf.clip_by_value(pixels, 0, 255), tf.uint8), **out}

    specs = {state.name: spec(state.depth, state.name) for state in self.states}
    self.decode_step = tf.function(decode_step, autograph=False).get_concrete_function(
      spec(codec.config.bits, "bits"), **specs
    )


def _copy(model: RecurrentNetwork) -> RecurrentNetwork:
  """The same decoder in float32, in the form that loses least when it is rounded."""
  copy = RecurrentNetwork(model.config)
  copy.build()
  for variable, value in zip(copy.variables, model.variables):
    variable.assign(value)
  for cell in copy.decoder.cells:
    cell.joint_skip = False
  return copy


def spec(depth: int, name: str) -> tf.TensorSpec:
  """One map of any size."""
  return tf.TensorSpec([1, None, None, depth], tf.float32, name)


def _excess_gain(estimator: GainEstimator | None, x_hat: tf.Tensor) -> tf.Tensor:
  """g - 1, so that zeros are the gain of the first iteration."""
  assert estimator is not None
  return estimator(x_hat) - 1


def _held(gain: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
  """layers.zero_order_hold in an operation that TensorFlow Lite has."""
  size = tf.shape(gain)[1:3] * GAIN_BLOCK
  held = tf.compat.v1.image.resize_nearest_neighbor(gain, size)
  shape = tf.shape(like)
  return held[:, : shape[1], : shape[2]]


def _choose(converter: Any, variant: str, examples: Callable[[], Iterator[Any]]) -> None:
  """Sets the options of a variant; `examples` gives inputs for INT8."""
  if variant in ("float32", DYNAMIC):
    return
  converter.optimizations = [tf.lite.Optimize.DEFAULT]
  if variant == "float16":
    converter.target_spec.supported_types = [tf.float16]
  if variant == INT8:
    converter.representative_dataset = examples
    # The last operations, which round to pixels, have no form in 8 bits.
    converter.target_spec.supported_ops = [
      tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
      tf.lite.OpsSet.TFLITE_BUILTINS,
    ]


def _examples(
  codec: RecurrentCodec, step: DecoderStep, photos: Sequence[np.ndarray]
) -> Iterator[tuple[str, Mapping[str, np.ndarray]]]:
  """The inputs of every iteration of every photo."""
  for photo in photos:
    layers = codec.encode(photo, codec.config.iterations)
    states = zero_states(step.states, *layers.shape[1:3])
    for layer in layers:
      inputs = {"bits": np.where(layer, 1, -1).astype(np.float32)[np.newaxis], **states}
      yield SIGNATURE, inputs
      out = step.decode_step(**{name: tf.constant(value) for name, value in inputs.items()})
      states = {name: out[name].numpy() for name in states}


def _description(codec: RecurrentCodec, states: Sequence[State]) -> dict[str, Any]:
  return {
    "model": codec.name,
    "model_id": codec.model_id.hex(),
    "framework": codec.config.framework,
    "iterations": codec.config.iterations,
    "bits": codec.config.bits,
    "states": [state._asdict() for state in states],
  }
