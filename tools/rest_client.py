"""Compresses a photo on a server, and decompresses it again: a client of TensorFlow Serving's REST.

  python tools/rest_client.py photo.jpg photo.rnic [--iterations=8] [--server=localhost:8501]
  python tools/rest_client.py photo.rnic photo.png

The server is TensorFlow Serving, or `python -m compression.serve`, with the models `encoder` and
`decoder` of an export. It takes PNG and JPEG files, and their colours for sRGB: what else a photo
may be is resolved here, as `compression.compress` does it. An example to copy: `predict` and
`convert` need the standard library alone.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import pathlib
import sys
from typing import Any

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression.common import files
from compression.common.errors import CompressionError
from compression.images.photos import plain_file


class ServerError(Exception):
  """What the server answered instead of an output."""


def predict(server: str, model: str, signature: str, inputs: dict[str, Any], seconds: float) -> Any:
  """The only output of a signature.

  Raises:
    ServerError: if the server refuses the request, or is none of TensorFlow Serving.
    OSError, http.client.HTTPException: if there is no server, or no answer.
  """
  connection = http.client.HTTPConnection(server, timeout=seconds)
  try:
    body = json.dumps({"signature_name": signature, "inputs": inputs})
    headers = {"Content-Type": "application/json"}
    connection.request("POST", f"/v1/models/{model}:predict", body, headers)
    response = connection.getresponse()
    text = response.read()
  finally:
    connection.close()
  try:
    answer = json.loads(text)
    if response.status == http.client.OK:
      return answer["outputs"]
    message = answer["error"]
  except (ValueError, KeyError, TypeError):
    message = f"HTTP {response.status} {response.reason}, and no answer of TensorFlow Serving"
  raise ServerError(message)


def convert(data: bytes, compress: bool, options: argparse.Namespace) -> bytes:
  """The .rnic file of a photo, or the PNG file of an .rnic file."""
  content = [{"b64": base64.b64encode(data).decode()}]
  if compress:
    model, signature = "encoder", "encode_bytes"
    inputs = {"image_bytes": content, "iterations": options.iterations}
  else:
    model, signature = "decoder", "decode_bytes"
    inputs = {"codes_bytes": content}
  (output,) = predict(options.server, model, signature, inputs, options.timeout)
  return base64.b64decode(output["b64"])


def main() -> str | None:
  """Returns what went wrong, if anything."""
  parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  parser.add_argument("source", help="a photo, PNG or JPEG, or an .rnic file")
  parser.add_argument("target", help="the .rnic file, or the PNG file")
  parser.add_argument("--server", default="localhost:8501", help="HOST:PORT of its REST interface")
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
    return f"{error.filename or options.server}: {error.strerror or error}"
  except (ServerError, http.client.HTTPException) as error:
    return f"{options.server}: {error}"
  return None


if __name__ == "__main__":
  problem = main()
  if problem is not None:
    sys.exit(f"error: {' '.join(problem.split())}")
