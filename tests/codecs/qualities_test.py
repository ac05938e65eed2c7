"""Folders of several qualities: joined, named by what decodes them, refused if they do not fit."""

from __future__ import annotations

import json
import pathlib
import shutil

import numpy as np
import pytest

from compression.codecs import qualities, registry
from compression.codecs.balle2017.codec import KIND, Balle2017
from compression.codecs.model_folders import Model
from compression.codecs.qualities import Quality, read_config, weights_id
from compression.common.errors import ConfigError, ModelError
from tests.codecs.balle2017.examples import CHANNELS, arrays, write_model


def model(folder: pathlib.Path) -> Model:
  return Model(folder.name, folder)


def test_what_is_saved_comes_back_in_the_order_of_lambdas(tmp_path):
  made = [Quality(lmbda, arrays(seed)) for seed, lmbda in enumerate((0.5, 0.1))]
  qualities.save(tmp_path / "new" / "model", KIND, {"channels": CHANNELS}, made)
  found = model(tmp_path / "new" / "model")
  config = read_config(found, KIND)
  assert config.lambdas == [0.1, 0.5] and config.model == {"channels": CHANNELS}
  for number, quality in enumerate(reversed(made), 1):
    read = qualities.read_quality(found, config, number)
    assert read.lmbda == quality.lmbda and set(read.arrays) == set(quality.arrays)
    for name, array in read.arrays.items():
      np.testing.assert_allclose(array, quality.arrays[name], rtol=1e-3, atol=1e-6)
      if name.startswith("prior/"):
        np.testing.assert_array_equal(array, quality.arrays[name])


def test_ids_are_of_what_decodes():
  good = arrays()
  for name in good:
    changed = {**good, name: good[name] + 1}
    decodes = not name.startswith(("analysis/", "training/"))
    assert (weights_id(changed) != weights_id(good)) == decodes, name


def test_joined_runs_decode_the_files_of_each(tmp_path, photo):
  image = photo[:20, :20]
  runs = []
  for seed, lmbda in enumerate((0.3, 0.2, 0.1)):
    qualities.save(
      tmp_path / str(seed), KIND, {"channels": CHANNELS}, [Quality(lmbda, arrays(seed))]
    )
    runs.append(model(tmp_path / str(seed)))
  config = qualities.join(runs, KIND, tmp_path / "all")
  assert config.lambdas == [0.1, 0.2, 0.3]
  joined = Balle2017(model(tmp_path / "all"))
  assert list(joined.settings) == [1, 2, 3]
  for run, quality in zip(runs, (3, 2, 1)):
    of_run = Balle2017(run)
    data = of_run.compress(image, 1)
    np.testing.assert_array_equal(joined.decompress(data), of_run.decompress(data))
    np.testing.assert_array_equal(
      of_run.decompress(joined.compress(image, quality)), of_run.decompress(data)
    )
  with pytest.raises(ModelError, match="made with weights .*; this is 0 "):
    Balle2017(runs[0]).decompress(joined.compress(image, 1))
  with pytest.raises(ConfigError, match="lambdas must be numbers"):
    qualities.join([runs[0], runs[0]], KIND, tmp_path / "twice")


def test_only_models_of_one_architecture_are_joined(tmp_path):
  first = model(write_model(tmp_path / "first", count=1))
  qualities.save(tmp_path / "other", KIND, {"channels": 5}, [Quality(9.0, arrays(channels=5))])
  with pytest.raises(ModelError, match="another architecture"):
    qualities.join([first, model(tmp_path / "other")], KIND, tmp_path / "both")


def test_a_file_says_its_quality_and_finds_its_model(tmp_path, photo, monkeypatch):
  codec = registry.find(write_model(tmp_path / "random"))
  data = codec.compress(photo[:20, :30], 2)
  description = Balle2017.describe(data)
  assert (description.height, description.width) == (20, 30)
  assert description.rows == [("quality", "2"), ("model", "not installed")]
  assert registry.kind_of_file(data) is Balle2017
  with pytest.raises(ModelError, match="which are not installed"):
    registry.of_file(data)
  monkeypatch.setattr(qualities.model_folders, "models", lambda: [model(tmp_path / "random")])
  assert registry.of_file(data).name == "random"
  assert Balle2017.describe(data).rows[1] == ("model", "random")


def test_the_identity_is_that_of_all_weights(tmp_path):
  first, second = (Balle2017(model(write_model(tmp_path / str(seed), seed))) for seed in (0, 9))
  again = Balle2017(model(shutil.copytree(tmp_path / "0", tmp_path / "copy")))
  assert first.identity == again.identity != second.identity


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"lambdas": []}, "lambdas must be"),
    ({"lambdas": [0.2, 0.1]}, "lambdas must be"),
    ({"lambdas": [0.1, "a"]}, "lambdas must be"),
    ({"lambdas": [True, 2]}, "lambdas must be"),
    ({"lambdas": [-1, 2]}, "lambdas must be"),
    ({"lambdas": 3}, "lambdas must be"),
    ({"ids": ["00" * 8]}, "ids must be 2 texts"),
    ({"ids": ["zz" * 8, "00" * 8]}, "ids must be 2 texts"),
    ({"ids": [1, 2]}, "ids must be 2 texts"),
    ({"model": 3}, "model must be an object"),
    ({"depth": 3}, "unknown key 'depth'"),
  ],
)
def test_configurations_that_are_none_are_refused(tmp_path, change, message):
  folder = write_model(tmp_path / "model")
  file = folder / "config.json"
  file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
  with pytest.raises(ConfigError, match=f"config.json: {message}"):
    Balle2017(model(folder))


def test_folders_that_do_not_fit_together_are_refused(tmp_path, photo):
  folder = write_model(tmp_path / "model")
  config = json.loads((folder / "config.json").read_text())
  with pytest.raises(ModelError, match="is no model of other"):
    read_config(model(folder), "other")
  shutil.copy(folder / "quality_1.npz", folder / "quality_2.npz")
  with pytest.raises(ModelError, match=r"quality_2.npz: is not what config.json says"):
    Balle2017(model(folder)).load()
  (folder / "quality_2.npz").unlink()
  with pytest.raises(ModelError, match=r"quality_2.npz"):
    Balle2017(model(folder)).compress(photo[:16, :16], 2)
  del config["ids"]
  (folder / "config.json").write_text(json.dumps(config))
  with pytest.raises(ConfigError, match="config.json: .*ids"):
    Balle2017(model(folder))


def test_weights_that_no_half_precision_holds_are_refused(tmp_path):
  wrong = arrays()
  wrong["synthesis/conv2/bias"] = np.full_like(wrong["synthesis/conv2/bias"], 1e6)
  with pytest.raises(ModelError, match="synthesis/conv2/bias: has values that are not finite"):
    qualities.save(tmp_path / "model", KIND, {"channels": CHANNELS}, [Quality(1.0, wrong)])
