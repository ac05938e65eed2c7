"""Runs the warm-up requests of a SavedModel, as TensorFlow Serving does before it serves a model.

They are `assets.extra/tf_serving_warmup_requests`, a TFRecord of `PredictionLog`. The first request
of a signature takes some seconds else, as TensorFlow then makes and optimises its graph.
"""

from __future__ import annotations

import pathlib

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from compression.common.errors import ModelError
from compression.serving import errors
from compression.serving.models import Model

FILE = pathlib.PurePath("assets.extra") / "tf_serving_warmup_requests"


def run(model: Model) -> int:
  """Runs those of the model, if it has any; how many there were.

  Raises:
    ModelError: if the file is damaged, or a request fails.
  """
  file = model.folder / FILE
  if not file.exists():
    return 0
  count = 0
  try:
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
      request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
      tensors = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
      model.signature(request.model_spec.signature_name).predict(tensors)
      count += 1
  except Exception as error:  # whatever is wrong with the file or with a request
    message = errors.from_exception(error).message
    raise ModelError(f"{file}: warm-up request {count + 1}: {message}") from error
  return count
