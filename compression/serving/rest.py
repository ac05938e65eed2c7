"""TensorFlow Serving's REST interface.

    POST /v1/models/NAME[/versions/N]:predict    see json_tensors.py
    GET  /v1/models/NAME[/versions/N]            {"model_version_status": [...]}
    GET  /v1/models/NAME[/versions/N]/metadata   {"model_spec": ..., "metadata": ...}

An error is {"error": message}, with the HTTP status of its code.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import socket
import socketserver
import threading
import urllib.parse
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from google.protobuf import json_format

from compression.common.errors import OutputError
from compression.serving import json_tensors
from compression.serving.errors import HTTP_STATUS, Code, RequestError, from_exception, invalid
from compression.serving.in_flight import InFlight
from compression.serving.models import Model, Models

_MODEL = (
  r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]{1,19})|/labels/(?P<label>[^/:]+))?"
)
_POST = re.compile(rf"{_MODEL}:(?P<method>classify|regress|predict)")
_GET = re.compile(rf"{_MODEL}(?P<metadata>/metadata)?")

_IDLE_SECONDS = 60.0
"""A connection on which nothing happens for so long is closed."""

_POLL_SECONDS = 0.1
"""A stop is noticed that soon."""

_PIECE_BYTES = 2**16
"""Read or written at a time."""

_DISCARDED_BYTES = 2**30
"""A body that is too large is read and dropped up to here: many clients look for an answer only
when they have sent all of it."""

_GONE = (ConnectionError, socket.timeout)
"""What a connection raises whose client has gone."""


class Server(socketserver.ThreadingTCPServer):
  """Serves the interface at an address, each connection in a thread."""

  allow_reuse_address = True
  request_queue_size = 128
  # A connection may stay open without a request: its thread ends with the process.
  daemon_threads = True
  block_on_close = False

  def __init__(self, models: Models, host: str, port: int, max_request_bytes: int):
    """Binds the address; port 0 stands for a free one.

    Raises:
      OutputError: if that fails.
    """
    self.models = models
    self.max_request_bytes = max_request_bytes
    self.in_flight = InFlight()
    self.stopping = False
    self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
      super().__init__((host, port), _Handler)
    except OSError as error:
      raise OutputError(f"{host}:{port}: cannot listen there for REST: {error.strerror}") from error
    self.port: int = self.server_address[1]

  def start(self) -> None:
    """Takes requests from now on."""
    threading.Thread(target=self.serve_forever, args=[_POLL_SECONDS], daemon=True).start()

  def stop(self, grace_seconds: float) -> bool:
    """Takes no more requests; whether those that there are end within that time."""
    self.stopping = True
    self.shutdown()
    self.server_close()
    return self.in_flight.wait(grace_seconds)


class _HttpError(Exception):
  """Something wrong with the HTTP of a request. Its body stays unread, so the connection ends."""

  def __init__(self, status: HTTPStatus, message: str):
    super().__init__(message)
    self.status = status


class _Handler(http.server.BaseHTTPRequestHandler):
  """A connection. The base class calls `do_METHOD` for each request."""

  server: Server
  protocol_version = "HTTP/1.1"
  timeout = _IDLE_SECONDS
  disable_nagle_algorithm = True  # headers and body are two writes: the second would wait

  def handle(self) -> None:
    with contextlib.suppress(*_GONE):
      super().handle()

  def handle_expect_100(self) -> bool:
    return True  # `_body` answers, when it has looked at the size

  def version_string(self) -> str:
    return "compression"

  def log_message(self, format: str, *args: object) -> None:
    pass  # the client is told what is wrong

  def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
    """Called by the base class for what is no request, or has a method without a `do_METHOD`."""
    self.close_connection = True
    if code == HTTPStatus.NOT_IMPLEMENTED:
      code = HTTPStatus.METHOD_NOT_ALLOWED
    self._send(HTTPStatus(code), _error(message or HTTPStatus(code).phrase))

  def do_POST(self) -> None:
    self._answer(self._post)

  def do_GET(self) -> None:
    self._answer(self._get)

  def _answer(self, work: Callable[[str], bytes]) -> None:
    """Sends what `work` makes of the path, or the error."""
    with self.server.in_flight:
      try:
        status, content = HTTPStatus.OK, work(self.path.partition("?")[0])
      except _GONE:
        raise
      except _HttpError as wrong:
        self.close_connection = True
        status, content = wrong.status, _error(str(wrong))
      except Exception as raised:  # all of them: a client has to be told
        error = from_exception(raised)
        status = HTTP_STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
        content = _error(error.message)
      self._send(status, content)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
      self._discard()

  def _post(self, path: str) -> bytes:
    body = self._body()
    match = _POST.fullmatch(path)
    if match is None:
      raise self._malformed(path, _GET)
    if match["method"] != "predict":
      raise RequestError(Code.UNIMPLEMENTED, f"{match['method']} is not supported; predict is")
    model = _model(match, self.server.models.find)
    with self.server.models.turn:
      request = json_tensors.parse(body)
      name = request.get("signature_name", "")
      if not isinstance(name, str):
        raise invalid("'signature_name' key must be a string value.")
      signature = model.signature(name)
      row = json_tensors.is_row(request)
      outputs = signature.predict(json_tensors.inputs(request, signature.inputs))
      return _encode(json_tensors.answer(outputs, row))

  def _get(self, path: str) -> bytes:
    self._expect_no_body()
    match = _GET.fullmatch(path)
    if match is None:
      raise self._malformed(path, _POST)
    if match["metadata"]:
      return _encode(_metadata(_model(match, self.server.models.find)))
    return _encode(_status(_model(match, self.server.models.status)))

  def _malformed(self, path: str, of_other_method: re.Pattern[str]) -> Exception:
    if of_other_method.fullmatch(path):
      return _HttpError(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} does not take {self.command}")
    message = f"Malformed request: {self.command} {path}"
    return invalid(message) if path.startswith("/v1/") else RequestError(Code.NOT_FOUND, message)

  def _body(self) -> bytes:
    length = self.headers.get("Content-Length", "")
    if "Transfer-Encoding" in self.headers or not length:
      raise _HttpError(HTTPStatus.LENGTH_REQUIRED, "the header Content-Length is missing")
    if not (length.isascii() and length.isdecimal()):
      raise _HttpError(HTTPStatus.BAD_REQUEST, f"Content-Length is no number: {length}")
    if int(length) > self.server.max_request_bytes:
      raise _HttpError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body has {length} bytes; at most {self.server.max_request_bytes} are allowed",
      )
    if self.headers.get("Expect", "").lower() == "100-continue":
      self.send_response_only(HTTPStatus.CONTINUE)
      self.end_headers()
    body = self.rfile.read(int(length))
    if len(body) < int(length):
      raise ConnectionError("the client ended in the middle of a body")
    return body

  def _expect_no_body(self) -> None:
    if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
      raise _HttpError(HTTPStatus.BAD_REQUEST, f"{self.command} takes no body")

  def _discard(self) -> None:
    if "Expect" in self.headers:
      return  # it is not sent
    left = min(int(self.headers["Content-Length"]), _DISCARDED_BYTES)
    while left > 0:
      piece = self.rfile.read(min(left, _PIECE_BYTES))
      left = left - len(piece) if piece else 0

  def _send(self, status: HTTPStatus, content: bytes) -> None:
    self.send_response(status)
    self.send_header("Content-Type", "application/json")
    self.send_header("Content-Length", str(len(content)))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
      self.send_header("Allow", "GET, POST")
    if self.close_connection or self.server.stopping:
      self.send_header("Connection", "close")  # which also ends the connection
    self.end_headers()
    if self.command != "HEAD":
      for begin in range(0, len(content), _PIECE_BYTES):  # as the time-out is one of a write
        self.wfile.write(content[begin : begin + _PIECE_BYTES])


def _model(match: re.Match[str], find: Callable[[str, int | None], Model]) -> Model:
  """The model that a path names."""
  if match["label"]:
    raise invalid(f"Unrecognized servable version label: {match['label']}")
  version = None if match["version"] is None else int(match["version"])
  return find(urllib.parse.unquote(match["name"]), version)


def _status(model: Model) -> dict[str, Any]:
  status = {"error_code": "OK", "error_message": ""}
  return {
    "model_version_status": [
      {"version": str(model.version), "state": "AVAILABLE", "status": status}
    ]
  }


def _metadata(model: Model) -> dict[str, Any]:
  signatures = {
    name: json_format.MessageToDict(
      definition, including_default_value_fields=True, preserving_proto_field_name=True
    )
    for name, definition in model.graph.signature_def.items()
  }
  return {
    "model_spec": {"name": model.name, "signature_name": "", "version": str(model.version)},
    "metadata": {"signature_def": {"signature_def": signatures}},
  }


def _error(message: str) -> bytes:
  return _encode({"error": message})


def _encode(content: dict[str, Any]) -> bytes:
  return json.dumps(content).encode() + b"\n"
