"""Models are found by name, by folder and by the id in a file."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from compression import load
from compression.codecs import model_folders
from compression.codecs.recurrent import archives, folders
from compression.codecs.recurrent.config import RecurrentConfig
from compression.common.errors import ConfigError, ModelError

MAX_RELEASED_BYTES = 20 * 2**20


def test_every_released_model_is_complete_and_small() -> None:
  models = model_folders.models()
  assert model_folders.DEFAULT_MODEL in [model.name for model in models]
  for model in models:
    assert {"config.json", "encoder.npz", "decoder.npz", "README.md"} <= {
      file.name for file in model.folder.iterdir()
    }
    assert sum(file.stat().st_size for file in model.folder.iterdir()) < MAX_RELEASED_BYTES
    arrays = archives.read_weights(model.folder)
    assert {array.dtype for array in arrays.values()} == {np.dtype("float16")}
    assert model_folders.find(model.name) == model
    assert folders.find_by_id(folders.model_id(model)) == model


def test_every_released_model_loads_and_codes() -> None:
  for model in model_folders.models():
    codec = load(model.name)
    assert codec.model_id == folders.model_id(model)
    image = np.full([20, 20, 3], 128, np.uint8)
    restored = codec.decompress(codec.compress(image, 2))
    assert abs(restored.astype(int) - image).mean() < 40


def test_a_folder_is_a_model(tmp_path: pathlib.Path) -> None:
  source = model_folders.find()
  shutil.copytree(source.folder, tmp_path / "copy")
  assert load(tmp_path / "copy").model_id == load().model_id
  assert folders.entropy_coder_folder(model_folders.find(tmp_path / "copy")) is not None


def test_a_model_may_have_no_entropy_coder(tmp_path: pathlib.Path) -> None:
  shutil.copytree(model_folders.find().folder, tmp_path / "copy")
  shutil.rmtree(tmp_path / "copy" / folders.ENTROPY_CODER_FOLDER)
  assert folders.entropy_coder_folder(model_folders.find(tmp_path / "copy")) is None


def test_what_is_missing_or_wrong_is_named(tmp_path: pathlib.Path) -> None:
  with pytest.raises(ModelError, match="nope: no such model or folder; released models: .*resid"):
    model_folders.find("nope")
  with pytest.raises(ModelError, match="without config.json"):
    model_folders.find(tmp_path)
  (tmp_path / "config.json").write_text("{")
  with pytest.raises(ConfigError, match="config.json: the configuration is not JSON"):
    load(tmp_path)
  (tmp_path / "config.json").write_text(json.dumps({"depth": 3}))
  with pytest.raises(ConfigError, match="config.json: unknown key 'depth'"):
    load(tmp_path)
  (tmp_path / "config.json").write_text(RecurrentConfig().to_json())
  with pytest.raises(ModelError, match="has no encoder.npz"):
    load(tmp_path)
  (tmp_path / "encoder.npz").write_bytes(b"PK not really")
  with pytest.raises(ModelError, match="encoder.npz: is not an archive of weights"):
    load(tmp_path)


def test_unknown_id_lists_the_known_ones() -> None:
  with pytest.raises(ModelError, match="0102030405060708, which is not among: .*residual_gru"):
    folders.find_by_id(bytes(range(1, 9)))


def test_the_registry_needs_no_tensorflow() -> None:
  code = (
    "import sys; from compression.codecs import model_folders;"
    "from compression.codecs.recurrent import folders; folders.model_id(model_folders.find());"
    "assert 'tensorflow' not in sys.modules"
  )
  subprocess.run([sys.executable, "-c", code], check=True, cwd=pathlib.Path(__file__).parents[2])
