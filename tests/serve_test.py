"""The server as a process of its own, and both clients of it."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import NamedTuple

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from compression.codecs.recurrent.codec import RecurrentCodec
from compression.exporting.saved_model import export
from compression.formats import rnic
from compression.images.photos import read_photo
from tests.exporting.examples import assert_codes, codes_of, encoded, pixels, small_codec
from tests.near import assert_near_pixels
from tests.serving.examples import HOST, X, save
from tools import dependencies, grpc_client

ROOT = pathlib.Path(__file__).resolve().parent.parent
REST_CLIENT = ROOT / "tools/rest_client.py"
GRPC_CLIENT = ROOT / "tools/grpc_client.py"

SECONDS = 120
"""Nothing here takes so long; without a limit, a server that hangs would hang the tests."""

READY = re.compile(r"serving (.+): gRPC at (\S+):(\d+), REST at http://\2:(\d+)/v1/models\n")


class Server(NamedTuple):
  """A server that is ready."""

  process: subprocess.Popen
  models: str
  grpc_port: int
  rest_port: int

  def wait(self) -> tuple[int, str, str]:
    """The exit status, and the rest of stdout and stderr."""
    out, err = self.process.communicate(timeout=SECONDS)
    return self.process.returncode, out, err


def _start(*flags: str, code: str = "") -> subprocess.Popen:
  run = "import runpy; runpy.run_module('compression.serve', run_name='__main__', alter_sys=True)"
  environment = {**os.environ, "PYTHONPATH": str(ROOT)}
  environment.pop("TF_CPP_MIN_LOG_LEVEL", None)  # a program must be quiet by itself
  return subprocess.Popen(
    [sys.executable, "-c", f"{code}\n{run}", *flags],
    env=environment,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


@contextlib.contextmanager
def _ready(*flags: str) -> Iterator[Server]:
  """A server that is there while the block runs."""
  process = _start("--port=0", "--rest_api_port=0", *flags)
  assert process.stdout is not None
  hung = threading.Timer(SECONDS, process.kill)
  hung.start()
  line = process.stdout.readline()
  hung.cancel()
  try:
    match = READY.fullmatch(line)
    assert match is not None and match[2] == HOST, line
    yield Server(process, match[1], int(match[3]), int(match[4]))
  finally:
    process.kill()
    process.communicate()


def _fails(status: int, words: str, *flags: str, code: str = "") -> None:
  process = _start(*flags, code=code)
  out, err = process.communicate(timeout=SECONDS)
  assert (process.returncode, out) == (status, "")
  assert len(err.splitlines()) == 1 and err.startswith("error: ") and words in err, err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """A folder of one model, `example`."""
  folder = tmp_path_factory.mktemp("models")
  save(folder / "example", 3)
  return folder


def _start_request(port: int, model: str) -> tuple[socket.socket, bytes]:
  """A connection with a request that the server waits for the body of, and that body."""
  body = b'{"inputs": {"x": [[1, 2]], "factor": 2}}'
  client = socket.create_connection((HOST, port), timeout=SECONDS)
  head = f"POST /v1/models/{model}:predict HTTP/1.1\r\nContent-Length: {len(body)}\r\n"
  client.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
  assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
  return client, body


def test_it_serves_by_both_protocols_and_ends_when_all_is_answered(folder: pathlib.Path) -> None:
  request = predict_pb2.PredictRequest()
  request.model_spec.name = "example"
  request.inputs["x"].CopyFrom(tf.make_tensor_proto(X))
  with _ready(f"--model_base_path={folder}") as server:
    assert server.models == "example/3"
    with grpc.insecure_channel(f"{HOST}:{server.grpc_port}") as channel:
      stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
      response = stub.Predict(request, timeout=SECONDS)
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["y"]), 2 * X)

    client, body = _start_request(server.rest_port, "example")
    with client, socket.create_connection((HOST, server.rest_port)):  # this one asks nothing
      server.process.send_signal(signal.SIGTERM)
      client.sendall(body)
      answer = client.makefile("rb").read()
      assert answer.startswith(b"HTTP/1.1 200 OK")
      assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"outputs": [[2, 4]]}
      assert server.wait() == (0, "", "")


def test_it_does_not_wait_for_ever(folder: pathlib.Path) -> None:
  with _ready(f"--model_base_path={folder / 'example'}", "--grace_seconds=0.2") as server:
    assert server.models == "default/3"  # of a single model
    client, _ = _start_request(server.rest_port, "default")
    with client:
      server.process.send_signal(signal.SIGINT)
      warning = "warning: requests were cut off after 0.2 seconds\n"
      assert server.wait() == (1, "", warning)


def test_what_is_wrong_is_one_line(tmp_path: pathlib.Path, folder: pathlib.Path) -> None:
  _fails(2, "--model_base_path is missing")
  _fails(2, "--port=70000", f"--model_base_path={folder}", "--port=70000")
  _fails(1, f"{tmp_path}: holds no model", f"--model_base_path={tmp_path}")


@pytest.mark.parametrize("package", ["grpc", "tensorflow_serving"])
def test_without_a_package_it_says_what_to_install(folder: pathlib.Path, package: str) -> None:
  code = f"import sys; sys.modules['{package}'] = sys.modules['tensorflow'] = None"
  flags = [f"--model_base_path={folder}"]
  _fails(1, f"the server needs {package}, of tensorflow-serving-api", *flags, code=code)


def test_it_is_made_of_nothing_that_models_are_made_of() -> None:
  sources = dependencies.Tree(ROOT).sources("compression/serve.py")
  assert sources == {
    *(f"compression/{name}.py" for name in ("__init__", "serve")),
    *(f"compression/common/{name}.py" for name in ("__init__", "errors", "program", "streams")),
    *(path.relative_to(ROOT).as_posix() for path in ROOT.glob("compression/serving/*.py")),
  }


# The clients


class Exported(NamedTuple):
  """A codec, and a server of its export."""

  codec: RecurrentCodec
  server: Server

  @property
  def rest(self) -> str:
    return f"--server={HOST}:{self.server.rest_port}"

  @property
  def grpc(self) -> str:
    return f"--server={HOST}:{self.server.grpc_port}"


LIMIT_BYTES = 200_000


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
  folder = tmp_path_factory.mktemp("export")
  codec = small_codec(unit="lstm")
  export(codec, folder)
  with _ready(f"--model_base_path={folder}", f"--max_request_bytes={LIMIT_BYTES}") as server:
    yield Exported(codec, server)


def _rest(folder: pathlib.Path, *arguments: str) -> tuple[int, str]:
  """Runs the client of REST; exit status and stderr."""
  done = subprocess.run(
    [sys.executable, "-I", str(REST_CLIENT), *arguments],
    cwd=folder,
    capture_output=True,
    text=True,
    timeout=SECONDS,
  )
  return done.returncode, done.stderr


def _grpc(monkeypatch: pytest.MonkeyPatch, folder: pathlib.Path, *arguments: str) -> str | None:
  """Runs the client of gRPC in this process; what went wrong."""
  monkeypatch.chdir(folder)
  monkeypatch.setattr(sys, "argv", ["grpc_client.py", *arguments])
  return grpc_client.main()


@pytest.mark.slow
def test_the_clients_make_the_files_that_the_python_api_makes(
  exported: Exported,
  photo: np.ndarray,
  tmp_path: pathlib.Path,
  monkeypatch: pytest.MonkeyPatch,
) -> None:
  assert exported.server.models == "decoder/1, encoder/1"
  image = photo[40:91, 100:137]
  (tmp_path / "photo.png").write_bytes(encoded(image))

  to_rnic, to_png = ("photo.png", "rest.rnic", "--iterations=3"), ("rest.rnic", "rest.png")
  assert _rest(tmp_path, *to_rnic, exported.rest) == (0, "")
  file = (tmp_path / "rest.rnic").read_bytes()
  assert rnic.read_header(file) == rnic.read_header(exported.codec.compress(image, 3))
  assert_codes(exported.codec.network, image[np.newaxis], codes_of(exported.codec, file))
  assert _rest(tmp_path, *to_png, exported.rest) == (0, "")
  png = (tmp_path / "rest.png").read_bytes()
  assert_near_pixels(pixels(png), exported.codec.decompress(file))

  command = [sys.executable, str(GRPC_CLIENT), "photo.png", "grpc.rnic", "--iterations=3"]
  done = subprocess.run(
    [*command, exported.grpc], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS
  )
  assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
  assert (tmp_path / "grpc.rnic").read_bytes() == file
  assert _grpc(monkeypatch, tmp_path, "grpc.rnic", "grpc.png", exported.grpc) is None
  assert (tmp_path / "grpc.png").read_bytes() == png
  names = {"photo.png", "rest.rnic", "rest.png", "grpc.rnic", "grpc.png"}
  assert set(os.listdir(tmp_path)) == names

  # A kind that the server does not read, on its side, and half transparent.
  turned = Image.fromarray(np.dstack([image, np.full_like(image[..., 0], 128)]))
  exif = Image.Exif()
  exif[0x0112] = 6
  turned.save(tmp_path / "other.tif", exif=exif)
  upright = read_photo(tmp_path / "other.tif").image
  (tmp_path / "upright.png").write_bytes(encoded(upright))
  for source in ("other.tif", "upright.png"):
    target = f"{source}.rnic"
    assert _rest(tmp_path, source, target, "--iterations=2", exported.rest) == (0, "")
  files = [(tmp_path / f"{name}.rnic").read_bytes() for name in ("other.tif", "upright.png")]
  assert files[0] == files[1] and rnic.read_header(files[0]).width == 51


@pytest.mark.slow
def test_the_clients_pass_on_what_the_server_says(
  exported: Exported, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  (tmp_path / "photo.png").write_bytes(encoded(np.zeros([1, 1, 3], np.uint8)))
  (tmp_path / "text.jpg").write_text("not a photo")
  noise = np.random.default_rng(1).integers(0, 256, [LIMIT_BYTES // 800, 300, 3], np.uint8)
  (tmp_path / "large.png").write_bytes(encoded(noise))
  assert (tmp_path / "large.png").stat().st_size > LIMIT_BYTES
  (tmp_path / "broken.rnic").write_bytes(b"x")
  before = set(os.listdir(tmp_path))
  wrong = (
    (("photo.png", "a.rnic"), "iterations must be 1 to 4. Received:] [8]"),
    (("text.jpg", "a.rnic", "--iterations=2"), "text.jpg: not an image that can be read"),
    (("photo.png", "a.rnic", "--iterations=-1"), "iterations must be 1 to 4. Received:] [-1]"),
    (("broken.rnic", "a.png"), "not an .rnic file"),
    (("gone.png", "a.rnic"), "gone.png: No such file or directory"),
    (("photo.png", "no/a.rnic", "--iterations=1"), "no/a.rnic: there is no folder no"),
  )
  for arguments, words in wrong:
    status, err = _rest(tmp_path, *arguments, exported.rest)
    assert status == 1 and len(err.splitlines()) == 1 and err.startswith("error: ")
    assert words in err
    assert words in str(_grpc(monkeypatch, tmp_path, *arguments, exported.grpc))
  large = ("large.png", "a.rnic", "--iterations=1")
  assert f"at most {LIMIT_BYTES} are allowed" in _rest(tmp_path, *large, exported.rest)[1]
  assert "larger than max" in str(_grpc(monkeypatch, tmp_path, *large, exported.grpc))
  assert set(os.listdir(tmp_path)) == before


def test_the_clients_say_when_there_is_no_server_for_them(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  (tmp_path / "a.rnic").write_bytes(b"x")
  with socket.create_server((HOST, 0)) as unused:
    port = unused.getsockname()[1]
  arguments = ("a.rnic", "a.png", f"--server={HOST}:{port}")
  expected = f"error: {HOST}:{port}: Connection refused\n"
  assert _rest(tmp_path, *arguments) == (1, expected)
  assert str(_grpc(monkeypatch, tmp_path, *arguments)).startswith(f"{HOST}:{port}: failed to conn")


def test_the_rest_client_says_that_a_server_is_another_one(tmp_path: pathlib.Path) -> None:
  (tmp_path / "a.rnic").write_bytes(b"x")
  with http.server.HTTPServer((HOST, 0), http.server.BaseHTTPRequestHandler) as other:
    other.RequestHandlerClass.log_message = lambda *_: None
    other.timeout = SECONDS
    thread = threading.Thread(target=other.handle_request)
    thread.start()
    status, err = _rest(tmp_path, "a.rnic", "a.png", f"--server={HOST}:{other.server_port}")
    thread.join()
  assert status == 1
  assert "HTTP 501 Unsupported method ('POST'), and no answer of TensorFlow Serving" in err


def test_the_clients_keep_files_and_know_directions(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
  (tmp_path / "a.rnic").write_bytes(b"x")
  (tmp_path / "a.png").write_bytes(b"precious")
  exists = "a.png: exists already; --overwrite replaces it"
  assert _rest(tmp_path, "a.rnic", "a.png") == (1, f"error: {exists}\n")
  assert _grpc(monkeypatch, tmp_path, "a.rnic", "a.png") == exists
  assert (tmp_path / "a.png").read_bytes() == b"precious"
  for files in (("a.rnic", "b.rnic"), ("a.png", "b.png")):
    status, err = _rest(tmp_path, *files)
    assert status == 2 and "one of the two files must be an .rnic file" in err
    with pytest.raises(SystemExit, match="2"):
      _grpc(monkeypatch, tmp_path, *files)
    assert "one of the two files must be an .rnic file" in capsys.readouterr().err
