"""Names of codecs are found, or refused in a line that says what there is."""

from __future__ import annotations

import pathlib
import shutil
import sys

import pytest

from compression.codecs import model_folders, registry
from compression.codecs.pillow import PillowCodec
from compression.codecs.recurrent.model_codecs import ModelCodec
from compression.common.errors import CompressionError, ModelError


def test_every_released_model_and_library_has_a_name() -> None:
  names = registry.names()
  assert names[0] == model_folders.models()[0].name
  assert {"residual_gru", "jpeg420", "jpeg444", "webp", "jpeg2000", "avif", "jxl"} < set(names)
  assert isinstance(registry.find("residual_gru"), ModelCodec)
  assert isinstance(registry.find("jpeg420"), PillowCodec)


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
  with pytest.raises(ModelError, match="^jpg: no such model .*residual_gru; codecs: jpeg420, "):
    registry.find("jpg")


def test_what_is_missing_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
  monkeypatch.setitem(sys.modules, "pillow_jxl", None)
  found, missing = registry.find_all(["jxl", "jpeg420", "jpeg420"])
  assert list(found) == ["jpeg420"]
  assert missing == ["jxl needs the package pillow-jxl-plugin"]
  with pytest.raises(CompressionError, match="^no codec is left: jxl needs"):
    registry.find_all(["jxl"])


def test_two_codecs_of_one_name_are_refused(tmp_path: pathlib.Path) -> None:
  folder = tmp_path / "residual_gru"
  shutil.copytree(model_folders.find("residual_gru").folder, folder)
  with pytest.raises(CompressionError, match="another of the codecs is called residual_gru, too"):
    registry.find_all(["residual_gru", str(folder)])
