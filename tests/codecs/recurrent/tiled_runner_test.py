"""Images of any size give what their tiles give, each run by itself."""

from __future__ import annotations

import itertools
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent.config import UNITS
from compression.codecs.recurrent.runner import Runner
from compression.codecs.recurrent.tiled_runner import TiledRunner, pad_to_blocks
from compression.codecs.recurrent.tiling import Tiling
from tests.near import assert_near_pixels

WHOLE = Tiling()
CUT = Tiling(2, 1)
ITERATIONS = 3


@pytest.fixture(scope="module")
def model(small_model):
  return small_model(unit="gru")


@pytest.fixture(scope="module")
def runner(model) -> TiledRunner:
  return TiledRunner(model)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
  """4 x 5 blocks, of which the last ones are not whole."""
  return np.random.default_rng(1).integers(0, 256, (61, 70, 3), np.uint8)


@pytest.fixture(scope="module", params=[WHOLE, CUT], ids=["whole", "cut"])
def tiling(request) -> Tiling:
  return request.param


def last_image(runner: Runner, bits: np.ndarray) -> np.ndarray:
  return runner.pixels(list(runner.decode(bits))[-1])


def test_an_image_that_is_not_cut_is_run_at_once(runner, model, image):
  plain = Runner(model)
  expected = [layer.bits for layer in plain.encode(pad_to_blocks(image), ITERATIONS)]
  bits = runner.encode(image, ITERATIONS, WHOLE)
  np.testing.assert_array_equal(bits, expected)
  assert_near_pixels(runner.decode_last(bits, WHOLE), last_image(plain, bits))


def test_each_tile_is_run_with_its_context(runner, model, image):
  """The tile in the middle of the top: blocks 0 to 1 by 2 to 3, with 0 to 2 by 1 to 4 around it."""
  plain = Runner(model)
  bits = runner.encode(image, ITERATIONS, CUT)
  assert bits.shape == (ITERATIONS, 4, 5, model.config.bits) and bits.dtype == bool
  around = pad_to_blocks(image)[:48, 16:80]
  for mine, layer in zip(bits, plain.encode(around, ITERATIONS)):
    np.testing.assert_array_equal(mine[:2, 2:4], layer.bits[:2, 1:3])
  restored = runner.decode_last(bits, CUT)
  expected = last_image(plain, bits[:, :3, 1:5])
  assert_near_pixels(restored[:32, 32:64], expected[:32, 16:48])


@pytest.mark.parametrize("tiling, count", [(WHOLE, 0), (CUT, 3)], ids=["whole", "cut"])
def test_tiles_spare_memory(runner, image, tiling, count):
  path, executors = "compression.codecs.recurrent.tiled_runner.return_large_blocks", []
  choose = tf.experimental.function_executor_type

  def choose_and_note(name):
    executors.append(name)
    return choose(name)

  with (
    mock.patch(path) as return_large_blocks,
    mock.patch.object(tf.experimental, "function_executor_type", choose_and_note),
  ):
    bits = runner.encode(image, 1, tiling)
    runner.decode_last(bits, tiling)
    list(runner.decode(bits, tiling))
  assert return_large_blocks.call_count == count
  if not tf.config.list_logical_devices("GPU"):
    assert executors == ["SINGLE_THREADED_EXECUTOR"] * count


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_runs_in_tiles(unit, small_model, image):
  runner = TiledRunner(small_model(unit=unit, framework="residual_scaling"))
  bits = runner.encode(image, 2, CUT)
  assert runner.decode_last(bits, CUT).shape == (64, 80, 3)


def test_the_last_image_is_that_of_all_iterations(runner, image, tiling):
  bits = runner.encode(image, ITERATIONS, tiling)
  every = list(runner.decode(bits, tiling))
  assert len(every) == ITERATIONS
  assert {pixels.shape for pixels in every} == {(64, 80, 3)}
  assert_near_pixels(runner.decode_last(bits, tiling), every[-1])
  for count, pixels in enumerate(every, 1):
    assert_near_pixels(runner.decode_last(bits[:count], tiling), pixels)
  assert (every[0] != every[-1]).any()


def test_encoding_shows_what_decoding_gives(runner, image, tiling):
  bits = runner.encode(image, ITERATIONS, tiling)
  steps = list(runner.encode_and_decode(image, ITERATIONS, tiling))
  np.testing.assert_array_equal([layer for layer, _ in steps], bits)
  for (_, shown), pixels in zip(steps, runner.decode(bits, tiling)):
    assert_near_pixels(shown, pixels[:61, :70])


def test_an_image_that_is_not_cut_runs_no_further_than_asked(runner, image, monkeypatch):
  made = []
  encode = Runner.encode

  def counted(*args, **options):
    for layer in encode(*args, **options):
      made.append(layer)
      yield layer

  monkeypatch.setattr(Runner, "encode", counted)
  steps = list(itertools.islice(runner.encode_and_decode(image, 16, WHOLE), 2))
  assert len(steps) == len(made) == 2


def test_padding_repeats_the_border():
  image = np.arange(2 * 17 * 3, dtype=np.uint8).reshape(2, 17, 3)
  padded = pad_to_blocks(image)
  assert padded.shape == (16, 32, 3)
  np.testing.assert_array_equal(padded[:2, :17], image)
  np.testing.assert_array_equal(padded[15, :17], image[1])
  np.testing.assert_array_equal(padded[0, 31], image[0, 16])


@pytest.mark.parametrize("height, width", [(16, 16), (1, 1), (16, 1), (31, 33)])
def test_sides_become_the_next_multiples_of_16(height, width):
  padded = pad_to_blocks(np.zeros([height, width, 3], np.uint8))
  assert padded.shape == (-(-height // 16) * 16, -(-width // 16) * 16, 3)
