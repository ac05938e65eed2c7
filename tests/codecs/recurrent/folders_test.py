"""The folder of a recurrent network says what it is, which files are its, and how it packs bits."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from compression.codecs import model_folders, registry
from compression.codecs.model_folders import Model
from compression.codecs.recurrent import archives, folders
from compression.codecs.recurrent.codec import load
from compression.codecs.recurrent.config import RecurrentConfig
from compression.common.errors import ConfigError, ModelError
from tests.exporting.examples import save_small_model
from tests.near import assert_near_pixels

ROOT = pathlib.Path(__file__).resolve().parents[3]
IMAGE = np.full([20, 20, 3], 128, np.uint8)


def test_every_released_model_has_weights_of_16_bits_and_its_own_id() -> None:
  models = folders.released()
  for model in models:
    arrays = archives.read_weights(model.folder)
    assert {array.dtype for array in arrays.values()} == {np.dtype("float16")}
    assert folders.find_by_id(folders.model_id(model)) == model
  assert len({folders.model_id(model) for model in models}) == len(models)


def test_a_model_may_have_no_entropy_coder(tmp_path: pathlib.Path) -> None:
  shutil.copytree(model_folders.find("mobile").folder, tmp_path / "copy")
  model = model_folders.find(tmp_path / "copy")
  assert folders.entropy_coder_folder(model) == tmp_path / "copy" / folders.ENTROPY_CODER_FOLDER
  shutil.rmtree(tmp_path / "copy" / folders.ENTROPY_CODER_FOLDER)
  assert folders.entropy_coder_folder(model) is None


def test_what_is_wrong_in_a_folder_is_named(tmp_path: pathlib.Path) -> None:
  def write(text: str) -> None:
    (tmp_path / "config.json").write_text(text)

  write("{")
  with pytest.raises(ConfigError, match="config.json: .*not JSON"):
    load(tmp_path)
  write(json.dumps({"depth": 3}))
  with pytest.raises(ConfigError, match="config.json: unknown key 'depth'"):
    load(tmp_path)
  write(RecurrentConfig().to_json())
  with pytest.raises(ModelError, match="has no encoder.npz"):
    load(tmp_path).load()
  (tmp_path / "encoder.npz").write_bytes(b"PK not really")
  with pytest.raises(ModelError, match="encoder.npz: is not an archive of weights"):
    load(tmp_path).load()


def test_a_folder_of_another_codec_is_refused(tmp_path: pathlib.Path) -> None:
  (tmp_path / "config.json").write_text('{"codec": "quantum", "qubits": 3}')
  with pytest.raises(ModelError, match=f"^{tmp_path.name}: is no recurrent network, but quantum$"):
    load(tmp_path)
  with pytest.raises(ConfigError, match="config.json: "):
    folders.read_config(Model("x", tmp_path))


def test_unknown_id_lists_the_known_ones() -> None:
  with pytest.raises(ModelError, match="0102030405060708, which is not among: .*residual_gru"):
    folders.find_by_id(bytes(range(1, 9)))


def test_files_of_earlier_models_decode(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  (tmp_path / "models/earlier").mkdir(parents=True)
  new = save_small_model(tmp_path / "models/new", unit="gru", iterations=2)
  old = save_small_model(tmp_path / "models/earlier/old", unit="lstm", iterations=2)
  # Of another codec: its weights are no concern of ours.
  (tmp_path / "models/quantum").mkdir()
  (tmp_path / "models/quantum/config.json").write_text('{"codec": "quantum"}')
  made = {folder.name: load(folder) for folder in (new, old)}
  files = {name: codec.compress(IMAGE, 2) for name, codec in made.items()}

  monkeypatch.setattr(model_folders, "_FOLDERS", (tmp_path / "models",))
  for name, data in files.items():
    codec = registry.of_file(data)
    assert codec.name == name
    assert_near_pixels(codec.decompress(data), made[name].decompress(data))
    assert codec.describe(data).rows[0] == ("model", f"{name} ({made[name].model_id.hex()})")
  with pytest.raises(ModelError, match="0000, which is not among: new .*, old .*[0-9a-f]{16}.$"):
    folders.find_by_id(bytes(8))
  with pytest.raises(ModelError, match="^old: no such model"):
    registry.find("old")


def test_the_id_needs_no_tensorflow() -> None:
  code = (
    "import sys; from compression.codecs import model_folders;"
    "from compression.codecs.recurrent import folders; folders.model_id(model_folders.find());"
    "assert 'tensorflow' not in sys.modules"
  )
  subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
