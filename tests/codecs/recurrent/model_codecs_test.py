"""A model's trials are those of the files that `compress` writes."""

from __future__ import annotations

import pathlib
import shutil

import numpy as np
import pytest

from compression.codecs import model_folders
from compression.codecs.recurrent.model_codecs import ModelCodec
from compression.formats import rnic


@pytest.fixture(scope="module")
def codec() -> ModelCodec:
  """The smaller of the released models, loaded once."""
  return ModelCodec("mobile")


def test_trials_are_those_of_files(codec: ModelCodec, photo: np.ndarray) -> None:
  image = np.ascontiguousarray(photo[:100, :90])
  trials = list(codec.trials(image))
  assert [trial.setting for trial in trials] == list(range(1, 17))
  for iteration in (1, 7, 16):
    data = codec.encode(image, iteration)
    assert rnic.read_header(data).layers == iteration
    trial = trials[iteration - 1]
    assert trial.size == len(data)
    np.testing.assert_array_equal(trial.image, codec.decode(data))
    assert trial.nominal_bpp == pytest.approx(iteration * 7 * 6 * 32 / 9000)


def test_seconds_between_those_that_are_measured_lie_on_the_line(
  codec: ModelCodec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
  measured: list[float] = []
  encode = codec.encode

  def noted(image: np.ndarray, setting: float) -> bytes:
    measured.append(setting)
    return encode(image, setting)

  monkeypatch.setattr(codec, "encode", noted)
  image = photo[:16, :16]
  trials = list(codec.trials(image))
  assert measured == [2, 1, 2, 4, 8, 16]  # the first only to warm up
  for name in ("encode_seconds", "decode_seconds"):
    seconds = [getattr(trial, name) for trial in trials]
    assert min(seconds) > 0
    assert seconds[2] == pytest.approx((seconds[1] + seconds[3]) / 2)
    np.testing.assert_allclose(np.diff(seconds[7:], 2), 0, atol=1e-9)
  measured.clear()
  list(codec.trials(image))
  assert measured == [1, 2, 4, 8, 16]


def test_the_identity_changes_with_any_of_the_model_s_files(tmp_path: pathlib.Path) -> None:
  folder = tmp_path / "copy"
  shutil.copytree(model_folders.find("mobile").folder, folder)
  released = ModelCodec("mobile")
  copy = ModelCodec(str(folder))
  assert (copy.name, copy.identity) == ("copy", released.identity)
  assert ModelCodec(str(folder), "mixed_bfloat16").identity != released.identity
  (folder / "training" / "more.json").write_text("{}")  # does not change what it codes
  assert ModelCodec(str(folder)).identity == released.identity
  coder = next((folder / "entropy_coder").glob("*.npz"))
  coder.write_bytes(coder.read_bytes() + b"x")
  assert ModelCodec(str(folder)).identity != released.identity
