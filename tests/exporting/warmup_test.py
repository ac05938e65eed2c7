"""The warm-up requests are messages of TensorFlow Serving, and requests that the models take."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from compression.exporting import warmup

INPUTS = {
  "decode": {"codes": np.arange(300, dtype=np.uint8), "shape": np.array([33, 47], np.int32)},
  "decode_bytes": {"codes_bytes": np.array([b"\x00\xff" * 200, b""], object)},
}


@pytest.fixture(scope="module")
def prediction_log():
  """The class of the message, from a description of its own."""
  file = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="serving")
  file.syntax = "proto3"
  file.dependency.append("tensorflow/core/framework/tensor.proto")

  def message(name, *fields):
    added = file.message_type.add(name=name)
    for number, field, kind in fields:
      new = added.field.add(name=field, number=number, label=1)
      new.type = 9 if kind == "string" else 11
      if kind != "string":
        new.type_name = kind
    return added

  message("ModelSpec", (1, "name", "string"), (3, "signature_name", "string"))
  request = message("PredictRequest", (1, "model_spec", ".serving.ModelSpec"))
  entry = request.nested_type.add(name="InputsEntry")
  entry.options.map_entry = True
  entry.field.add(name="key", number=1, label=1, type=9)
  entry.field.add(name="value", number=2, label=1, type=11, type_name=".tensorflow.TensorProto")
  request.field.add(
    name="inputs", number=2, label=3, type=11, type_name=".serving.PredictRequest.InputsEntry"
  )
  message("PredictLog", (1, "request", ".serving.PredictRequest"))
  message("PredictionLog", (6, "predict_log", ".serving.PredictLog"))
  pool = descriptor_pool.Default()
  pool.AddSerializedFile(file.SerializeToString())
  return message_factory.GetMessageClass(pool.FindMessageTypeByName("serving.PredictionLog"))


def test_the_records_are_prediction_logs(tmp_path, prediction_log):
  tensors = {
    signature: {name: tf.constant(value) for name, value in inputs.items()}
    for signature, inputs in INPUTS.items()
  }
  warmup.write(tmp_path, "decoder", tensors)
  records = list(tf.data.TFRecordDataset(str(tmp_path / warmup.FILE)).as_numpy_iterator())
  assert len(records) == len(INPUTS)
  for record, (signature, inputs) in zip(records, INPUTS.items()):
    log = prediction_log.FromString(record)
    request = log.predict_log.request
    assert request.model_spec.name == "decoder"
    assert request.model_spec.signature_name == signature
    assert set(request.inputs) == set(inputs)
    for name, value in inputs.items():
      np.testing.assert_array_equal(tf.make_ndarray(request.inputs[name]), value)
    assert not log.ListFields()[1:] and len(record) == log.ByteSize()  # nothing unknown


def test_the_file_is_where_the_server_looks_for_it():
  assert warmup.FILE.as_posix() == "assets.extra/tf_serving_warmup_requests"
