"""SavedModels: what they give is what the Python API gives, also where this package is not."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import compression
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import FRAMEWORKS, UNITS
from compression.common.errors import OutputError
from compression.exporting import saved_model, warmup
from compression.exporting.saved_model import export
from compression.formats import rnic
from tests.exporting.examples import (
  assert_codes,
  codes_of,
  encoded,
  export_networks,
  pixels,
  small_codec,
)
from tests.near import assert_near_pixels

# What a server that is no Python program cannot run, though TensorFlow knows it.
PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}

# A program without this package, in a folder that is not ours. It runs the requests that it finds.
PROGRAM = """
import os, pickle, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.modules["compression"] = None
import tensorflow as tf
from tensorflow.python.framework import op_def_registry
from tensorflow.core.protobuf import saved_model_pb2

with open("requests", "rb") as file:
  requests = pickle.load(file)
answers, ops, loaded = [], {}, {}
for folder, signature, inputs in requests:
  if folder not in loaded:
    loaded[folder] = tf.saved_model.load(folder)
  function = loaded[folder].signatures[signature]
  answer = function(**{name: tf.constant(value) for name, value in inputs.items()})
  answers.append({name: value.numpy() for name, value in answer.items()})
for folder in loaded:
  with open(f"{folder}/saved_model.pb", "rb") as file:
    graph = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs[0].graph_def
  nodes = [node for part in (graph.node, *(f.node_def for f in graph.library.function))
           for node in part]
  for node in nodes:
    ops[node.op] = op_def_registry.get(node.op) is not None
with open("answers", "wb") as file:
  pickle.dump((answers, ops, sorted(m for m in sys.modules if m.startswith("compression."))), file)
"""


class Exported:
  """A codec, the folder that it was exported to, and what programs load from there."""

  def __init__(self, codec: RecurrentCodec, folder: pathlib.Path):
    self.codec = codec
    self.folder = folder
    self.encoder = tf.saved_model.load(str(folder / "encoder/1"))
    self.decoder = tf.saved_model.load(str(folder / "decoder/1"))


@pytest.fixture(scope="session")  # slow tests of all modules run last
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
  """A small model, of the unit that is traced soonest."""
  codec, folder = small_codec(unit="lstm"), tmp_path_factory.mktemp("small")
  export(codec, folder)
  return Exported(codec, folder)


def _cut(photo: np.ndarray, height: int, width: int, count: int) -> np.ndarray:
  """Different parts of the photo: [count, height, width, 3]."""
  return np.stack([photo[50 * n : 50 * n + height, 90 + n : 90 + n + width] for n in range(count)])


def _decoded(codec: RecurrentCodec, codes: np.ndarray, height: int, width: int) -> np.ndarray:
  """What the API makes of codes [N, T, h, w, bits / 8]: images [N, T, H, W, 3]."""
  bits = np.unpackbits(codes, axis=-1).astype(bool)
  return np.stack([list(codec.decode(of_one)) for of_one in bits])[:, :, :height, :width]


# The same as the Python API: codes but for what rounding decides, and the pixels of the same codes.


@pytest.mark.parametrize("count,height,width", [(1, 1, 1), (3, 33, 47), (2, 16, 32)])
def test_codes_and_pixels_are_those_of_the_api(exported, photo, count, height, width):
  images = _cut(photo, height, width, count)
  for iterations in (1, 4):
    found = exported.encoder.encode(images, iterations)
    np.testing.assert_array_equal(found["shape"], [height, width])
    codes = found["codes"].numpy()
    assert codes.shape[:2] == (count, iterations)
    assert_codes(exported.codec.network, images, codes)
    decoded = _decoded(exported.codec, codes, height, width)
    assert_near_pixels(exported.decoder.decode(**found)["image"].numpy(), decoded[:, -1])
    assert_near_pixels(exported.decoder.decode_all(**found)["image"].numpy(), decoded)
    fewer = exported.decoder.decode(codes[:, :1], found["shape"])["image"]
    assert_near_pixels(fewer.numpy(), decoded[:, 0])


def test_files_are_those_of_the_api_whatever_their_sizes(exported, photo):
  codec = exported.codec
  images = [photo[:1, :1], photo[7:57, 100:133], photo[200:216, 80:144]]
  files = exported.encoder.encode_bytes([encoded(image) for image in images], 3)["codes_bytes"]
  files = list(files.numpy())
  for file, image in zip(files, images):
    assert rnic.read_header(file) == rnic.read_header(codec.compress(image, 3))
    assert_codes(codec.network, image[np.newaxis], codes_of(codec, file))
  decoded = exported.decoder.decode_bytes([*files, files[1][:-1]])["image_bytes"].numpy()
  for file, image in zip(files, decoded):
    assert_near_pixels(pixels(image), codec.decompress(file))
  assert_near_pixels(pixels(decoded[3]), codec.decompress(rnic.prefix(files[1], 2)))


def test_iterations_may_be_left_out(exported, photo):
  images = _cut(photo, 20, 20, 1)
  most = exported.codec.config.iterations  # fewer than the usual 8
  assert exported.encoder.encode(images)["codes"].shape[1] == most
  file = exported.encoder.encode_bytes([encoded(images[0])])["codes_bytes"].numpy()[0]
  assert rnic.read_header(file).layers == most


# The graph joins them as the network does, whose tests try all pairs; half of them primed.
PAIRS = [
  *zip(UNITS, itertools.cycle(FRAMEWORKS)),
  ("toderici2016_conv_lstm", "one_shot"),
  ("toderici2016_conv", "additive"),
]
MODELS = [(*pair, priming) for pair, priming in zip(PAIRS, itertools.cycle((2, 0)))]


@pytest.mark.slow
@pytest.mark.parametrize(("unit", "framework", "priming"), MODELS)
def test_every_unit_and_framework_is_exported_primed_or_not(
  tmp_path, photo, unit, framework, priming
):
  """One signature of each; how the others differ from it has nothing to do with the networks."""
  config = {"unit": unit, "framework": framework, "priming": priming}
  codec = small_codec(**config, use_bias=True, bits=16, pixel_range=0.9)
  export_networks(codec, tmp_path)
  exported = Exported(codec, tmp_path)
  images = _cut(photo, 17, 40, 2)
  found = exported.encoder.encode(images, 3)
  expected = assert_codes(codec.network, images, found["codes"].numpy())
  assert_near_pixels(exported.decoder.decode_all(**found)["image"].numpy(), expected)


def _run_without_the_package(folder: pathlib.Path, requests: list) -> list:
  """The answers of a process in a folder, without `compression`; checks the operations."""
  (folder / "requests").write_bytes(pickle.dumps(requests))
  command = [sys.executable, "-I", "-c", PROGRAM]
  done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  answers, ops, ours = pickle.loads((folder / "answers").read_bytes())
  assert not ours
  assert [op for op, known in ops.items() if not known] == []
  assert not PYTHON_OPS & set(ops)
  assert {"Conv2D", "Assert"} < set(ops)
  return answers


@pytest.mark.slow
def test_what_is_exported_runs_where_this_package_is_not(exported, photo, tmp_path):
  codec = exported.codec
  images, one_pixel = _cut(photo, 33, 47, 2), _cut(photo, 1, 1, 1)
  most = codec.config.iterations
  codes = np.stack([np.packbits(codec.encode(image, most), axis=-1) for image in images])
  decode = {"codes": codes, "shape": np.array([33, 47], np.int32)}
  encode = {"image": images, "iterations": np.int32(most)}
  encode_one = {"image": one_pixel, "iterations": np.int32(1)}
  files = [codec.compress(image, 2, entropy_coder="none") for image in (*images, one_pixel[0])]
  of_files = {"image_bytes": [encoded(image) for image in images], "iterations": np.int32(2)}
  requests = [
    ("encoder/1", "encode", encode),
    ("encoder/1", "serving_default", encode_one),
    ("encoder/1", "encode_bytes", of_files),
    ("decoder/1", "decode", decode),
    ("decoder/1", "serving_default", decode),
    ("decoder/1", "decode_all", decode),
    ("decoder/1", "decode_bytes", {"codes_bytes": files}),
  ]
  requests = [(str(exported.folder / part), *request) for part, *request in requests]
  answers = iter(_run_without_the_package(tmp_path, requests))
  for asked in (images, one_pixel):
    answer = next(answers)
    assert set(answer) == {"codes", "shape"} and list(answer["shape"]) == list(asked.shape[1:3])
    assert_codes(codec.network, asked, answer["codes"])
  for image, file in zip(images, next(answers)["codes_bytes"]):
    assert_codes(codec.network, image[np.newaxis], codes_of(codec, file))
  decoded = _decoded(codec, codes, 33, 47)
  for expected in (decoded[:, -1], decoded[:, -1], decoded):
    answer = next(answers)
    assert set(answer) == {"image"}
    assert_near_pixels(answer["image"], expected)
  for file, image in zip(files, next(answers)["image_bytes"]):
    assert_near_pixels(pixels(image), codec.decompress(file))


# Runs `saved_model_cli` with each of these arguments; TensorFlow is imported once for all.
CLI = """
import json, os, sys
from tensorflow.python.tools import saved_model_cli

for arguments in json.loads(sys.argv[1]):
  if os.fork() == 0:
    sys.argv = ["saved_model_cli", *arguments]
    saved_model_cli.main()
  assert os.wait()[1] == 0, arguments
"""


@pytest.mark.slow
def test_other_programs_of_tensorflow_run_them(exported, photo, tmp_path):
  images = _cut(photo, 21, 40, 3)
  np.save(tmp_path / "image.npy", images)
  encoder, decoder = (str(exported.folder / name / "1") for name in ("encoder", "decoder"))
  inputs = ["--inputs", "image=image.npy", "--input_exprs", "iterations=2"]
  tags = ["--tag_set", "serve", "--signature_def"]
  arguments = [
    ["show", "--dir", encoder, "--all"],
    ["run", "--dir", encoder, *tags, "encode", *inputs, "--outdir", "."],
    ["run", "--dir", decoder, *tags, "decode", "--inputs", "codes=codes.npy;shape=shape.npy"],
  ]
  arguments[-1] += ["--outdir", "decoded"]
  done = subprocess.run(
    [sys.executable, "-c", CLI, json.dumps(arguments)],
    cwd=tmp_path,
    env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  shown = done.stdout
  for signature in ("encode", "encode_bytes", "serving_default"):
    assert f"signature_def['{signature}']" in shown
  assert re.search(r"inputs\['image'\].*\s+dtype: DT_UINT8\s+shape: \(-1, -1, -1, 3\)", shown)
  assert re.search(r"outputs\['codes'\].*\s+dtype: DT_UINT8\s+shape: \(-1, -1, -1, -1, 4\)", shown)
  assert re.search(r"outputs\['codes_bytes'\].*\s+dtype: DT_STRING\s+shape: \(-1\)", shown)
  codes = np.load(tmp_path / "codes.npy")
  assert codes.shape[1] == 2
  assert_codes(exported.codec.network, images, codes)
  decoded = _decoded(exported.codec, codes, 21, 40)[:, -1]
  assert_near_pixels(np.load(tmp_path / "decoded/image.npy"), decoded)


def test_a_session_fills_in_the_iterations(exported, photo):
  images = _cut(photo, 16, 16, 1)
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    loaded = tf.compat.v1.saved_model.load(
      session, ["serve"], str(exported.folder / "encoder/1")
    ).signature_def["encode"]
    assert tf.make_ndarray(loaded.defaults["iterations"]) == exported.codec.config.iterations
    found = session.run(loaded.outputs["codes"].name, {loaded.inputs["image"].name: images})
  assert found.shape[1] == exported.codec.config.iterations
  assert_codes(exported.codec.network, images, found)


# What is written


def test_the_folder_is_what_a_server_expects_and_tells_nothing_of_this_machine(exported):
  files = {path.relative_to(exported.folder) for path in exported.folder.rglob("*.pb")}
  assert {path.as_posix() for path in files} == {
    f"{name}/1/{file}.pb"
    for name in ("encoder", "decoder")
    for file in ("saved_model", "fingerprint")
  }
  for path in exported.folder.rglob("*"):
    if path.is_file():
      content = path.read_bytes()
      assert str(pathlib.Path(compression.__file__).parent).encode() not in content, path
      assert str(exported.folder).encode() not in content, path


def test_the_decoder_does_not_carry_the_encoder(exported):
  sizes = {
    name: sum(file.stat().st_size for file in (exported.folder / name).rglob("variables.data*"))
    for name in ("encoder", "decoder")
  }
  assert sizes["decoder"] < 0.6 * sizes["encoder"]


def test_the_warm_up_requests_are_requests_for_every_signature(exported):
  requests = warmup.requests(exported.codec.config, exported.codec.model_id)
  for name, loaded in (("encoder", exported.encoder), ("decoder", exported.decoder)):
    assert set(requests[name]) == set(loaded.signatures) - {"serving_default"}
    records = tf.data.TFRecordDataset(str(exported.folder / name / "1" / warmup.FILE))
    assert len(list(records)) == len(requests[name])
    for signature, inputs in requests[name].items():
      loaded.signatures[signature](**inputs)


class _Tiny(tf.Module):
  SIGNATURES = ("encode",)

  def __init__(self, *_: object):
    super().__init__()
    self.encode = tf.function(lambda x: {"y": x}, [tf.TensorSpec([], tf.int32, "x")])

  def signature(self, name):
    return getattr(self, name)


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
  monkeypatch.setattr(saved_model, "EncoderModule", _Tiny)  # the networks take seconds
  (tmp_path / "encoder").touch()
  with pytest.raises(OutputError, match="encoder/1: cannot be written"):
    export(small_codec(), tmp_path)


# What is refused


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int32, np.int8, bool])
def test_images_that_are_not_uint8_are_refused_and_not_cast(exported, dtype):
  images = np.ones([1, 16, 16, 3], dtype)
  for image in (images, tf.constant(images)):
    with pytest.raises(ValueError, match=rf"(?s)dtype={np.dtype(dtype).name}.*dtype=tf.uint8"):
      exported.encoder.encode(image, 1)


@pytest.fixture(scope="session")
def refused(exported):
  """Asserts that a signature refuses inputs with these words."""

  def refused(model: str, signature: str, message: str, **inputs: object) -> None:
    function = getattr(exported, model).signatures[signature]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
      function(**{name: tf.constant(value) for name, value in inputs.items()})

  return refused


@pytest.mark.parametrize(
  "shape,iterations,message",
  [
    ([1, 16, 16, 3], 0, r"iterations must be 1 to 4.*\[0\]"),
    ([1, 16, 16, 3], 5, r"iterations must be 1 to 4.*\[5\]"),
    ([1, 16, 16, 4], 1, r"image must be uint8 \[N, H, W, 3\].*\[1 16 16 4\]"),
    ([1, 16, 16, 1], 1, r"image must be uint8 \[N, H, W, 3\].*\[1 16 16 1\]"),
    ([16, 16, 3], 1, r"image must be uint8 \[N, H, W, 3\].*\[16 16 3\]"),
    ([1, 0, 16, 3], 1, r"image must not be empty.*\[1 0 16 3\]"),
    ([0, 16, 16, 3], 1, r"image must not be empty.*\[0 16 16 3\]"),
    ([2**20, 1, 1, 3], 1, r"pixels are too many to run at once.*\[268435456\]"),
  ],
)
def test_the_encoder_refuses(refused, shape, iterations, message):
  image = np.broadcast_to(np.uint8(0), shape)
  refused("encoder", "encode", message, image=image, iterations=np.int32(iterations))


@pytest.mark.parametrize(
  "codes,shape,message",
  [
    ([1, 2, 3, 4, 3], [48, 64], r"codes must be uint8 \[N, T, h, w, 4\].*\[1 2 3 4 3\]"),
    ([1, 2, 3, 4, 8], [48, 64], r"codes must be uint8 \[N, T, h, w, 4\].*\[1 2 3 4 8\]"),
    ([2, 3, 4, 4], [48, 64], r"codes must be uint8 \[N, T, h, w, 4\].*\[2 3 4 4\]"),
    ([1, 0, 3, 4, 4], [48, 64], "codes must not be empty"),
    ([1, 5, 3, 4, 4], [48, 64], r"iterations must be 1 to 4.*\[5\]"),
    (
      [1, 2, 3, 4, 4],
      [49, 64],
      r"shape must be that of an image.*\[49 64\] .* \[3\] \[4\]",
    ),
    ([1, 2, 3, 4, 4], [48, 48], "shape must be that of an image"),
    ([1, 2, 1, 1, 4], [0, 1], "shape must be that of an image"),
  ],
)
@pytest.mark.parametrize("signature", ["decode", "decode_all"])
def test_the_decoder_refuses(refused, signature, codes, shape, message):
  inputs = {"codes": np.zeros(codes, np.uint8), "shape": np.array(shape, np.int32)}
  refused("decoder", signature, message, **inputs)


def test_files_that_are_none_are_refused(refused, photo):
  image = encoded(photo[:20, :20])
  refused("encoder", "encode_bytes", "neither a PNG", image_bytes=[image, b"x"], iterations=1)
  refused("encoder", "encode_bytes", "iterations must be", image_bytes=[image], iterations=17)
  refused("decoder", "decode_bytes", "not an .rnic file", codes_bytes=[image])
