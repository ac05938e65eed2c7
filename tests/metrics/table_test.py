"""The table of metrics: what programs, results and plots know of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compression import metrics
from compression.common.errors import CompressionError, ModelError
from compression.metrics import table

NOISY = sorted({*table.METRICS})


@pytest.mark.parametrize("name", NOISY)
def test_more_noise_is_worse_in_what_is_drawn(name, photo):
  metric = table.find(name)
  try:
    metric.check()
  except ModelError as error:
    pytest.skip(str(error))
  image = photo[:64, :64]
  rng = np.random.default_rng(0)
  drawn = []
  for deviation in (2, 10, 40):
    noisy = (image + rng.normal(0, deviation, image.shape)).clip(0, 255).astype(np.uint8)
    drawn.append(metric.scale(float(metric.measure(image, noisy))))
  assert drawn == sorted(drawn, reverse=True) and np.isfinite(drawn).all()
  assert metric.uses_original and metric.title in metric.label


def test_those_of_all_results_are_the_functions_of_the_package(photo):
  noisy = photo[:64, :64] ^ 3
  for name in table.ALWAYS:
    found = table.find(name).measure(photo[:64, :64], noisy)
    assert found == pytest.approx(getattr(metrics, name)(photo[:64, :64], noisy), rel=1e-6)


def test_no_distance_is_infinitely_many_decibels():
  scale = table.find("lpips_alex").scale
  assert scale(0.1) == pytest.approx(10) and scale(0.0) == math.inf


def test_what_is_not_there_is_left_out_with_a_line():
  names, missing = table.find_all(["psnr", "psnr_hvs_m", "nima:", "nima:none.h5", "psnr_hvs_m"])
  assert names == ["psnr_hvs_m"]
  assert missing[0] == "nima: needs --nima_weights=FILE, the weights of MobileNet for NIMA"
  assert missing[1] == "nima: none.h5: no such file"


def test_unknown_names_are_answered_with_all(photo):
  with pytest.raises(CompressionError, match="^vmaf: no such metric; there are psnr, .*, nima$"):
    table.find("vmaf")


def test_nima_looks_at_the_decoded_image_alone(photo, monkeypatch):
  seen = []
  monkeypatch.setattr(table.nima_lib, "nima", lambda image, file: seen.append((image, file)) or 5)
  metric = table.find("nima:weights.h5")
  assert metric.measure("original", "compared") == 5 and not metric.uses_original
  assert seen == [("compared", "weights.h5")]
  assert metric.identity == "MobileNet, weights.h5"
