"""The warm-up requests of a SavedModel are run, and wrong ones are named."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Mapping

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from compression.common.errors import ModelError
from compression.exporting import warmup as exporting
from compression.serving import warmup
from compression.serving.models import Model
from tests.serving.examples import X, save


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
  return save(tmp_path_factory.mktemp("saved"))


@pytest.fixture
def folder(tmp_path: pathlib.Path, saved: pathlib.Path) -> pathlib.Path:
  shutil.copytree(saved, tmp_path / "1")
  return tmp_path / "1"


def _write(folder: pathlib.Path, *requests: tuple[str, Mapping[str, object]]) -> None:
  file = folder / "assets.extra/tf_serving_warmup_requests"
  file.parent.mkdir(exist_ok=True)
  with tf.io.TFRecordWriter(str(file)) as writer:
    for signature, inputs in requests:
      log = prediction_log_pb2.PredictionLog()
      log.predict_log.request.model_spec.signature_name = signature
      for name, value in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
      writer.write(log.SerializeToString())


def test_all_requests_are_run(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
  model = Model("example", 1, folder)
  assert warmup.run(model) == 0  # it has none
  _write(folder, ("scale", {"x": X, "factor": 3.0}), ("", {"x": X}), ("total", {"x": [1]}))
  asked = []
  find = model.signature
  monkeypatch.setattr(model, "signature", lambda name: asked.append(name) or find(name))
  assert warmup.run(model) == 3
  assert asked == ["scale", "", "total"]


def test_what_an_export_writes_is_run(folder: pathlib.Path) -> None:
  requests = {"scale": {"x": X, "factor": np.float32(2)}, "total": {"x": np.ones(3, np.int32)}}
  exporting.write(folder, "example", requests)
  assert warmup.run(Model("example", 1, folder)) == 2


def test_a_request_that_fails_is_named(folder: pathlib.Path) -> None:
  model = Model("example", 1, folder)
  _write(folder, ("", {"x": X}), ("scale", {"x": X, "factor": -1.0}))
  with pytest.raises(ModelError, match="warm-up request 2: .*factor must be positive"):
    warmup.run(model)
  _write(folder, ("gone", {"x": X}))
  with pytest.raises(ModelError, match='warm-up request 1: Serving signature key "gone"'):
    warmup.run(model)


def test_a_damaged_file_is_named(folder: pathlib.Path) -> None:
  model = Model("example", 1, folder)
  _write(folder, ("", {"x": X}))
  file = folder / warmup.FILE
  file.write_bytes(file.read_bytes()[:-5])
  with pytest.raises(ModelError, match="tf_serving_warmup_requests: warm-up request 1: "):
    warmup.run(model)
