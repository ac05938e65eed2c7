"""Warm-up requests: what TensorFlow Serving runs before it lets the first client in.

A TFRecord of `PredictionLog` in `assets.extra/tf_serving_warmup_requests` of a SavedModel, at most
1000 records. The first request of a signature takes some seconds else, as TensorFlow then makes
and optimises its graph. Each has two iterations, as first and later ones are different graphs.

The messages belong to TensorFlow Serving, not to TensorFlow, and are written here by hand. From
its `prediction_log.proto`, `predict.proto` and `model.proto`, with the numbers of their fields:

    PredictionLog  { PredictLog predict_log = 6; }
    PredictLog     { PredictRequest request = 1; }
    PredictRequest { ModelSpec model_spec = 1; map<string, TensorProto> inputs = 2; }
    ModelSpec      { string name = 1; string signature_name = 3; }
    an entry of a map has the key as field 1 and the value as field 2
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent.config import BLOCK, RecurrentConfig
from compression.codecs.recurrent.halves import IMAGE_DEPTH
from compression.exporting import packing
from compression.formats import rnic

FILE = pathlib.PurePath("assets.extra") / "tf_serving_warmup_requests"

_SIDE = 64  # pixels
_GREY = 128

_PREDICT_LOG = 6
_REQUEST = 1
_MODEL_SPEC, _INPUTS = 1, 2
_NAME, _SIGNATURE_NAME = 1, 3
_KEY, _VALUE = 1, 2

Requests = Mapping[str, Mapping[str, tf.Tensor]]
"""Signature -> the inputs of a request."""


def requests(config: RecurrentConfig, model_id: bytes) -> dict[str, Requests]:
  """A request for each signature of the two modules of saved_model.py: a grey image, any codes."""
  layers, blocks = min(2, config.iterations), _SIDE // BLOCK
  image = tf.fill([1, _SIDE, _SIDE, IMAGE_DEPTH], tf.constant(_GREY, tf.uint8))
  iterations = tf.constant(layers)
  codes = np.zeros([1, layers, blocks, blocks, config.bits // packing.BYTE], np.uint8)
  decode = {"codes": tf.constant(codes), "shape": tf.constant([_SIDE, _SIDE])}
  file = rnic.write(rnic.Header(_SIDE, _SIDE, layers, model_id), [of.tobytes() for of in codes[0]])
  return {
    "encoder": {
      "encode": {"image": image, "iterations": iterations},
      "encode_bytes": {"image_bytes": tf.io.encode_png(image), "iterations": iterations},
    },
    "decoder": {
      "decode": decode,
      "decode_all": decode,
      "decode_bytes": {"codes_bytes": tf.constant([file])},
    },
  }


def write(folder: pathlib.Path, name: str, requests: Requests) -> None:
  """Adds the file to the SavedModel of that name in the folder."""
  file = folder / FILE
  file.parent.mkdir(exist_ok=True)
  with tf.io.TFRecordWriter(str(file)) as writer:
    for signature, inputs in requests.items():
      writer.write(_prediction_log(name, signature, inputs))


def _prediction_log(name: str, signature: str, inputs: Mapping[str, tf.Tensor]) -> bytes:
  spec = _field(_NAME, name.encode()) + _field(_SIGNATURE_NAME, signature.encode())
  request = _field(_MODEL_SPEC, spec)
  for key, tensor in inputs.items():
    proto = tf.make_tensor_proto(tensor).SerializeToString()
    request += _field(_INPUTS, _field(_KEY, key.encode()) + _field(_VALUE, proto))
  return _field(_PREDICT_LOG, _field(_REQUEST, request))


def _field(number: int, content: bytes) -> bytes:
  """A field with a length: a string, bytes or a message."""
  return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
  """Seven bits to a byte, the lowest first; the high bit says that more follow."""
  parts = []
  while value > 0x7F:
    parts.append(value & 0x7F | 0x80)
    value >>= 7
  return bytes([*parts, value])
