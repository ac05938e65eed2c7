"""Models are found by name and by folder, whatever codec their weights are for."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

import compression
from compression.codecs import model_folders
from compression.codecs.model_folders import Model
from compression.common.errors import ConfigError, ModelError

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_RELEASED_BYTES = 20 * 2**20


def _model(folder: pathlib.Path, text: str = "{}") -> Model:
  """A folder with this config.json."""
  folder.mkdir(parents=True)
  (folder / "config.json").write_text(text)
  return Model(folder.name, folder)


def test_every_released_model_is_complete_and_small() -> None:
  models = model_folders.models()
  assert model_folders.DEFAULT_MODEL in [model.name for model in models]
  for model in models:
    assert {"config.json", "README.md"} <= {file.name for file in model.folder.iterdir()}
    assert sum(file.stat().st_size for file in model.folder.iterdir()) < MAX_RELEASED_BYTES
    assert model_folders.find(model.name) == model
  assert model_folders.names() == [model.name for model in models]


def test_a_folder_is_a_model(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
  model = _model(tmp_path / "run/model")
  assert model_folders.find(model.folder) == model
  monkeypatch.chdir(model.folder)
  assert model_folders.find(".") == Model("model", pathlib.Path())


def test_a_released_model_comes_before_a_folder_of_its_name(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  _model(tmp_path / "mobile")
  monkeypatch.chdir(tmp_path)
  assert model_folders.find("mobile").folder.parent.name == "models"
  assert model_folders.find("./mobile").folder == pathlib.Path("mobile")


def test_earlier_models_are_found_for_their_files_only(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  new, old = _model(tmp_path / "models/new"), _model(tmp_path / "models/earlier/old")
  _model(tmp_path / "unused/other")  # only the first of the places that has models counts
  places = (tmp_path / "none", tmp_path / "models", tmp_path / "unused")
  monkeypatch.setattr(model_folders, "_FOLDERS", places)
  assert model_folders.models() == [new] and model_folders.names() == ["new"]
  assert model_folders.earlier() == [old]
  with pytest.raises(ModelError, match="^old: no such model or folder; released models: new$"):
    model_folders.find("old")


def test_without_models_the_line_says_so(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  monkeypatch.setattr(model_folders, "_FOLDERS", (tmp_path,))
  assert model_folders.models() == model_folders.earlier() == []
  with pytest.raises(ModelError, match="^mobile: no such model or folder; released models: none$"):
    model_folders.find("mobile")


def test_what_is_missing_is_named(tmp_path: pathlib.Path) -> None:
  with pytest.raises(ModelError, match="nope: no such model or folder; released models: .*resid"):
    model_folders.find("nope")
  with pytest.raises(ModelError, match="without config.json"):
    model_folders.find(tmp_path)
  with pytest.raises(ModelError, match="config.json: cannot be read"):
    model_folders.read_text(Model("gone", tmp_path))
  (tmp_path / "config.json").write_bytes(b"\xff")
  with pytest.raises(ModelError, match="config.json: cannot be read"):
    model_folders.read_text(Model("binary", tmp_path))


@pytest.mark.parametrize(
  "text,codec", [("{}", "recurrent"), ('{"codec": "x"}', "x"), ("[1]", "recurrent")]
)
def test_a_model_says_whose_weights_it_has(tmp_path: pathlib.Path, text: str, codec: str) -> None:
  assert model_folders.codec_of(_model(tmp_path / "m", text)) == codec


def test_a_configuration_that_is_no_json_is_refused(tmp_path: pathlib.Path) -> None:
  with pytest.raises(ConfigError, match="config.json: is not JSON: "):
    model_folders.codec_of(_model(tmp_path / "m", "{"))


def test_a_copy_is_the_same_codec_and_may_name_it(tmp_path: pathlib.Path) -> None:
  shutil.copytree(model_folders.find("mobile").folder, tmp_path / "copy")
  file = tmp_path / "copy/config.json"
  file.write_text(json.dumps({"codec": "recurrent", **json.loads(file.read_text())}))
  codec, mobile = compression.load(tmp_path / "copy"), compression.load("mobile")
  assert (codec.name, codec.model_id) == ("copy", mobile.model_id)


def test_it_needs_nothing_but_the_standard_library() -> None:
  code = (
    "import sys; from compression.codecs import model_folders;"
    "model_folders.codec_of(model_folders.find());"
    "assert not {'tensorflow', 'numpy'} & set(sys.modules)"
  )
  subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_models_are_chosen_by_their_codec(tmp_path: pathlib.Path) -> None:
  first, second = _model(tmp_path / "a"), _model(tmp_path / "b", '{"codec": "other"}')
  assert model_folders.of_codec(model_folders.RECURRENT, [first, second]) == [first]
  assert model_folders.of_codec("other", [first, second]) == [second]
