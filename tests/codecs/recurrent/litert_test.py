"""The decoder in int8: nearly the same pixels, of files that are the same; of which weights."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

import compression
from compression.codecs import model_folders, registry
from compression.codecs.base import MissingCodecError, Options
from compression.codecs.recurrent import litert, tiling
from compression.codecs.recurrent.codec import RecurrentCodec, load
from compression.common.errors import FormatError, ModelError
from compression.exporting import tflite
from compression.formats import rnic
from compression.metrics import psnr
from tests import shared
from tests.exporting.examples import save_small_model
from tests.near import assert_near_pixels

RELEASED = shared.FOR_PHOTOS

LOSS = 0.05
"""Decibels on a photo, up to 8 iterations; on Kodak it is 0.02 after 8, and 0.05 after 16."""

FEW_PIXELS_LOSS = 0.2
"""The same on a photo of some blocks, most of which lie at a border."""


@pytest.fixture(scope="module", params=RELEASED)
def name(request: pytest.FixtureRequest) -> str:
  return request.param


@pytest.fixture(scope="module")
def codecs(name: str) -> tuple[RecurrentCodec, RecurrentCodec]:
  """A released model in float32, and in int8."""
  return shared.released(name), shared.released(name, "int8")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """The folder of a small model of random weights, with a decoder in int8."""
  folder = save_small_model(tmp_path_factory.mktemp("models") / "small", unit="residual_gru")
  (folder / litert.FOLDER).mkdir()
  photo = np.random.default_rng(5).integers(0, 256, [32, 48, 3], np.uint8)
  tflite.export_int8(load(folder), folder / litert.FOLDER, [photo])
  return folder


@pytest.fixture
def copy(model: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
  """To be changed."""
  return pathlib.Path(shutil.copytree(model, tmp_path / "copy"))


# Pixels.


def test_released_models_lose_little(
  codecs: tuple[RecurrentCodec, RecurrentCodec], photo: np.ndarray
) -> None:
  image = np.ascontiguousarray(photo[:256, 100:356])
  exact, int8 = codecs
  data = exact.compress(image, 8)
  images = [list(codec.progressive(data)) for codec in (exact, int8)]
  assert len(images[1]) == 8
  qualities = [[float(psnr(image, one)) for one in found] for found in images]
  assert (np.subtract(*qualities) < LOSS).all(), qualities
  assert images[1][7].shape == image.shape
  assert (images[0][7] != images[1][7]).any(), "int8 was not used"


@pytest.mark.parametrize("height, width", [(1, 1), (1, 40), (17, 1), (33, 47)])
def test_any_size_and_any_prefix(
  codecs: tuple[RecurrentCodec, RecurrentCodec], photo: np.ndarray, height: int, width: int
) -> None:
  image = np.ascontiguousarray(photo[100 : 100 + height, 200 : 200 + width])
  exact, int8 = codecs
  data = exact.compress(image, 4)
  images = list(int8.progressive(data))
  for iterations in (1, 3, 4):
    restored = int8.decompress(data, iterations)
    assert restored.shape == image.shape and restored.dtype == np.uint8
    assert_near_pixels(restored, images[iterations - 1])
    assert_near_pixels(int8.decompress(exact.prefix(data, iterations)), restored)
    expected = exact.decompress(data, iterations)
    if min(height, width) > 16:
      assert psnr(image, restored) > psnr(image, expected) - FEW_PIXELS_LOSS
    assert psnr(expected, restored) > 35  # 4.5 of 255 on average: here, not that of another image


def test_images_in_tiles(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
  """Maps are rounded tile by tile, each by the range of its own values: that must not show."""
  monkeypatch.setattr(tiling, "_PIXELS_AT_WIDTH_1", 14 * 14 * 16 * 16 / 4)
  exact, int8 = (shared.released("mobile", precision) for precision in ("float32", "int8"))
  image = np.ascontiguousarray(photo[20 : 20 + 11 * 16 - 3, 100 : 100 + 19 * 16 - 5])
  data = exact.compress(image, 3)
  assert rnic.read_header(data).tile == 6
  images = [list(codec.progressive(data)) for codec in (exact, int8)]
  for expected, found in zip(*images):
    assert found.shape == image.shape
    assert psnr(image, found) > psnr(image, expected) - LOSS
  assert_near_pixels(int8.decompress(data), images[1][2])
  assert_near_pixels(int8.decompress(data, 2), images[1][1])


def test_files_do_not_depend_on_it(
  codecs: tuple[RecurrentCodec, RecurrentCodec], odd_photo: np.ndarray
) -> None:
  exact, int8 = codecs
  assert int8.compress(odd_photo, 3) == exact.compress(odd_photo, 3)
  assert int8.identity != exact.identity and int8.identity.endswith("int8")


def test_codes_without_a_file(codecs: tuple[RecurrentCodec, RecurrentCodec]) -> None:
  exact, int8 = codecs
  bits = np.random.default_rng(7).random([2, 2, 3, 32]) < 0.5
  assert [image.shape for image in int8.decode(bits)] == [(32, 48, 3)] * 2


def test_tensorflow_is_not_needed(model: pathlib.Path, photo: np.ndarray, tmp_path: pathlib.Path):
  file = tmp_path / "a.rnic"
  file.write_bytes(shared.mobile().compress(photo[:40, :50], 2))  # with an entropy coder
  code = f"""
import sys
sys.modules["tensorflow"] = None
import compression
data = open({str(file)!r}, "rb").read()
assert compression.load("mobile", "int8").decompress(data).shape == (40, 50, 3)
"""
  done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
  assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_threads_are_those_that_tensorflow_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
  for text, count in (("3", 3), ("0", os.cpu_count()), ("", os.cpu_count()), ("a", os.cpu_count())):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", text)
    assert litert._threads() == count


# Whose it is.


def test_every_released_model_has_one_of_its_weights(name: str) -> None:
  folder = model_folders.find(name).folder / litert.FOLDER
  assert sorted(file.name for file in folder.iterdir()) == [litert.DESCRIPTION, litert.NETWORKS]
  load(name, "int8").load()


def test_a_model_without_one(copy: pathlib.Path) -> None:
  shutil.rmtree(copy / litert.FOLDER)
  message = "copy: has no decoder in int8; python -m compression.export --format=int8 makes one$"
  for open_ in (load, compression.load):
    with pytest.raises(ModelError, match=message):
      open_(copy, "int8")
  load(copy)


def test_one_of_other_weights_is_refused(copy: pathlib.Path, tmp_path: pathlib.Path) -> None:
  other = save_small_model(tmp_path / "other", unit="residual_gru", pixel_range=0.9)
  shutil.copytree(copy / litert.FOLDER, other / litert.FOLDER)
  codec = load(other, "int8")
  with pytest.raises(ModelError, match="other/int8: is of model [0-9a-f]{16}, and the weights are"):
    codec.load()
  assert load(other).compress(np.zeros([16, 16, 3], np.uint8), 1)


def test_one_that_is_damaged_is_refused(copy: pathlib.Path) -> None:
  networks, description = (copy / litert.FOLDER / n for n in (litert.NETWORKS, litert.DESCRIPTION))
  content, text = networks.read_bytes(), description.read_text()

  def refused(message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
      load(copy, "int8").load()
    assert "\n" not in str(caught.value)

  for damaged in (content[:-9], content[:5000] + b"?" + content[5001:], b""):
    networks.write_bytes(damaged)
    refused("decoder.tflite: is not what decoder.json tells of")
  networks.write_bytes(b"none of TensorFlow Lite's")
  values = json.loads(text)
  states = [litert.State(**state) for state in values["states"]]
  model_id = bytes.fromhex(values["model_id"])
  description.write_text(litert.describe(model_id, networks.read_bytes(), states))
  refused("decoder.tflite: cannot be loaded: ")
  networks.write_bytes(content)
  description.write_text(litert.describe(model_id, content, states[:-1]))
  refused("decoder.tflite: cannot be loaded: ")
  networks.unlink()
  refused("decoder.tflite: cannot be read: No such file")
  for damaged in ("", "[]", "{}", text.replace("stride", "step"), text.replace('"sha', '"md')):
    description.write_text(damaged)
    refused("decoder.json: is damaged: ")


def test_without_litert(model: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
  message = "^int8 needs LiteRT, which is not installed: it is in the package ai-edge-litert"
  codec = load(model, "int8")
  monkeypatch.setattr(litert, "_RUNTIME", "no_such_runtime")
  with pytest.raises(MissingCodecError, match=f"{message}$"):
    load(model, "int8")
  _, missing = registry.find_all([str(model), "dct"], Options("int8"))
  assert len(missing) == 1
  monkeypatch.setattr(litert, "_RUNTIME", "compression")  # which has no interpreter
  with pytest.raises(MissingCodecError, match=rf"{message} \(No module named"):
    codec.load()


def test_a_file_of_another_model(model: pathlib.Path, odd_photo: np.ndarray) -> None:
  data = shared.mobile().compress(odd_photo, 1)
  with pytest.raises(ModelError, match="made with model mobile"):
    load(model, "int8").decompress(data)
  with pytest.raises(FormatError):
    load(model, "int8").decompress(b"nothing")


# Iterations.


def counting_step(**inputs: np.ndarray) -> dict[str, np.ndarray]:
  """An image that is the number of +1 among all bits until now, which are kept as a state."""
  bits, known = inputs.pop("bits"), inputs.pop("known")
  assert not inputs and bits.dtype == np.float32 and set(np.unique(bits)) <= {-1, 1}
  known = known + (bits > 0).sum()
  return {"image": np.full([1, 32, 48, 3], known, np.uint8), "known": known}


def test_states_go_from_iteration_to_iteration_and_begin_anew() -> None:
  bits = np.zeros([3, 2, 3, 4], bool)
  bits[0, 1, 2, :3] = bits[1, 0, 0, 0] = bits[2, 0, 1] = True
  states = {"known": np.zeros([])}
  for _ in range(2):
    images = list(litert.play(counting_step, bits, states))
    assert [image.shape for image in images] == [(32, 48, 3)] * 3
    assert [int(image[0, 0, 0]) for image in images] == [3, 4, 8]
  assert list(states) == ["known"] and states["known"] == 0


def test_iterations_are_run_as_they_are_asked_for() -> None:
  ran = []

  def step(**inputs: np.ndarray) -> dict[str, np.ndarray]:
    ran.append(inputs)
    return counting_step(**inputs)

  images = litert.play(step, np.ones([16, 1, 1, 4], bool), {"known": np.zeros([])})
  next(images)
  assert len(ran) == 1
  next(images)
  assert len(ran) == 2


def test_states_are_zeros_of_the_size_of_the_image() -> None:
  states = [litert.State("a", 16, 5), litert.State("b", 2, 7), litert.State("c", 32, 1)]
  zeros = litert.zero_states(states, 3, 4)
  shapes = {name: value.shape for name, value in zeros.items()}
  assert shapes == {"a": (1, 3, 4, 5), "b": (1, 24, 32, 7), "c": (1, 2, 2, 1)}
  assert all(value.dtype == np.float32 and not value.any() for value in zeros.values())
