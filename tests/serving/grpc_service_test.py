"""The gRPC services over a socket, asked by the stubs of tensorflow-serving-api."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import wrappers_pb2
from tensorflow_serving.apis import (
  classification_pb2,
  get_model_metadata_pb2,
  get_model_status_pb2,
  inference_pb2,
  model_management_pb2,
  model_service_pb2_grpc,
  predict_pb2,
  prediction_service_pb2_grpc,
  regression_pb2,
)

from compression.common.errors import OutputError
from compression.serving.grpc_service import Server
from compression.serving.models import Models
from tests.serving.examples import HOST, LIMIT_BYTES, X

INVALID = grpc.StatusCode.INVALID_ARGUMENT
SECONDS = 60


class Client:
  """Both stubs."""

  def __init__(self, channel: grpc.Channel):
    self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    self.model = model_service_pb2_grpc.ModelServiceStub(channel)

  def predict(self, request: Any) -> Any:
    return self.prediction.Predict(request, timeout=SECONDS)


@pytest.fixture
def server(models: Models) -> Iterator[Server]:
  server = Server(models, HOST, 0, LIMIT_BYTES)
  server.start()
  yield server
  server.stop(0)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
  with grpc.insecure_channel(f"{HOST}:{server.port}") as channel:
    yield Client(channel)


def _request(signature: str = "", **inputs: object) -> Any:
  request = predict_pb2.PredictRequest()
  request.model_spec.name = "example"
  request.model_spec.signature_name = signature
  for name, value in inputs.items():
    request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
  return request


def _fails(status: grpc.StatusCode, words: str, method: Any, request: Any) -> None:
  with pytest.raises(grpc.RpcError) as raised:
    method(request, timeout=SECONDS)
  assert raised.value.code() == status
  assert words in raised.value.details()


def _specified(message: Any, name: str = "example", version: int | None = None) -> Any:
  message.model_spec.name = name
  if version is not None:
    message.model_spec.version.CopyFrom(wrappers_pb2.Int64Value(value=version))
  return message


def test_predict(client: Client) -> None:
  response = client.predict(_request(x=X))
  np.testing.assert_array_equal(tf.make_ndarray(response.outputs["y"]), 2 * X)
  spec = response.model_spec
  assert (spec.name, spec.version.value, spec.signature_name) == ("example", 7, "serving_default")
  response = client.predict(_specified(_request("scale", x=X, factor=0.5), version=7))
  np.testing.assert_array_equal(tf.make_ndarray(response.outputs["y"]), X / 2)
  assert response.model_spec.signature_name == "scale"


def test_strings_and_scalars(client: Client) -> None:
  response = client.predict(_request("twice_bytes", data_bytes=[b"\x00\xff\x00", b""]))
  found = tf.make_ndarray(response.outputs["twice_bytes"])
  assert found.tolist() == [b"\x00\xff\x00\x00\xff\x00", b""]
  response = client.predict(_request("total", x=np.arange(4, dtype=np.int32)))
  assert tf.make_ndarray(response.outputs["sum"]) == 6
  assert tf.make_ndarray(response.outputs["text"]).item() == b"6"


def test_a_filter_chooses_outputs(client: Client) -> None:
  request = _request("split", x=[4])
  assert set(client.predict(request).outputs) == {"half", "text"}
  request.output_filter.append("half")
  assert set(client.predict(request).outputs) == {"half"}
  request.output_filter.append("third")
  _fails(INVALID, "not found in signature: third", client.prediction.Predict, request)


def test_wrong_requests(client: Client) -> None:
  predict = client.prediction.Predict
  _fails(INVALID, "Missing ModelSpec", predict, predict_pb2.PredictRequest())
  missing, found = grpc.StatusCode.NOT_FOUND, "Servable not found for request: "
  _fails(missing, f"{found}Latest(nope)", predict, _specified(_request(x=X), "nope"))
  old = _specified(_request(x=X), version=1)
  _fails(missing, f"{found}Specific(example, 1)", predict, old)
  labelled = _request(x=X)
  labelled.model_spec.version_label = "stable"
  _fails(INVALID, "Unrecognized servable version label: stable", predict, labelled)
  _fails(
    grpc.StatusCode.FAILED_PRECONDITION, 'signature key "nope"', predict, _request("nope", x=X)
  )
  _fails(INVALID, "Missing but required: {x}", predict, _request())
  _fails(INVALID, "Sent extra: {z}", predict, _request(x=X, z=X))
  _fails(INVALID, "input x must be float32, but is int32", predict, _request(x=[[1, 2]]))
  _fails(INVALID, "but has [2]", predict, _request(x=X[0]))
  _fails(INVALID, "factor must be positive. Received:] [-1]", predict, _request(x=X, factor=-1.0))


def test_protos_that_are_no_tensors(client: Client) -> None:
  for change in (
    lambda proto: proto.ClearField("dtype"),
    lambda proto: setattr(proto, "tensor_content", proto.tensor_content[:-1]),
    lambda proto: setattr(proto.tensor_shape.dim[0], "size", 3),
  ):
    request = _request(x=X)
    change(request.inputs["x"])
    _fails(INVALID, "tensor parsing error: x", client.prediction.Predict, request)


def test_a_request_over_the_limit_is_refused_and_the_next_one_is_not(client: Client) -> None:
  large = _request("twice_bytes", data_bytes=[b"x" * LIMIT_BYTES])
  _fails(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max", client.prediction.Predict, large)
  most = _request("twice_bytes", data_bytes=[b"x" * (LIMIT_BYTES - 100)])
  (found,) = tf.make_ndarray(client.predict(most).outputs["twice_bytes"])
  assert len(found) == 2 * (LIMIT_BYTES - 100)  # answers may be larger


def test_metadata(client: Client) -> None:
  ask = client.prediction.GetModelMetadata
  request = _specified(get_model_metadata_pb2.GetModelMetadataRequest())
  _fails(INVALID, "must specify at least one metadata_field", ask, request)
  request.metadata_field.append("signature_def")
  response = ask(request, timeout=SECONDS)
  assert (response.model_spec.name, response.model_spec.version.value) == ("example", 7)
  signatures = get_model_metadata_pb2.SignatureDefMap()
  assert response.metadata["signature_def"].Unpack(signatures)
  scale = signatures.signature_def["scale"]
  assert scale.inputs["x"].dtype == tf.float32.as_datatype_enum
  assert [dim.size for dim in scale.inputs["x"].tensor_shape.dim] == [-1, 2]
  assert tf.make_ndarray(scale.defaults["factor"]) == 2
  assert set(scale.outputs) == {"y"}
  request.metadata_field.append("color")
  _fails(INVALID, "Metadata field color is not supported", ask, request)
  request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
  _fails(INVALID, "Missing ModelSpec", ask, request)
  _fails(grpc.StatusCode.NOT_FOUND, "Latest(nope)", ask, _specified(request, "nope"))


def test_status(client: Client) -> None:
  ask = client.model.GetModelStatus
  for version in (None, 7):
    request = _specified(get_model_status_pb2.GetModelStatusRequest(), version=version)
    (status,) = ask(request, timeout=SECONDS).model_version_status
    assert status.version == 7
    assert status.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert status.HasField("status") and status.status.error_code == 0
  missing = grpc.StatusCode.NOT_FOUND
  request = get_model_status_pb2.GetModelStatusRequest()
  _fails(missing, "any versions of model nope", ask, _specified(request, "nope"))
  _fails(missing, "version 8 of model example", ask, _specified(request, version=8))


def test_the_other_methods_are_not_implemented(client: Client) -> None:
  for method, request in (
    (client.prediction.Classify, classification_pb2.ClassificationRequest()),
    (client.prediction.Regress, regression_pb2.RegressionRequest()),
    (client.prediction.MultiInference, inference_pb2.MultiInferenceRequest()),
    (client.model.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest()),
  ):
    _fails(grpc.StatusCode.UNIMPLEMENTED, "", method, request)


def test_a_mistake_of_the_server_is_internal(
  client: Client, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setattr(models, "find", lambda *_: 1 // 0)
  _fails(grpc.StatusCode.INTERNAL, "internal error", client.prediction.Predict, _request(x=X))


def test_requests_wait_for_their_turn(client: Client, models: Models) -> None:
  with models.turn:
    waiting = client.prediction.Predict.future(_request(x=X), timeout=SECONDS)
    given_up = client.prediction.Predict.future(_request(x=X), timeout=0.2)
    assert given_up.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert not waiting.done()
    request = _specified(get_model_status_pb2.GetModelStatusRequest())
    client.model.GetModelStatus(request, timeout=SECONDS)  # does not have to wait
  np.testing.assert_array_equal(tf.make_ndarray(waiting.result().outputs["y"]), 2 * X)


def test_what_is_under_way_ends_and_nothing_new_begins(
  server: Server, client: Client, models: Models
) -> None:
  stopped: list[bool] = []
  with models.turn:
    waiting = client.prediction.Predict.future(_request(x=X), timeout=SECONDS)
    while server.in_flight.wait(0):
      threading.Event().wait(0.01)
    stopping = threading.Thread(target=lambda: stopped.append(server.stop(SECONDS)))
    stopping.start()
    with grpc.insecure_channel(f"{HOST}:{server.port}") as channel:
      while True:  # until the server has begun to stop
        try:
          Client(channel).model.GetModelStatus(
            _specified(get_model_status_pb2.GetModelStatusRequest()), timeout=SECONDS
          )
        except grpc.RpcError as error:
          assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
          break
    assert not stopped
  np.testing.assert_array_equal(tf.make_ndarray(waiting.result().outputs["y"]), 2 * X)
  stopping.join()
  assert stopped == [True]


def test_what_does_not_end_in_time_is_told(server: Server, client: Client, models: Models) -> None:
  with models.turn:
    waiting = client.prediction.Predict.future(_request(x=X), timeout=SECONDS)
    while server.in_flight.wait(0):
      threading.Event().wait(0.01)
    assert not server.stop(0.05)
    assert waiting.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)


def test_a_port_in_use_is_named(server: Server, models: Models) -> None:
  with pytest.raises(OutputError, match=f"{HOST}:{server.port}: cannot listen there for gRPC"):
    Server(models, HOST, server.port, LIMIT_BYTES)
