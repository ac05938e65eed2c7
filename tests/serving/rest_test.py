"""The REST interface over a socket: what it answers, and how it treats HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from compression.common.errors import OutputError
from compression.serving.models import Models
from compression.serving.rest import Server
from tests.serving.examples import HOST, LIMIT_BYTES

SECONDS = 60
MODEL = "/v1/models/example"
PREDICT = f"{MODEL}:predict"


@pytest.fixture
def server(models: Models) -> Iterator[Server]:
  server = Server(models, HOST, 0, LIMIT_BYTES)
  server.start()
  yield server
  server.stop(0)


@pytest.fixture
def connection(server: Server) -> Iterator[http.client.HTTPConnection]:
  connection = http.client.HTTPConnection(HOST, server.port, timeout=SECONDS)
  yield connection
  connection.close()


class Ask:
  """Asks the server, always over the same connection; (status, content)."""

  def __init__(self, connection: http.client.HTTPConnection):
    self._connection = connection

  def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body)
    self._connection.request(method, path, data)
    response = self._connection.getresponse()
    assert response.headers["Content-Type"] == "application/json"
    return response.status, json.loads(response.read())

  def predict(self, path: str = PREDICT, **body: Any) -> tuple[int, Any]:
    return self("POST", path, body)

  def fails(self, status: int, words: str, method: str, path: str, body: Any = None) -> None:
    found, content = self(method, path, body)
    assert (found, set(content)) == (status, {"error"})
    assert words in content["error"]


@pytest.fixture
def ask(connection: http.client.HTTPConnection) -> Ask:
  return Ask(connection)


def _raw(server: Server, data: bytes) -> bytes:
  """What the server sends until it closes the connection."""
  with socket.create_connection((HOST, server.port), timeout=SECONDS) as client:
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
    return b"".join(iter(lambda: client.recv(65536), b""))


# Answers


def test_columns_and_rows(ask: Ask) -> None:
  expected = [[2.0, 4.0], [6.0, 8.0]]
  x = [[1, 2], [3, 4]]
  assert ask.predict(inputs={"x": x, "factor": 2}) == (200, {"outputs": expected})
  inputs = {"x": x, "factor": 0.5}
  found = ask.predict(f"{MODEL}/versions/7:predict", signature_name="scale", inputs=inputs)
  assert found == (200, {"outputs": [[0.5, 1.0], [1.5, 2.0]]})
  split = {"signature_name": "split", "inputs": [4, 5]}
  assert ask.predict(**split) == (200, {"outputs": {"half": [2, 2], "text": ["4", "5"]}})
  split = {"signature_name": "split", "instances": [4, {"x": 5}][:1]}
  assert ask.predict(**split) == (200, {"predictions": [{"half": 2, "text": "4"}]})


def test_bytes(ask: Ask) -> None:
  files = [{"b64": "AP8A"}, {"b64": ""}]
  twice = [{"b64": "AP8AAP8A"}, {"b64": ""}]
  ask_bytes = {"signature_name": "twice_bytes"}
  assert ask.predict(**ask_bytes, inputs=files) == (200, {"outputs": twice})
  assert ask.predict(**ask_bytes, inputs={"data_bytes": files}) == (200, {"outputs": twice})
  assert ask.predict(**ask_bytes, instances=files) == (200, {"predictions": twice})


def test_numbers_that_are_not_finite(ask: Ask) -> None:
  body = b'{"inputs": {"x": [[NaN, -Infinity]], "factor": 2}}'
  status, content = ask("POST", PREDICT, body)
  assert (status, str(content)) == (200, "{'outputs': [[nan, -inf]]}")


def test_status(ask: Ask) -> None:
  state = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
  expected = {"model_version_status": [{"version": "7", **state}]}
  for path in (MODEL, f"{MODEL}/versions/7", "/v1/models/ex%61mple", f"{MODEL}?x=1"):
    assert ask("GET", path) == (200, expected)
  ask.fails(404, "Could not find any versions of model nope", "GET", "/v1/models/nope")
  ask.fails(404, "Could not find version 8 of model example", "GET", f"{MODEL}/versions/8")


def test_metadata(ask: Ask) -> None:
  for path in (f"{MODEL}/metadata", f"{MODEL}/versions/7/metadata"):
    status, content = ask("GET", path)
    assert status == 200
    spec = {"name": "example", "signature_name": "", "version": "7"}
    assert content["model_spec"] == spec
    scale = content["metadata"]["signature_def"]["signature_def"]["scale"]
    assert scale["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in scale["inputs"]["x"]["tensor_shape"]["dim"]] == ["-1", "2"]
    assert scale["method_name"] == "tensorflow/serving/predict"
    assert set(scale["outputs"]) == {"y"}
  ask.fails(404, "Latest(nope)", "GET", "/v1/models/nope/metadata")


def test_wrong_requests(ask: Ask) -> None:
  x = {"inputs": {"x": [[1, 2]], "factor": 2}}
  found = "Servable not found for request: "
  ask.fails(404, f"{found}Latest(nope)", "POST", "/v1/models/nope:predict", x)
  ask.fails(404, f"{found}Specific(example, 1)", "POST", f"{MODEL}/versions/1:predict", x)
  ask.fails(400, "Unrecognized servable version label: a", "POST", f"{MODEL}/labels/a:predict", x)
  ask.fails(400, 'signature key "nope"', "POST", PREDICT, {**x, "signature_name": "nope"})
  ask.fails(400, "'signature_name' key must be a string", "POST", PREDICT, {"signature_name": 1})
  ask.fails(400, "Expecting value at offset: 11", "POST", PREDICT, b'{"inputs": ?}')
  ask.fails(400, "Missing 'inputs' or 'instances'", "POST", PREDICT, {})
  ask.fails(400, "Missing named input: factor", "POST", PREDICT, {"inputs": {"x": [[1, 2]]}})
  ask.fails(400, "factor is a scalar", "POST", PREDICT, {"instances": [{"x": [1, 2], "factor": 2}]})
  ask.fails(400, "but has [2]", "POST", PREDICT, {"inputs": {"x": [1, 2], "factor": 2}})
  ask.fails(400, "must be positive", "POST", PREDICT, {"inputs": {"x": [[1, 2]], "factor": -1}})
  broken = {"signature_name": "twice_bytes", "inputs": [{"b64": "?"}]}
  ask.fails(400, "Unable to base64 decode", "POST", PREDICT, broken)
  total = {"signature_name": "total", "instances": [1, 2]}
  ask.fails(400, "not rows of one length: sum [], text []", "POST", PREDICT, total)
  for method in ("classify", "regress"):
    ask.fails(501, f"{method} is not supported", "POST", f"{MODEL}:{method}", x)
  assert ask.predict(**x)[0] == 200  # all of it over one connection


def test_paths_and_methods(ask: Ask) -> None:
  ask.fails(404, "Malformed request: GET /", "GET", "/")
  ask.fails(404, "Malformed request: POST /predict", "POST", "/predict", b"{}")
  for path in ("/v1/models", f"{MODEL}/versions/x", f"{MODEL}/versions/7/meta", f"{MODEL}/7"):
    ask.fails(400, f"Malformed request: GET {path}", "GET", path)
  ask.fails(405, "does not take GET", "GET", PREDICT)
  ask.fails(405, "does not take POST", "POST", MODEL, b"{}")
  for method in ("PUT", "DELETE", "PATCH", "BREW"):
    ask.fails(405, method, method, MODEL)


def test_a_mistake_of_the_server_is_500(
  ask: Ask, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setattr(models, "find", lambda *_: 1 // 0)
  ask.fails(500, "internal error", "POST", PREDICT, {"inputs": [1]})


# HTTP


def test_a_connection_serves_many_requests(
  connection: http.client.HTTPConnection, ask: Ask
) -> None:
  ask("GET", MODEL)
  used = connection.sock
  ask("GET", "/v1/models/nope")
  ask.predict(inputs=[1])
  assert connection.sock is used is not None


def test_a_body_over_the_limit_is_refused(ask: Ask) -> None:
  def body(size: int) -> bytes:
    return b'{"inputs": {"x": [[1, 2]], "factor": 2}}'.ljust(size)

  ask.fails(413, f"at most {LIMIT_BYTES} are allowed", "POST", PREDICT, body(LIMIT_BYTES + 1))
  # One that no buffer takes is read to its end, so that its sender comes to look for the answer.
  ask.fails(413, "at most", "POST", PREDICT, body(50_000_000))
  assert ask("POST", PREDICT, body(LIMIT_BYTES))[0] == 200


def test_a_client_that_asks_first_hears_before_it_sends(server: Server) -> None:
  def head(length: int) -> bytes:
    lines = (f"POST {PREDICT} HTTP/1.1", f"Content-Length: {length}", "Expect: 100-continue")
    return "".join(f"{line}\r\n" for line in (*lines, "Connection: close", "")).encode()

  body = b'{"inputs": {"x": [[1, 2]], "factor": 2}}'
  with socket.create_connection((HOST, server.port), timeout=SECONDS) as client:
    client.sendall(head(len(body)))
    answers = client.makefile("rb")
    assert answers.readline() == b"HTTP/1.1 100 Continue\r\n"
    client.sendall(body)
    assert b"HTTP/1.1 200 OK" in answers.read()
  with socket.create_connection((HOST, server.port), timeout=SECONDS) as client:
    client.sendall(head(LIMIT_BYTES + 1))
    answers = client.makefile("rb")
    assert answers.read().startswith(b"HTTP/1.1 413 ")  # and the connection ends


@pytest.mark.parametrize(
  "headers,status",
  [
    ("", 411),
    ("Transfer-Encoding: chunked\r\n", 411),
    ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", 411),
    ("Content-Length: two\r\n", 400),
    ("Content-Length: -2\r\n", 400),
  ],
)
def test_the_length_of_a_body_has_to_be_told(server: Server, headers: str, status: int) -> None:
  answer = _raw(server, f"POST {PREDICT} HTTP/1.1\r\n{headers}\r\n{{}}".encode())
  assert answer.startswith(f"HTTP/1.1 {status} ".encode())
  assert b"Connection: close\r\n" in answer
  assert answer.count(b"HTTP/1.1") == 1  # the body is not taken for a request
  assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"error"}


def test_a_body_of_get_is_not_taken_for_a_request(server: Server) -> None:
  smuggled = f"GET {MODEL} HTTP/1.1\r\n\r\n"
  head = f"GET {MODEL} HTTP/1.1\r\nContent-Length: {len(smuggled)}\r\n\r\n"
  answer = _raw(server, (head + smuggled).encode())
  assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1") == 1


def test_what_is_no_http_is_refused(server: Server) -> None:
  for data in (b"\x16\x03\x01\x02\x00\x01 x y z\r\n\r\n", b"GET " + b"x" * 70_000 + b"\r\n\r\n"):
    assert b"error" in _raw(server, data)
  assert _raw(server, b"") == b""


def test_head_has_no_body(connection: http.client.HTTPConnection) -> None:
  connection.request("HEAD", MODEL)
  response = connection.getresponse()
  assert (response.status, response.read()) == (405, b"")


def test_a_client_that_goes_in_the_middle_disturbs_nobody(
  server: Server, ask: Ask, capfd: pytest.CaptureFixture[str]
) -> None:
  head = f"POST {PREDICT} HTTP/1.1\r\nContent-Length: 100\r\n\r\n"
  assert _raw(server, f"{head}{{".encode()) == b""
  assert ask("GET", MODEL)[0] == 200
  assert capfd.readouterr().err == ""


def test_requests_wait_for_their_turn(server: Server, ask: Ask, models: Models) -> None:
  answered = threading.Event()

  def predict() -> None:
    connection = http.client.HTTPConnection(HOST, server.port, timeout=SECONDS)
    found = Ask(connection).predict(inputs={"x": [[1, 2]], "factor": 2})
    assert found == (200, {"outputs": [[2.0, 4.0]]})
    answered.set()

  with models.turn:
    waiting = threading.Thread(target=predict)
    waiting.start()
    while server.in_flight.wait(0):
      threading.Event().wait(0.01)
    assert ask("GET", MODEL)[0] == 200  # does not have to wait
    assert not answered.wait(0.1)
  waiting.join()
  assert answered.is_set()


def test_what_is_under_way_ends_and_nothing_new_begins(
  server: Server, connection: http.client.HTTPConnection, models: Models
) -> None:
  stopped: list[bool] = []
  with models.turn:
    connection.request("POST", PREDICT, b'{"inputs": {"x": [[1, 2]], "factor": 2}}')
    while server.in_flight.wait(0):
      threading.Event().wait(0.01)
    assert not server.in_flight.wait(0)
    stopping = threading.Thread(target=lambda: stopped.append(server.stop(SECONDS)))
    stopping.start()
    with pytest.raises(ConnectionError):
      while True:  # until the server has begun to stop
        socket.create_connection((HOST, server.port), timeout=SECONDS).close()
    assert not stopped
  response = connection.getresponse()
  assert (response.status, response.headers["Connection"]) == (200, "close")
  stopping.join()
  assert stopped == [True]


def test_what_does_not_end_in_time_is_told(
  server: Server, connection: http.client.HTTPConnection, models: Models
) -> None:
  with models.turn:
    connection.request("POST", PREDICT, b'{"inputs": {"x": [[1, 2]], "factor": 2}}')
    while server.in_flight.wait(0):
      threading.Event().wait(0.01)
    assert not server.stop(0.05)


def test_a_port_in_use_is_named(server: Server, models: Models) -> None:
  with pytest.raises(OutputError, match=f"{HOST}:{server.port}: cannot listen there for REST"):
    Server(models, HOST, server.port, LIMIT_BYTES)
