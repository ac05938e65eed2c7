"""Archives of weights: written whole, read in parts, never trusted; and the id of a model."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from compression.codecs.recurrent import archives
from compression.codecs.recurrent.config import RecurrentConfig
from compression.common.errors import ModelError

CONFIG = RecurrentConfig(width=1 / 32)


def some_arrays(seed: int = 1) -> dict[str, np.ndarray]:
  """Arrays by names as a model has them; exact in float16."""
  rng = np.random.default_rng(seed)
  shapes = {
    "encoder/conv": (3, 3, 3, 2),
    "encoder/rnn1/input": (3, 3, 2, 4),
    "decoder/conv_in": (1, 1, 8, 4),
    "decoder/rnn1/gates": (1, 1, 2, 4),
    "decoder/conv_out": (1, 1, 1, 3),
    "gain_estimator/conv1/bias": (32,),
  }
  return {
    name: rng.normal(0, 1, shape).astype(np.float16).astype(np.float32)
    for name, shape in shapes.items()
  }


def refusal(call: Callable, *arguments: object) -> str:
  """The message, of one line, with which it refuses."""
  with pytest.raises(ModelError) as caught:
    call(*arguments)
  message = str(caught.value)
  assert message and "\n" not in message
  return message


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
  assert sorted(found) == sorted(expected)
  for name, array in expected.items():
    np.testing.assert_array_equal(found[name], array)


# Writing and reading


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_round_trip(tmp_path, dtype):
  arrays = some_arrays()
  archives.save_weights(arrays, tmp_path, dtype)
  assert sorted(os.listdir(tmp_path)) == ["decoder.npz", "encoder.npz"]
  read = archives.read_weights(tmp_path)
  assert {array.dtype for array in read.values()} == {np.dtype(dtype)}
  assert_same(read, arrays)


def test_the_encoder_has_its_own_archive(tmp_path):
  archives.save_weights(some_arrays(), tmp_path)
  names = {part: sorted(archives.read_archives(tmp_path, part)) for part in ("encoder", "decoder")}
  assert names["encoder"] == ["encoder/conv", "encoder/rnn1/input"]
  assert names["decoder"] == sorted(set(some_arrays()) - set(names["encoder"]))


def test_float32_keeps_what_float16_would_round(tmp_path):
  arrays = {name: array / 3 for name, array in some_arrays().items()}
  archives.save_weights(arrays, tmp_path, "float32")
  assert_same(archives.read_weights(tmp_path), arrays)
  archives.save_weights(arrays, tmp_path)
  assert_same(
    archives.read_weights(tmp_path),
    {name: array.astype(np.float16) for name, array in arrays.items()},
  )


def test_numbered_parts_are_one_archive(tmp_path):
  arrays = some_arrays()
  archives.save_weights(arrays, tmp_path)
  whole = archives.read_archives(tmp_path, "decoder")
  (tmp_path / "decoder.npz").unlink()
  for index, name in enumerate(whole):
    np.savez(tmp_path / f"decoder_{index + 8}.npz", **{name: whole[name]})  # 8, 9, 10, 11
  np.savez(tmp_path / "decoder_old.npz", other=np.zeros(3))
  assert_same(archives.read_weights(tmp_path), arrays)


def test_the_whole_archive_counts_more_than_parts_of_it(tmp_path):
  archives.save_weights(some_arrays(1), tmp_path)
  (tmp_path / "decoder.npz").rename(tmp_path / "decoder_1.npz")
  archives.save_weights(some_arrays(2), tmp_path)
  assert_same(archives.read_weights(tmp_path), some_arrays(2))


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("dtype, value", [
  ("float16", np.nan), ("float16", np.inf), ("float16", 65520), ("float16", -1e6),
  ("float32", np.nan), ("float32", -np.inf), ("float32", 1e39),
])  # fmt: skip
def test_values_that_are_not_finite_are_refused_and_nothing_is_written(tmp_path, dtype, value):
  archives.save_weights(some_arrays(), tmp_path)
  arrays = {name: array.astype(np.float64) for name, array in some_arrays(2).items()}
  arrays["decoder/conv_out"][0, 0, 0, 1] = value
  message = refusal(archives.save_weights, arrays, tmp_path, dtype)
  assert message.startswith("decoder/conv_out: ") and dtype in message
  assert_same(archives.read_weights(tmp_path), some_arrays())
  assert sorted(os.listdir(tmp_path)) == ["decoder.npz", "encoder.npz"]


def test_the_largest_numbers_of_float16_are_kept(tmp_path):
  arrays = {**some_arrays(), "decoder/conv_out": np.array([65504.0, -65504.0, 6e-8])}
  archives.save_weights(arrays, tmp_path)
  np.testing.assert_array_equal(
    archives.read_weights(tmp_path)["decoder/conv_out"], arrays["decoder/conv_out"].astype("f2")
  )


# What is refused


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_missing_archives_are_named(tmp_path, part):
  archives.save_weights(some_arrays(), tmp_path)
  (tmp_path / f"{part}.npz").unlink()
  assert refusal(archives.read_weights, tmp_path) == f"{tmp_path}: has no {part}.npz"
  assert refusal(archives.read_weights, tmp_path / "none").startswith(str(tmp_path / "none"))


@pytest.mark.parametrize("name", ["encoder.npz", "decoder.npz", "decoder_2.npz"])
def test_what_is_no_archive_is_named(tmp_path, name):
  archives.save_weights(some_arrays(), tmp_path)
  if name == "decoder_2.npz":
    (tmp_path / "decoder.npz").rename(tmp_path / "decoder_1.npz")
  (tmp_path / name).write_bytes(b"PK not really")
  message = refusal(archives.read_weights, tmp_path)
  assert message.startswith(f"{tmp_path / name}: is not an archive of weights: ")


# The id of a model


def test_the_id_depends_on_every_weight_of_the_decoder_and_on_none_of_the_encoder():
  arrays = some_arrays()
  expected = archives.model_id(CONFIG, arrays)
  assert len(expected) == archives.MODEL_ID_BYTES == 8
  for name, array in arrays.items():
    for index in np.ndindex(array.shape):
      changed = array.copy()
      changed[index] += 0.25
      same = archives.model_id(CONFIG, {**arrays, name: changed}) == expected
      assert same == name.startswith("encoder/"), (name, index)


def test_the_id_depends_on_priming_and_is_what_it_was_without():
  arrays, primed = some_arrays(), dataclasses.replace(CONFIG, priming=3)
  assert archives.model_id(primed, arrays) != archives.model_id(CONFIG, arrays)
  digest = hashlib.sha256(b"unit='residual_gru'\nframework='one_shot'\nwidth=0.03125\nbits=32\n")
  digest.update(b"pixel_range=1.0\nuse_bias=False\n")
  for name in sorted(arrays):
    if not name.startswith("encoder/"):
      digest.update(f"{name}{arrays[name].shape}\n".encode() + arrays[name].astype("<f2").tobytes())
  assert archives.model_id(CONFIG, arrays) == digest.digest()[:8]


def test_the_id_depends_on_names_and_shapes_and_not_on_their_order():
  arrays = some_arrays()
  expected = archives.model_id(CONFIG, arrays)
  assert archives.model_id(CONFIG, dict(reversed(list(arrays.items())))) == expected
  reshaped = {**arrays, "decoder/conv_in": arrays["decoder/conv_in"].reshape(1, 1, 4, 8)}
  assert archives.model_id(CONFIG, reshaped) != expected
  renamed = {name.replace("conv_in", "conv_on"): array for name, array in arrays.items()}
  assert archives.model_id(CONFIG, renamed) != expected
  fewer = {name: arrays[name] for name in arrays if name != "decoder/conv_out"}
  assert archives.model_id(CONFIG, fewer) != expected


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", ">f2"])
def test_copies_of_float16_weights_in_other_types_are_the_same_model(dtype):
  arrays = some_arrays()
  copies = {name: array.astype(dtype) for name, array in arrays.items()}
  assert archives.model_id(CONFIG, copies) == archives.model_id(CONFIG, arrays)
  transposed = {name: np.asfortranarray(array) for name, array in arrays.items()}
  assert archives.model_id(CONFIG, transposed) == archives.model_id(CONFIG, arrays)


def test_saving_keeps_the_id(tmp_path):
  arrays = {name: array / 3 for name, array in some_arrays().items()}  # not exact in float16
  for dtype in ("float16", "float32"):
    archives.save_weights(arrays, tmp_path, dtype)
    read = archives.read_weights(tmp_path)
    assert archives.model_id(CONFIG, read) == archives.model_id(CONFIG, arrays)


def test_the_id_depends_on_the_configuration_of_the_decoder_and_not_on_the_training():
  arrays = some_arrays()
  expected = archives.model_id(CONFIG, arrays)
  changes = {
    "unit": "gru",
    "framework": "additive",
    "width": 1 / 16,
    "bits": 8,
    "pixel_range": 0.9,
    "use_bias": True,
    "priming": 1,
    "iterations": 3,
  }
  assert set(changes) == set(CONFIG.to_dict())
  for name, value in changes.items():
    other = RecurrentConfig.from_dict({**CONFIG.to_dict(), name: value})
    assert (archives.model_id(other, arrays) == expected) == (name == "iterations"), name


def test_the_id_does_not_depend_on_how_a_number_is_written():
  arrays = some_arrays()
  for name in ("width", "pixel_range"):
    ids = {archives.model_id(RecurrentConfig.from_dict({name: one}), arrays) for one in (1, 1.0)}
    assert len(ids) == 1, name


def test_the_id_is_golden():
  """Files name their model by it: it must never change."""
  arrays = {"decoder/conv_in": np.arange(8.0).reshape(1, 1, 2, 4), "encoder/conv": np.ones(3)}
  assert archives.model_id(RecurrentConfig(), arrays).hex() == "4f646ccb097d3b25"


def test_needs_no_tensorflow():
  code = "import sys, compression.codecs.recurrent.archives; sys.exit('tensorflow' in sys.modules)"
  assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
