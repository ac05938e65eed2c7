"""The benchmark runs every decoder of an export; how fast they are is not tested."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from compression.exporting import benchmark, tflite
from tests.exporting.examples import export_networks, save_small_model


@pytest.mark.slow
def test_every_decoder_is_measured(tmp_path: pathlib.Path) -> None:
  from compression import load

  model = save_small_model(tmp_path / "model", unit="gru")
  codec = load(model)
  export = tmp_path / "export"
  export.mkdir()
  export_networks(codec, export)
  variants = ["float32", "dynamic"]
  tflite.export(codec, export, variants)
  bits = np.zeros([2, 2, 3, codec.config.bits], bool)
  found = benchmark.seconds(str(model), export, bits, threads=1, repeat=1)
  names = [benchmark.PYTHON_API, benchmark.SAVED_MODEL]
  assert sorted(found) == sorted([*names, *(f"decoder_{variant}" for variant in variants)])
  assert min(found.values()) > 0
