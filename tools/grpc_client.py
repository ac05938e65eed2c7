"""Compresses a photo on a server, and decompresses it again: a client of TensorFlow Serving's gRPC.

  python tools/grpc_client.py photo.jpg photo.rnic [--iterations=8] [--server=localhost:8500]
  python tools/grpc_client.py photo.rnic photo.png

The server is TensorFlow Serving, or `python -m compression.serve`, with the models `encoder` and
`decoder` of an export. It takes PNG and JPEG files, and their colours for sRGB: what else a photo
may be is resolved here, as `compression.compress` does it. An example to copy: `predict` and
`convert` need the package tensorflow-serving-api alone.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from typing import Any

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression.common import files
from compression.common.errors import CompressionError
from compression.images.photos import plain_file

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's own messages


class ServerError(Exception):
  """What the server answered instead of outputs, or that there is none."""


def predict(
  server: str, model: str, signature: str, inputs: dict[str, Any], seconds: float
) -> dict[str, Any]:
  """The outputs of a signature, NumPy arrays as the inputs are.

  Raises:
    ServerError: if the server refuses the request, or does not answer.
  """
  import grpc
  import tensorflow as tf
  from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

  request = predict_pb2.PredictRequest()
  request.model_spec.name = model
  request.model_spec.signature_name = signature
  for name, value in inputs.items():
    request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
  unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
  with grpc.insecure_channel(server, options=unlimited) as channel:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    try:
      outputs = stub.Predict(request, timeout=seconds).outputs
    except grpc.RpcError as error:
      raise ServerError(error.details()) from error
  return {name: tf.make_ndarray(output) for name, output in outputs.items()}


def convert(data: bytes, compress: bool, options: argparse.Namespace) -> bytes:
  """The .rnic file of a photo, or the PNG file of an .rnic file."""
  import numpy as np

  if compress:
    model, signature, output = "encoder", "encode_bytes", "codes_bytes"
    inputs = {"image_bytes": [data], "iterations": np.int32(options.iterations)}
  else:
    model, signature, output = "decoder", "decode_bytes", "image_bytes"
    inputs = {"codes_bytes": [data]}
  (result,) = predict(options.server, model, signature, inputs, options.timeout)[output]
  return bytes(result)


def main() -> str | None:
  """Returns what went wrong, if anything."""
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("source", help="a photo, PNG or JPEG, or an .rnic file")
  parser.add_argument("target", help="the .rnic file, or the PNG file")
  parser.add_argument("--server", default="localhost:8500", help="HOST:PORT of its gRPC interface")
  parser.add_argument("--iterations", type=int, default=8, help="quality (default: 8)")
  parser.add_argument("--timeout", type=float, default=300, help="seconds (default: 300)")
  parser.add_argument("--overwrite", action="store_true", help="replace the target if it exists")
  options = parser.parse_args()
  compress = options.target.endswith(".rnic")
  if compress == options.source.endswith(".rnic"):
    parser.error("one of the two files must be an .rnic file")
  try:
    files.check_output(options.target, options.overwrite, options.source)
    with open(options.source, "rb") as file:
      data, notes = plain_file(file, options.source) if compress else (file.read(), ())
    if notes:
      print(f"{options.source}: {'; '.join(notes)}")
    output = convert(data, compress, options)
    with files.atomic_write(options.target, options.overwrite) as target:
      target.write(output)
  except CompressionError as error:
    return str(error)
  except OSError as error:
    return f"{error.filename}: {error.strerror}"
  except ImportError as error:
    return f"the package tensorflow-serving-api is missing: {error}"
  except ServerError as error:
    return f"{options.server}: {error}"
  return None


if __name__ == "__main__":
  problem = main()
  if problem is not None:
    sys.exit(f"error: {' '.join(problem.split())}")
