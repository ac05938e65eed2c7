"""The table of variants: a row for each, on the photos that were named."""

from __future__ import annotations

import functools
import pathlib

import numpy as np
import pytest
from PIL import Image

from compression import load
from compression.exporting import tflite
from tests import programs
from tests.exporting.examples import save_small_model

_run = functools.partial(programs.call, "tools.compare_tflite")
_fails = functools.partial(programs.refuses, "tools.compare_tflite")


@pytest.mark.slow
def test_every_variant_has_a_row(tmp_path: pathlib.Path) -> None:
  model = save_small_model(tmp_path / "model", unit="gru")
  save_small_model(tmp_path / "other", unit="lstm")
  tflite.export(load(model), tmp_path, ["float32", "dynamic"])
  for number, size in enumerate([(40, 17), (16, 33)]):
    image = np.random.default_rng(number).integers(0, 256, [*size, 3], np.uint8)
    Image.fromarray(image).save(tmp_path / f"{number}.png")

  flags = ["--images=*.png", "--decoder=tflite"]
  status, out, err = _run(tmp_path, "--model=model", *flags)
  assert status == 0, err
  rows = [line.strip("| ").split(" | ") for line in out.splitlines()]
  assert [row[0] for row in rows] == ["decoder", "---", "Python API", "dynamic", "float32"]
  assert all(len(row) == len(rows[0]) for row in rows)
  # The model has 4 iterations; at each, float32 loses nothing.
  assert rows[0][3:] == ["PSNR dB at 1", "PSNR dB at 4"]
  assert all(cell.endswith(("(+0.00)", "(-0.00)")) for cell in rows[-1][3:])
  assert float(rows[-1][1]) == pytest.approx(
    (tmp_path / "tflite/decoder_float32.tflite").stat().st_size / 1e6, abs=0.005
  )
  assert float(rows[-1][2]) >= 0

  _fails(tmp_path, "is of model", "--model=other", *flags)


def test_a_folder_without_decoders_is_refused(tmp_path: pathlib.Path) -> None:
  Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
  _fails(tmp_path, ".: holds no decoder_*.tflite", "--images=a.png", "--decoder=.")
