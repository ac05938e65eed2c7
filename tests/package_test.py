"""What `import compression` gives: all names at once, and nothing heavy before its use."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import numpy as np
import pytest

import compression
from compression.codecs import model_folders
from compression.codecs.base import Codec
from compression.common.errors import CompressionError, ModelError

ROOT = pathlib.Path(__file__).resolve().parent.parent


def test_all_names_are_there() -> None:
  for name in compression.__all__:
    assert getattr(compression, name) is not None and name in dir(compression)
  assert compression.Codec is Codec and compression.CompressionError is CompressionError
  with pytest.raises(AttributeError, match="^module 'compression' has no attribute 'modles'$"):
    compression.modles  # noqa: B018


def test_codecs_by_name_and_by_file() -> None:
  models = [model.name for model in model_folders.models()]
  assert compression.codec_names()[: len(models)] == models and "residual_gru" in models
  codec = compression.load("jpeg420")
  data = codec.compress(np.full([9, 7, 3], 100, np.uint8), 75)
  found = compression.codec_of(data)
  np.testing.assert_array_equal(found.decompress(data), codec.decompress(data))
  with pytest.raises(ModelError, match="^nope: no such model or folder"):
    compression.load("nope")


def test_the_folder_of_models_as_a_package_replaces_nothing(tmp_path: pathlib.Path) -> None:
  """Once installed, `models/` is the package compression.models."""
  (tmp_path / "models").mkdir()
  (tmp_path / "models/__init__.py").touch()
  code = f"""
import compression
before = compression.codec_names()
compression.__path__.append({str(tmp_path)!r})
import compression.models
assert compression.models.__file__.startswith({str(tmp_path)!r})
assert compression.codec_names() == before
assert compression.load("mobile").name == "mobile"
"""
  subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_package_is_imported_without_numpy_and_tensorflow() -> None:
  code = (
    "import sys, compression; compression.CompressionError;"
    "assert not {'numpy', 'tensorflow', 'absl'} & set(sys.modules)"
  )
  subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
