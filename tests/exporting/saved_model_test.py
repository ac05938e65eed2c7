"""SavedModels: what they give is what the Python API gives, also where this package is not."""

from __future__ import annotations

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
from compression.codecs import model_folders
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import FRAMEWORKS, UNITS
from compression.common.errors import OutputError
from compression.exporting import warmup
from compression.exporting.saved_model import DecoderModule, EncoderModule, export
from tests.exporting.examples import encoded, pixels, small_codec

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

folder = sys.argv[1]
with open("requests", "rb") as file:
  requests = pickle.load(file)
answers, ops = [], {}
loaded = {name: tf.saved_model.load(f"{folder}/{name}/1") for name in ("encoder", "decoder")}
for model, signature, inputs in requests:
  function = loaded[model].signatures[signature]
  answer = function(**{name: tf.constant(value) for name, value in inputs.items()})
  answers.append({name: value.numpy() for name, value in answer.items()})
for name in loaded:
  with open(f"{folder}/{name}/1/saved_model.pb", "rb") as file:
    graph = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs[0].graph_def
  nodes = [node for part in (graph.node, *(f.node_def for f in graph.library.function))
           for node in part]
  for node in nodes:
    ops[node.op] = op_def_registry.get(node.op) is not None
with open("answers", "wb") as file:
  pickle.dump((answers, ops, sorted(m for m in sys.modules if m.startswith("compression."))), file)
"""


class Exported:
  """A codec and the folder that it was exported to."""

  def __init__(self, codec: RecurrentCodec, folder: pathlib.Path):
    self.codec = codec
    self.folder = folder
    export(codec, folder)
    self.encoder = tf.saved_model.load(str(folder / "encoder/1"))
    self.decoder = tf.saved_model.load(str(folder / "decoder/1"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
  """A small model."""
  return Exported(small_codec(), tmp_path_factory.mktemp("small"))


def _cut(photo: np.ndarray, height: int, width: int, count: int) -> np.ndarray:
  """Different parts of the photo: [count, height, width, 3]."""
  return np.stack([photo[50 * n : 50 * n + height, 90 + n : 90 + n + width] for n in range(count)])


def _expected(
  codec: RecurrentCodec, images: np.ndarray, iterations: int
) -> tuple[np.ndarray, np.ndarray]:
  """What the API gives: codes [N, T, h, w, bits / 8] and images [N, T, H, W, 3]."""
  _, height, width, _ = images.shape
  bits = [codec.encode(image, iterations) for image in images]
  codes = np.stack([np.packbits(of_one, axis=-1) for of_one in bits])
  decoded = np.stack([list(codec.decode(of_one)) for of_one in bits])
  return codes, decoded[:, :, :height, :width]


# The same as the Python API


@pytest.mark.parametrize("count,height,width", [(1, 1, 1), (3, 33, 47), (2, 16, 32)])
def test_codes_and_pixels_are_those_of_the_api(exported, photo, count, height, width):
  images = _cut(photo, height, width, count)
  for iterations in (1, 4):
    codes, decoded = _expected(exported.codec, images, iterations)
    found = exported.encoder.encode(images, iterations)
    np.testing.assert_array_equal(found["codes"], codes)
    np.testing.assert_array_equal(found["shape"], [height, width])
    np.testing.assert_array_equal(exported.decoder.decode(**found)["image"], decoded[:, -1])
    np.testing.assert_array_equal(exported.decoder.decode_all(**found)["image"], decoded)
    fewer = exported.decoder.decode(found["codes"][:, :1], found["shape"])["image"]
    np.testing.assert_array_equal(fewer, decoded[:, 0])


def test_files_are_those_of_the_api_whatever_their_sizes(exported, photo):
  codec = exported.codec
  images = [photo[:1, :1], photo[7:57, 100:133], photo[200:216, 80:144]]
  found = exported.encoder.encode_bytes([encoded(image) for image in images], 3)["codes_bytes"]
  files = [codec.compress(image, 3) for image in images]
  assert list(found.numpy()) == files
  decoded = exported.decoder.decode_bytes([*files, files[1][:-1]])["image_bytes"].numpy()
  for file, image in zip(files, decoded):
    np.testing.assert_array_equal(pixels(image), codec.decompress(file))
  np.testing.assert_array_equal(pixels(decoded[3]), codec.decompress(files[1], 2))


def test_iterations_may_be_left_out(exported, photo):
  images = _cut(photo, 20, 20, 1)
  most = exported.codec.config.iterations  # fewer than the usual 8
  np.testing.assert_array_equal(
    exported.encoder.encode(images)["codes"], exported.encoder.encode(images, most)["codes"]
  )
  image = encoded(images[0])
  file = exported.encoder.encode_bytes([image])["codes_bytes"].numpy()[0]
  assert file == exported.codec.compress(images[0], most)


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_and_framework_is_exported(tmp_path, photo, unit, framework):
  codec = small_codec(unit=unit, framework=framework, use_bias=True, bits=16, pixel_range=0.9)
  exported = Exported(codec, tmp_path)
  images = _cut(photo, 30, 50, 3)
  codes, decoded = _expected(codec, images, 3)
  found = exported.encoder.encode(images, 3)
  np.testing.assert_array_equal(found["codes"], codes)
  np.testing.assert_array_equal(exported.decoder.decode_all(**found)["image"], decoded)


def _run_without_the_package(folder: pathlib.Path, requests: list, cwd: pathlib.Path) -> list:
  """The answers of a process that cannot import `compression`; checks the operations."""
  (cwd / "requests").write_bytes(pickle.dumps(requests))
  command = [sys.executable, "-I", "-c", PROGRAM, str(folder)]
  done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  answers, ops, ours = pickle.loads((cwd / "answers").read_bytes())
  assert not ours
  assert [op for op, known in ops.items() if not known] == []
  assert not PYTHON_OPS & set(ops)
  assert {"Conv2D", "Assert"} < set(ops)
  return answers


@pytest.mark.slow
@pytest.mark.parametrize("name", [model.name for model in model_folders.models()])
def test_every_registered_model_runs_where_this_package_is_not(name, tmp_path, photo):
  codec = compression.load(name)
  export(codec, tmp_path / "export")
  requests, expected = [], []
  most = codec.config.iterations
  for images, iterations in (
    (_cut(photo, 1, 1, 1), most),
    (_cut(photo, 61, 83, 3), 1),
    (_cut(photo, 61, 83, 3), most),
  ):
    codes, decoded = _expected(codec, images, iterations)
    shape = np.array(images.shape[1:3], np.int32)
    encode = {"image": images, "iterations": np.int32(iterations)}
    decode = {"codes": codes, "shape": shape}
    requests += [("encoder", key, encode) for key in ("serving_default", "encode")]
    expected += [decode, decode]
    requests += [("decoder", key, decode) for key in ("serving_default", "decode", "decode_all")]
    expected += [{"image": decoded[:, -1]}, {"image": decoded[:, -1]}, {"image": decoded}]
  images = [photo[:50, :70], photo[300:317, 40:41]]
  files = [codec.compress(image, 2, entropy_coder="none") for image in images]
  requests += [
    (
      "encoder",
      "encode_bytes",
      {"image_bytes": [encoded(image) for image in images], "iterations": np.int32(2)},
    ),
    ("decoder", "decode_bytes", {"codes_bytes": files}),
  ]
  *answers, codes_bytes, image_bytes = _run_without_the_package(
    tmp_path / "export", requests, tmp_path
  )
  for request, answer, right in zip(requests, answers, expected):
    assert set(answer) == set(right), request[:2]
    for key, value in right.items():
      np.testing.assert_array_equal(answer[key], value, err_msg=str(request[:2]))
  assert list(codes_bytes["codes_bytes"]) == files
  for file, image in zip(files, image_bytes["image_bytes"]):
    np.testing.assert_array_equal(pixels(image), codec.decompress(file))


@pytest.mark.slow
def test_other_programs_of_tensorflow_run_them(exported, photo, tmp_path):
  cli = [str(pathlib.Path(sys.executable).parent / "saved_model_cli")]
  environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}

  def run(*arguments: str) -> str:
    done = subprocess.run(
      [*cli, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

  shown = run("show", "--dir", str(exported.folder / "encoder/1"), "--all")
  for signature in ("encode", "encode_bytes", "serving_default"):
    assert f"signature_def['{signature}']" in shown
  assert re.search(r"inputs\['image'\].*\s+dtype: DT_UINT8\s+shape: \(-1, -1, -1, 3\)", shown)
  assert re.search(r"outputs\['codes'\].*\s+dtype: DT_UINT8\s+shape: \(-1, -1, -1, -1, 4\)", shown)
  assert re.search(r"outputs\['codes_bytes'\].*\s+dtype: DT_STRING\s+shape: \(-1\)", shown)

  images = _cut(photo, 21, 40, 3)
  np.save(tmp_path / "image.npy", images)
  tags = ["--tag_set", "serve", "--signature_def"]
  encode = ["run", "--dir", str(exported.folder / "encoder/1"), *tags, "encode"]
  run(*encode, "--inputs", "image=image.npy", "--input_exprs", "iterations=2", "--outdir", ".")
  decode = ["run", "--dir", str(exported.folder / "decoder/1"), *tags, "decode"]
  run(*decode, "--inputs", "codes=codes.npy;shape=shape.npy", "--outdir", "decoded")
  codes, decoded = _expected(exported.codec, images, 2)
  np.testing.assert_array_equal(np.load(tmp_path / "codes.npy"), codes)
  np.testing.assert_array_equal(np.load(tmp_path / "decoded/image.npy"), decoded[:, -1])


def test_a_session_fills_in_the_iterations(exported, photo):
  images = _cut(photo, 16, 16, 1)
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    loaded = tf.compat.v1.saved_model.load(
      session, ["serve"], str(exported.folder / "encoder/1")
    ).signature_def["encode"]
    assert tf.make_ndarray(loaded.defaults["iterations"]) == exported.codec.config.iterations
    found = session.run(loaded.outputs["codes"].name, {loaded.inputs["image"].name: images})
  np.testing.assert_array_equal(found, exported.encoder.encode(images)["codes"])


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
  encoder, decoder = EncoderModule(exported.codec), DecoderModule(exported.codec)
  requests = warmup.requests(encoder, decoder, exported.codec.config)
  for name, loaded in (("encoder", exported.encoder), ("decoder", exported.decoder)):
    assert set(requests[name]) == set(loaded.signatures) - {"serving_default"}
    records = tf.data.TFRecordDataset(str(exported.folder / name / "1" / warmup.FILE))
    assert len(list(records)) == len(requests[name])
    for signature, inputs in requests[name].items():
      loaded.signatures[signature](**inputs)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
  (tmp_path / "encoder").touch()
  with pytest.raises(OutputError, match="encoder/1: cannot be written"):
    export(small_codec(), tmp_path)


# What is refused


@pytest.fixture(scope="module")
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
    ([1, 16384, 16384, 3], 1, r"pixels are too many to run at once.*\[268435456\]"),
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
