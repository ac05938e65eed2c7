"""Serves exported models by TensorFlow Serving's protocols, for development and tests.

  python -m compression.serve --model_base_path=export
  python -m compression.serve --model_base_path=export/encoder --model_name=encoder --port=0

gRPC (PredictionService, ModelService) and REST answer as TensorFlow Serving does, for every model
of a folder or for a single one. The server prints one line when it is ready. SIGTERM and SIGINT end
it, with exit status 0 if all requests that it had taken were answered; a second signal ends it at
once. Without a client, `*_bytes` are base64:

  echo "{\\"signature_name\\": \\"encode_bytes\\", \\"inputs\\": {
    \\"image_bytes\\": [{\\"b64\\": \\"$(base64 -w0 photo.jpg)\\"}], \\"iterations\\": 8}}" |
    curl -d @- localhost:8501/v1/models/encoder:predict

For production there is TensorFlow Serving's own container, which takes the same requests:

  cat > models.config <<'END'
  model_config_list {
    config { name: "encoder" base_path: "/models/encoder" model_platform: "tensorflow" }
    config { name: "decoder" base_path: "/models/decoder" model_platform: "tensorflow" }
  }
  END
  docker run -p 8500:8500 -p 8501:8501 -v "$PWD/export:/models" \\
    -v "$PWD/models.config:/models.config" \\
    tensorflow/serving --model_config_file=/models.config
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import signal
import sys
import time
from concurrent import futures

from absl import flags

from compression.common import program
from compression.common.errors import CompressionError

_MODEL_BASE_PATH = flags.DEFINE_string(
  "model_base_path", None, "a folder of models, as an export is, or of the versions of one model"
)
_MODEL_NAME = flags.DEFINE_string(
  "model_name", None, "what to call the one model (default: default)"
)
_HOST = flags.DEFINE_string("host", "127.0.0.1", "where to listen; 0.0.0.0 is everywhere")
_PORT = flags.DEFINE_integer("port", 8500, "for gRPC; 0 picks a free one", 0, 65535)
_REST_API_PORT = flags.DEFINE_integer(
  "rest_api_port", 8501, "for REST; 0 picks a free one", 0, 65535
)
_ENABLE_MODEL_WARMUP = flags.DEFINE_bool(
  "enable_model_warmup", True, "run the warm-up requests of the models before the first client's"
)
_MAX_REQUEST_BYTES = flags.DEFINE_integer(
  "max_request_bytes",
  2**28,
  "larger requests are refused; REST takes 4/3 of the bytes of a file",
  lower_bound=1,
)
_MAX_CONCURRENT_REQUESTS = flags.DEFINE_integer(
  "max_concurrent_requests",
  1,
  "how many are computed at once; one uses all processors, and may take as much memory as the "
  "model allows; others wait",
  lower_bound=1,
)
_GRACE_SECONDS = flags.DEFINE_float(
  "grace_seconds", 8.0, "how long requests may take to end after SIGTERM", lower_bound=0.0
)

_POLL_SECONDS = 0.2
"""How soon a signal has an effect."""


def main(argv: list[str]) -> None:
  (base_path,) = program.require(argv, _MODEL_BASE_PATH)
  for package in ("grpc", "tensorflow_serving"):
    if importlib.util.find_spec(package) is None:
      raise CompressionError(
        f"the server needs {package}, of tensorflow-serving-api; pip install '.[serving]'"
      )

  from compression.serving import grpc_service, models, rest, warmup

  loaded = models.load(pathlib.Path(base_path), _MODEL_NAME.value)
  if _ENABLE_MODEL_WARMUP.value:
    for model in loaded:
      warmup.run(model)
  served = models.Models(loaded, _MAX_CONCURRENT_REQUESTS.value)
  host, limit = _HOST.value, _MAX_REQUEST_BYTES.value
  grpc_server = grpc_service.Server(served, host, _PORT.value, limit)
  rest_server = rest.Server(served, host, _REST_API_PORT.value, limit)
  signals = _first_signal()
  for server in (grpc_server, rest_server):
    server.start()
  names = ", ".join(f"{model.name}/{model.version}" for model in loaded)
  shown = f"[{host}]" if ":" in host else host
  print(
    f"serving {names}: gRPC at {shown}:{grpc_server.port}, "
    f"REST at http://{shown}:{rest_server.port}/v1/models",
    flush=True,
  )
  while not signals:
    time.sleep(_POLL_SECONDS)
  with futures.ThreadPoolExecutor() as both:
    stops = [both.submit(s.stop, _GRACE_SECONDS.value) for s in (grpc_server, rest_server)]
  finished = all(stop.result() for stop in stops)
  if not finished:
    program.warn(f"requests were cut off after {_GRACE_SECONDS.value:g} seconds")
  sys.stdout.flush()
  sys.stderr.flush()
  # At once: Python would wait for the threads of requests that go on.
  os._exit(0 if finished else program.EXIT_BAD_INPUT)


def _first_signal() -> list[int]:
  """A list that SIGTERM or SIGINT is put into; from then on they have their usual effect.

  A list, as a handler must not wait for the lock of an event that its own thread may hold.
  """
  signals: list[int] = []

  def handle(number: int, frame: object) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):
      signal.signal(each, signal.SIG_DFL)
    signals.append(number)

  for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, handle)
  return signals


if __name__ == "__main__":
  program.run(main)
