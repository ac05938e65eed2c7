"""What the player loads, and what it refuses."""

from __future__ import annotations

import pathlib

import pytest

from compression.exporting import tflite_player


def test_what_is_no_model_is_refused(tmp_path: pathlib.Path) -> None:
  (tmp_path / "decoder.tflite").write_bytes(b"no model")
  for name in ("decoder.tflite", "gone.tflite"):
    with pytest.raises(ValueError):
      tflite_player.load(tmp_path / name)
