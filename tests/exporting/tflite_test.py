"""The TensorFlow Lite decoders: the images of the Python API, from the small runtime."""

from __future__ import annotations

import itertools
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from skimage import data

from compression import load, metrics
from compression.codecs.recurrent import litert, recurrence
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import FRAMEWORKS, UNITS
from compression.common.errors import ModelError, OutputError
from compression.exporting import TFLITE_FOLDER, VARIANTS, tflite, tflite_player
from tests import shared
from tests.exporting.examples import MODEL_ID, small_codec
from tests.near import assert_near_pixels

_SIZES = ((3, 5), (1, 1), (4, 4))
"""Blocks; after each other in one interpreter, which must not matter."""


def _play(folder: pathlib.Path, variant: str, *codes: np.ndarray) -> list[list[np.ndarray]]:
  """The images after each iteration of each code, with one interpreter and `decoder.json`."""
  folder = folder / TFLITE_FOLDER
  description = json.loads((folder / tflite.DESCRIPTION).read_text())
  states = [litert.State(**state) for state in description["states"]]
  step = tflite_player.load(folder / tflite.file_name(variant))
  return [
    list(litert.play(step, bits, litert.zero_states(states, *bits.shape[1:3]))) for bits in codes
  ]


# The graph joins them as the network does, whose tests try all pairs.
@pytest.mark.parametrize(("unit", "framework"), zip(UNITS, itertools.cycle(FRAMEWORKS)))
def test_every_unit_and_framework_decodes_as_the_python_api_does(
  tmp_path: pathlib.Path, unit: str, framework: str
) -> None:
  codec = small_codec(unit=unit, framework=framework)
  tflite.export(codec, tmp_path, ["float32"])
  rng = np.random.default_rng(2)
  codes = [rng.random([4, *size, codec.config.bits]) < 0.5 for size in _SIZES]
  for bits, images in zip(codes, _play(tmp_path, "float32", *codes)):
    assert np.std(images) > 1  # they say something
    signs = (tf.constant(np.where(layer, 1, -1)[np.newaxis], tf.float32) for layer in bits)
    states = recurrence.replay(codec.network.decode_step, signs)
    expected = [codec.network.to_pixels(state.x_hat[0]).numpy() for state in states]
    assert_near_pixels(np.stack(images), np.stack(expected))


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
  return data.astronaut()[100:300, 150:400]


@pytest.fixture(scope="session")  # slow tests of all modules run last
def released(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """All variants of the model for phones, fitted to another photo than they are tested on."""
  folder = tmp_path_factory.mktemp("released")
  crops = [data.chelsea()[:128, :128], data.coffee()[:128, :128]]
  tflite.export(load("mobile"), folder, VARIANTS, crops)
  return folder


@pytest.mark.slow
def test_variants_lose_little(released: pathlib.Path, photo: np.ndarray) -> None:
  codec, photo = load("mobile"), photo[:256, 128:384]
  bits = codec.encode(photo, 8)
  expected = list(codec.decode(bits))
  assert_near_pixels(np.stack(_play(released, "float32", bits)[0]), np.stack(expected))
  high, wide = photo.shape[:2]
  quality = [float(metrics.psnr(photo, image[:high, :wide])) for image in expected]
  # Decibels at the 4th and at the 8th iteration; errors of int8 grow with the iterations.
  for variant, four, eight in (("float16", 0.01, 0.02), ("dynamic", 0.03, 0.06), ("int8", 1, 3.5)):
    (images,) = _play(released, variant, bits)
    found = [float(metrics.psnr(photo, image[:high, :wide])) for image in images]
    assert quality[3] - found[3] < four and quality[7] - found[7] < eight, (variant, found)


@pytest.mark.slow
def test_what_stands_in_the_folder(released: pathlib.Path) -> None:
  codec, folder = load("mobile"), released / TFLITE_FOLDER
  sizes = [(folder / tflite.file_name(variant)).stat().st_size for variant in VARIANTS]
  weights = sum(v.shape.num_elements() for v in codec.network.decoder.variables)
  # A little graph beside the weights of 4, 2, 1 and 1 bytes.
  for size, each in zip(sizes, (4, 2, 1, 1)):
    assert weights * each < size < weights * each * 1.05 + 80_000
  description = json.loads((folder / tflite.DESCRIPTION).read_text())
  assert description["model_id"] == codec.model_id.hex()
  assert [state["stride"] for state in description["states"]] == [16, 8, 4, 2]
  assert codec.coder_folder is not None
  for file in codec.coder_folder.iterdir():
    assert (folder / "entropy_coder" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_operations_are_builtin_ones(released: pathlib.Path, variant: str) -> None:
  interpreter = Interpreter(str(released / TFLITE_FOLDER / tflite.file_name(variant)))
  names = {operation["op_name"] for operation in interpreter._get_ops_details()}
  assert "CONV_2D" in names and "DEPTH_TO_SPACE" in names
  # A phone's runtime has neither operations of TensorFlow nor of others, nor loops over lists.
  assert not [name for name in names if name.startswith(("Flex", "CUSTOM", "TensorList", "WHILE"))]


@pytest.mark.slow
def test_int8_multiplies_integers(released: pathlib.Path) -> None:
  interpreter = Interpreter(str(released / TFLITE_FOLDER / tflite.file_name("int8")))
  dtypes = {
    np.dtype(tensor["dtype"])
    for tensor in interpreter.get_tensor_details()
    if tensor["name"].startswith("decoder/rnn")
  }
  assert np.dtype(np.float32) not in dtypes and np.dtype(np.int8) in dtypes


@pytest.mark.slow
@pytest.mark.parametrize("name", shared.FOR_PHOTOS)
def test_every_released_model_exports(
  tmp_path: pathlib.Path, released: pathlib.Path, name: str
) -> None:
  codec = load(name)
  if name == "mobile":
    tmp_path = released
  else:
    tflite.export(codec, tmp_path, ["float16"])
  bits = codec.encode(data.camera()[:40, :50, np.newaxis].repeat(3, -1), 2)
  assert len(_play(tmp_path, "float16", bits)[0]) == 2


def test_a_model_without_an_entropy_coder(tmp_path: pathlib.Path) -> None:
  tflite.export(small_codec(unit="gru"), tmp_path, ["dynamic"])
  assert sorted(file.name for file in (tmp_path / TFLITE_FOLDER).iterdir()) == [
    tflite.DESCRIPTION,
    tflite.file_name("dynamic"),
  ]
  description = json.loads((tmp_path / TFLITE_FOLDER / tflite.DESCRIPTION).read_text())
  assert description["model_id"] == MODEL_ID.hex()


def test_a_primed_model_is_refused(tmp_path: pathlib.Path) -> None:
  with pytest.raises(ModelError, match="is primed, which TensorFlow Lite's decoder cannot be"):
    tflite.export(small_codec(priming=1), tmp_path, ["float32"])
  assert not list(tmp_path.iterdir())


def test_a_codec_is_left_as_it_was(tmp_path: pathlib.Path) -> None:
  """The exported form of the residual GRU is another one; the codec goes on with its own."""
  codec: RecurrentCodec = small_codec()
  bits = np.random.default_rng(3).random([3, 2, 2, codec.config.bits]) < 0.5
  before = list(codec.decode(bits))
  tflite.export(codec, tmp_path, ["float32"])
  assert all(cell.joint_skip for cell in codec.network.decoder.cells)
  assert_near_pixels(np.stack(list(codec.decode(bits))), np.stack(before))


def test_a_folder_that_cannot_be_written(tmp_path: pathlib.Path) -> None:
  (tmp_path / TFLITE_FOLDER).touch()
  with pytest.raises(OutputError, match="cannot be written"):
    tflite.export(small_codec(unit="gru"), tmp_path, ["float32"])
