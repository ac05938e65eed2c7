"""Means are those of the rows, and curves those of the means."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from compression.evaluation import means as means_lib
from compression.evaluation.means import MEASURES, MS_SSIM_DB, PSNR, PSNR_HVS, means
from compression.metrics import table
from compression.metrics.ms_ssim import decibels
from tests.evaluation.examples import KODAK, curve, network

POINTS = [
  *curve("jpeg420", [(0.2, 20.0), (0.4, 30.0)], ["a.png"]),
  *curve("jpeg420", [(0.4, 22.0), (0.8, 34.0)], ["b.png"]),
]


def test_means_are_over_the_images_at_a_setting() -> None:
  first, second = means(POINTS)
  assert (first.codec, first.setting, first.images) == ("jpeg420", 1, 2)
  assert (first.bpp, first.psnr, first.bytes) == (pytest.approx(0.3), 21, 300)
  assert first.ms_ssim == pytest.approx(1 - (0.1 + 10**-1.1) / 2)
  assert (second.psnr, second.psnr_hvs, second.nominal_bpp) == (32, 33, None)
  (only,) = means(network("m", [(0.1, 20.0)], ["a.png", "b.png"]))
  assert only.nominal_bpp == 0.125
  rows = list(csv.DictReader(io.StringIO(means_lib.to_csv(means(POINTS)))))
  assert [row["psnr"] for row in rows] == ["21", "32"]


def test_further_metrics_have_means_and_columns() -> None:
  points = [
    point._replace(more={"lpips_alex": distance})
    for point, distance in zip([*curve("c", [(0.5, 20.0)]), *curve("c", [(0.7, 22.0)])], (0.1, 0.3))
  ]
  points = [point._replace(setting=1) for point in points]
  (mean,) = means(points)
  metric = table.find("lpips_alex")
  assert mean.quality(metric) == pytest.approx(0.2)
  assert [found.name for found in means_lib.drawn([mean])][-1] == "lpips_alex"
  (drawn,) = means_lib.curves([mean], metric)
  assert drawn.quality == (pytest.approx(-10 * np.log10(0.2)),)
  head, row = means_lib.to_csv([mean]).splitlines()
  assert head.endswith(",nominal_bpp,lpips_alex")
  assert float(row.split(",")[-1]) == mean.more["lpips_alex"]
  assert not means_lib.published_curves(metric)
  assert np.isnan(mean.quality(table.find("lpips_vgg")))


def test_decibels_of_ms_ssim() -> None:
  assert decibels(0.9) == pytest.approx(10) and decibels(0.999) == pytest.approx(30)
  assert decibels(1.0) == float("inf") and decibels(0.0) == 0


def test_curves_are_in_the_order_of_rates_and_finite() -> None:
  points = curve("c", [(0.5, 30.0), (0.25, 25.0), (3.0, float("inf"))])
  (found,) = means_lib.curves(means(points), PSNR)
  assert (found.name, found.bpp, found.quality) == ("c", (0.25, 0.5), (25, 30))
  (found,) = means_lib.curves(means(points), MS_SSIM_DB)
  assert found.quality == pytest.approx((12.5, 15))


def test_published_curves_are_of_what_was_published() -> None:
  assert means_lib.published_curves(PSNR_HVS) == []
  for measure in MEASURES[:2]:
    names = [curve.name for curve in means_lib.published_curves(measure)]
    assert names == [
      "Toderici et al. 2017, nominal bpp (published)",
      "Johnston et al. 2017 (published)",
    ]
  paper = means_lib.published_curves(MS_SSIM_DB)[0]
  assert paper.quality[0] == pytest.approx(decibels(0.81910))


def test_kodak_is_all_24_images_and_nothing_else() -> None:
  pairs = [(0.5, 30.0)]
  assert means_lib.is_kodak(curve("c", pairs, KODAK))
  assert means_lib.is_kodak(curve("c", pairs, [name.replace("png", "bmp") for name in KODAK]))
  assert not means_lib.is_kodak(curve("c", pairs, KODAK[:-1]))
  assert not means_lib.is_kodak(curve("c", pairs, [*KODAK, "a.png"]))


def test_the_codec_of_the_check_is_shown_only_if_it_is_alone() -> None:
  check = means(curve("jpeg420_baseline", [(0.5, 30.0)]))
  other = means(curve("jpeg420", [(0.5, 30.0)]))
  assert means_lib.shown(check + other) == other
  assert means_lib.shown(check) == check


def test_what_means_are_of_in_words() -> None:
  assert means_lib.subject(1, kodak=False) == "1 image"
  assert means_lib.subject(24, kodak=True) == "24 Kodak images"
