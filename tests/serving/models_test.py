"""Which models are found, and what their signatures take and give."""

from __future__ import annotations

import pathlib
import shutil
import threading

import numpy as np
import pytest
import tensorflow as tf

from compression.common.errors import ModelError
from compression.serving.errors import Code, RequestError, from_exception
from compression.serving.models import Model, Models, Signature, load
from tests.serving.examples import X, save


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  """A model with the versions 2 and 10."""
  folder = tmp_path_factory.mktemp("saved") / "example"
  save(folder, 2)
  save(folder, 10)
  return folder


@pytest.fixture(scope="module")
def model(saved: pathlib.Path) -> Model:
  return Model("example", 10, saved / "10")


def _version(model: Model) -> int:
  (version,) = model.signature("version").predict({"x": np.zeros(1, np.int32)})["version"]
  return int(version)


def _refused(code: Code, *words: str, signature: Signature, **kwargs: object) -> None:
  with pytest.raises(Exception) as raised:
    signature.predict(**kwargs)
  error = from_exception(raised.value)
  assert error.code == code
  for word in words:
    assert word in error.message, error.message


# Finding


def test_of_each_model_the_highest_version_is_loaded(
  tmp_path: pathlib.Path, saved: pathlib.Path
) -> None:
  shutil.copytree(saved, tmp_path / "b")
  shutil.copytree(saved / "2", tmp_path / "a/0003")
  (tmp_path / "b/11").mkdir()  # still empty
  shutil.copytree(saved / "2", tmp_path / "b/12.part")
  (tmp_path / "photos").mkdir()
  (tmp_path / "notes.txt").touch()
  models = load(tmp_path)
  assert [(model.name, model.version, _version(model)) for model in models] == [
    ("a", 3, 2),
    ("b", 10, 10),
  ]


def test_a_folder_of_versions_is_one_model(saved: pathlib.Path) -> None:
  (model,) = load(saved, "photos")
  assert (model.name, model.version) == ("photos", 10)
  (model,) = load(saved)
  assert model.name == "default"


def test_without_a_model_it_says_what_is_missing(
  tmp_path: pathlib.Path, saved: pathlib.Path
) -> None:
  with pytest.raises(ModelError, match="gone: cannot be read: No such file"):
    load(tmp_path / "gone")
  with pytest.raises(ModelError, match="holds no model: no MODEL/VERSION/saved_model.pb"):
    load(tmp_path)
  with pytest.raises(ModelError, match="holds no VERSION/saved_model.pb of the model example"):
    load(saved.parent, "example")


@pytest.mark.parametrize("content", [b"", b"no protocol buffer", None])
def test_a_damaged_model_is_named(
  tmp_path: pathlib.Path, saved: pathlib.Path, content: bytes | None
) -> None:
  shutil.copytree(saved / "2", tmp_path / "broken/1")
  if content is None:
    shutil.rmtree(tmp_path / "broken/1/variables")
  else:
    (tmp_path / "broken/1/saved_model.pb").write_bytes(content)
  with pytest.raises(ModelError, match="broken/1: cannot be loaded"):
    load(tmp_path)


def test_only_what_is_served_is_found(model: Model) -> None:
  models = Models([model])
  assert list(models) == [model]
  assert models.find("example") is models.find("example", 10) is models.status("example") is model
  for name, version, found, status in (
    ("nope", None, "Latest(nope)", "any versions of model nope"),
    ("", None, "Latest()", "any versions of model "),
    ("example", 2, "Specific(example, 2)", "version 2 of model example"),
    ("example", 0, "Specific(example, 0)", "version 0 of model example"),
  ):
    with pytest.raises(RequestError) as raised:
      models.find(name, version)
    assert raised.value.code == Code.NOT_FOUND
    assert raised.value.message == f"Servable not found for request: {found}"
    with pytest.raises(RequestError) as raised:
      models.status(name, version)
    assert raised.value.code == Code.NOT_FOUND
    assert raised.value.message == f"Could not find {status}"


def test_a_limited_number_have_a_turn(model: Model) -> None:
  models = Models([model], max_concurrent_requests=2)
  with models.turn, models.turn:
    assert not models.turn.acquire(blocking=False)
  assert models.turn.acquire(blocking=False)


# Predicting


def test_an_unknown_signature_is_named(model: Model) -> None:
  with pytest.raises(RequestError) as raised:
    model.signature("classify")
  assert raised.value.code == Code.FAILED_PRECONDITION
  assert 'Serving signature key "classify" not found' in raised.value.message
  assert "twice_bytes" in raised.value.message
  assert model.signature("") is model.signature("serving_default")


def test_outputs_and_defaults(model: Model) -> None:
  scale = model.signature("scale")
  np.testing.assert_array_equal(scale.predict({"x": X})["y"], 2 * X)
  half = {"x": X, "factor": np.array(0.5, np.float32)}
  np.testing.assert_array_equal(scale.predict(half)["y"], X / 2)
  assert scale.predict({"x": X[:0]})["y"].shape == (0, 2)


def test_scalars_and_strings_come_out_as_arrays(model: Model) -> None:
  found = model.signature("total").predict({"x": np.array([3, 4], np.int32)})
  assert found["sum"].shape == found["text"].shape == ()
  assert (found["sum"].dtype, found["sum"]) == (np.int32, 7)
  assert (found["text"].dtype, found["text"].item()) == (object, b"7")
  data = np.array([b"\x00\xff\x00", b""], object)
  twice = model.signature("twice_bytes").predict({"data_bytes": data})["twice_bytes"]
  assert twice.tolist() == [b"\x00\xff\x00\x00\xff\x00", b""]


def test_a_filter_chooses_outputs(model: Model) -> None:
  split = model.signature("split")
  x = {"x": np.array([5], np.int32)}
  assert set(split.predict(x)) == {"half", "text"}
  assert split.predict(x, ["text"]) == {"text": np.array([b"5"], object)}
  wrong = {"signature": split, "inputs": x}
  _refused(
    Code.INVALID_ARGUMENT, "not found in signature: y", "half,text", output_filter=["y"], **wrong
  )
  _refused(Code.INVALID_ARGUMENT, "duplicate", "half", output_filter=["half", "half"], **wrong)


def test_inputs_have_to_match_the_signature(model: Model) -> None:
  scale = model.signature("scale")
  for inputs, words in (
    ({}, ["Missing but required: {x}", "extra: {}"]),
    ({"x": X, "y": X, "z": X}, ["extra: {y,z}", "required: {}"]),
    ({"x": X.astype(np.float64)}, ["input x must be float32, but is float64"]),
    ({"x": X[:, :1]}, ["input x must have the shape [-1, 2], but has [2, 1]"]),
    ({"x": X[0]}, ["[-1, 2], but has [2]"]),
    ({"x": X, "factor": X[0]}, ["input factor must have the shape [], but has [2]"]),
    ({"x": X, "factor": np.array(-1, np.float32)}, ["factor must be positive. Received:] [-1]"]),
  ):
    _refused(Code.INVALID_ARGUMENT, *words, signature=scale, inputs=inputs)


def test_threads_share_a_model(model: Model) -> None:
  scale = model.signature("scale")
  found = {}

  def predict(index: int) -> None:
    for _ in range(20):
      found[index] = scale.predict({"x": np.full([1, 2], index, np.float32)})["y"][0, 0]

  threads = [threading.Thread(target=predict, args=[index]) for index in range(4)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert found == {index: 2 * index for index in range(4)}


def test_the_definitions_are_those_of_the_file(model: Model) -> None:
  definition = model.graph.signature_def["scale"]
  assert definition.method_name == tf.saved_model.PREDICT_METHOD_NAME
  assert set(definition.inputs) == set(model.signature("scale").inputs) == {"x", "factor"}
