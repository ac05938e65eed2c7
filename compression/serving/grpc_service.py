"""TensorFlow Serving's gRPC services: PredictionService and ModelService.

There are Predict, GetModelMetadata and GetModelStatus. gRPC answers UNIMPLEMENTED for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent import futures
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
  get_model_metadata_pb2,
  get_model_status_pb2,
  model_pb2,
  predict_pb2,
)

from compression.common.errors import OutputError
from compression.serving.errors import Code, RequestError, from_exception, invalid
from compression.serving.in_flight import InFlight
from compression.serving.models import DEFAULT_SIGNATURE, Model, Models

_SIGNATURE_DEF = "signature_def"
"""The only metadata that there are."""

_THREADS = 32
"""For requests that wait, and for status; how many compute at once, `Models.turn` limits."""

_UNLIMITED = -1

_STATUS = {status.value[0]: status for status in grpc.StatusCode}


class Server:
  """Serves both services at an address."""

  def __init__(self, models: Models, host: str, port: int, max_request_bytes: int):
    """Binds the address; port 0 stands for a free one.

    Raises:
      OutputError: if that fails.
    """
    self.in_flight = InFlight()
    self._server = grpc.server(
      futures.ThreadPoolExecutor(_THREADS),
      options=(
        ("grpc.max_receive_message_length", max_request_bytes),
        ("grpc.max_send_message_length", _UNLIMITED),
        ("grpc.so_reuseport", 0),  # a second server could else share the port of a first one
      ),
    )
    self._server.add_generic_rpc_handlers(
      (
        self._service(
          "PredictionService",
          Predict=(predict_pb2.PredictRequest, _Predict(models)),
          GetModelMetadata=(get_model_metadata_pb2.GetModelMetadataRequest, _Metadata(models)),
        ),
        self._service(
          "ModelService",
          GetModelStatus=(get_model_status_pb2.GetModelStatusRequest, _Status(models)),
        ),
      )
    )
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
      self.port = self._server.add_insecure_port(address)
    except RuntimeError as error:
      raise OutputError(f"{address}: cannot listen there for gRPC: {error}") from error

  def start(self) -> None:
    """Takes requests from now on."""
    self._server.start()

  def stop(self, grace_seconds: float) -> bool:
    """Takes no more requests; whether those that there are end within that time."""
    self._server.stop(grace_seconds).wait()
    return self.in_flight.wait(0)

  def _service(self, name: str, **methods: tuple[Any, Callable[[Any, Any], Any]]) -> Any:
    """A service whose methods take a message and give one."""
    handlers = {
      method: grpc.unary_unary_rpc_method_handler(
        self._answering(answer), request.FromString, lambda response: response.SerializeToString()
      )
      for method, (request, answer) in methods.items()
    }
    return grpc.method_handlers_generic_handler(f"tensorflow.serving.{name}", handlers)

  def _answering(self, answer: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The same function, whose exceptions become statuses."""

    def handle(request: Any, context: Any) -> Any:
      with self.in_flight:
        try:
          return answer(request, context)
        except Exception as raised:  # all of them: a client has to be told
          error = from_exception(raised)
        context.abort(_STATUS[error.code], error.message)

    return handle


class _Predict:
  def __init__(self, models: Models):
    self._models = models

  def __call__(self, request: Any, context: Any) -> Any:
    model = _model(request, self._models.find)
    signature = model.signature(request.model_spec.signature_name)
    response = predict_pb2.PredictResponse()
    response.model_spec.CopyFrom(_spec(model))
    response.model_spec.signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    with self._models.turn:
      if not context.is_active():
        raise RequestError(Code.CANCELLED, "the client has not waited")
      outputs = signature.predict(_arrays(request.inputs), request.output_filter)
      for name, value in outputs.items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    return response


class _Metadata:
  def __init__(self, models: Models):
    self._models = models

  def __call__(self, request: Any, context: Any) -> Any:
    if not request.metadata_field:
      raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
      if field != _SIGNATURE_DEF:
        raise invalid(f"Metadata field {field} is not supported")
    model = _model(request, self._models.find)
    signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=model.graph.signature_def)
    response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=_spec(model))
    response.metadata[_SIGNATURE_DEF].Pack(signatures)
    return response


class _Status:
  def __init__(self, models: Models):
    self._models = models

  def __call__(self, request: Any, context: Any) -> Any:
    model = _model(request, self._models.status)
    response = get_model_status_pb2.GetModelStatusResponse()
    status = response.model_version_status.add(version=model.version)
    status.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    status.status.SetInParent()  # OK
    return response


def _model(request: Any, find: Callable[[str, int | None], Model]) -> Model:
  """The model that a request names."""
  if not request.HasField("model_spec"):
    raise invalid("Missing ModelSpec")
  spec = request.model_spec
  if spec.version_label:
    raise invalid(f"Unrecognized servable version label: {spec.version_label}")
  return find(spec.name, spec.version.value if spec.HasField("version") else None)


def _spec(model: Model) -> Any:
  spec = model_pb2.ModelSpec(name=model.name)
  spec.version.value = model.version
  return spec


def _arrays(protos: Mapping[str, Any]) -> dict[str, np.ndarray]:
  arrays = {}
  for name, proto in protos.items():
    try:
      arrays[name] = tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
      raise invalid(f"tensor parsing error: {name}: {error}") from error
  return arrays
