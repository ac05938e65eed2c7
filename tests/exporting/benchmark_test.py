"""The benchmark runs every decoder of an export; how fast they are is not tested."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from compression.exporting import VARIANTS, benchmark, saved_model, tflite
from tests.exporting.examples import save_small_model


@pytest.mark.slow
def test_every_decoder_is_measured(tmp_path: pathlib.Path) -> None:
  from compression import load

  model = save_small_model(tmp_path / "model", unit="gru")
  codec = load(model)
  export = tmp_path / "export"
  export.mkdir()
  saved_model.export(codec, export)
  tflite.export(codec, export, VARIANTS, [np.zeros([32, 32, 3], np.uint8)])
  bits = np.zeros([2, 2, 3, codec.config.bits], bool)
  found = benchmark.seconds(str(model), export, bits, threads=1, repeat=1)
  names = [benchmark.PYTHON_API, benchmark.SAVED_MODEL]
  assert sorted(found) == sorted([*names, *(f"decoder_{variant}" for variant in VARIANTS)])
  assert min(found.values()) > 0
