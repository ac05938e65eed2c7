"""Claims about rate-distortion curves and the areas under them."""

from __future__ import annotations

import numpy as np
import pytest

from compression.common.errors import CompressionError
from compression.metrics import CurveError, area_under_curve
from compression.metrics.curves import check_curve
from compression.metrics.published import TODERICI_2017_KODAK

NETWORK_BPP, _, NETWORK_MS_SSIM = zip(*TODERICI_2017_KODAK)
# Bits per pixel and MS-SSIM of JPEG 4:2:0 on Kodak: every sixth point of tensorflow/compression,
# results/image_compression/kodak/MS-SSIM_sRGB_RGB_jpeg420.txt, up to 2 bits per pixel.
JPEG_POINTS = [
  (0.169711, 0.712071),
  (0.256078, 0.853902),
  (0.374512, 0.916271),
  (0.477378, 0.941888),
  (0.569962, 0.955735),
  (0.653670, 0.964027),
  (0.730016, 0.969427),
  (0.800719, 0.973023),
  (0.877101, 0.976618),
  (0.937917, 0.978618),
  (1.029090, 0.981007),
  (1.132390, 0.983323),
  (1.281542, 0.985832),
  (1.488165, 0.988265),
  (1.812230, 0.990997),
]
JPEG_BPP, JPEG_MS_SSIM = zip(*JPEG_POINTS)


def test_a_constant_has_the_area_of_a_rectangle():
  assert area_under_curve([0.125, 2], [0.5, 0.5]) == pytest.approx(0.5 * 1.875)
  assert area_under_curve([0.3, 0.9, 1.4], [30, 30, 30]) == pytest.approx(30 * 1.875)
  assert isinstance(area_under_curve([1], [1]), float)


def test_a_line_has_the_area_of_a_trapezoid_wherever_its_points_are():
  expected = 1.875 * (3 * (0.125 + 2) / 2 + 1)
  for rates in ([0.125, 2], [0.01, 5], [0.125, 0.3, 1.9, 2], [0.05, 0.125, 1, 2, 3]):
    assert area_under_curve(rates, 3 * np.array(rates) + 1) == pytest.approx(expected)


def test_the_ends_are_held_and_what_is_beyond_is_cut_off():
  inner = area_under_curve([0.5, 1.5], [1, 2])
  assert inner == pytest.approx(0.375 * 1 + 1.5 + 0.5 * 2)
  assert area_under_curve([0.5, 1.5, 2, 2.5, 9], [1, 2, 2, 7, 50]) == pytest.approx(inner)
  assert area_under_curve([0.001, 0.1, 0.125, 0.5, 1.5], [-9, -5, 1, 1, 2]) == pytest.approx(inner)


def test_the_order_of_the_points_does_not_matter():
  order = np.random.default_rng(1).permutation(len(JPEG_POINTS))
  shuffled = np.array(JPEG_POINTS)[order].T
  expected = area_under_curve(JPEG_BPP, JPEG_MS_SSIM)
  assert area_under_curve(*shuffled) == pytest.approx(expected)


def test_two_points_at_one_rate_are_a_step():
  assert area_under_curve([0.125, 1, 1, 2], [1, 1, 3, 3]) == pytest.approx(0.875 + 3)


def test_areas_of_the_published_curves_are_those_in_the_docstring():
  area = area_under_curve(NETWORK_BPP, NETWORK_MS_SSIM)
  assert area == pytest.approx(1.8116, abs=5e-5)
  assert area == pytest.approx(
    np.trapz(NETWORK_MS_SSIM, NETWORK_BPP), abs=1e-12
  )  # 0.125 and 2 are points
  # The areas in the paper, for the units trained on 32 x 32 images, before entropy coding.
  assert 1.7948 < area < 1.8098 * 1.005
  # Of every sixth point; 1.7947 of all.
  assert area_under_curve(JPEG_BPP, JPEG_MS_SSIM) == pytest.approx(1.7928, abs=5e-5)


def test_curves_without_points_within_the_limits_are_refused():
  for rates in ([2, 3], [0.05, 0.1], [0.125]):
    with pytest.raises(CurveError, match=r"needs points in 0.125..2.0 .*Received: "):
      area_under_curve(rates, np.ones(len(rates)))
  area_under_curve([0.05, 3], [1, 2])  # but on both sides of them they are a line


def test_checked_points_are_in_the_order_of_rates_then_qualities():
  rates, values = check_curve("x", [2, 1, 2, 0.5], [7, 6, 5, 8])
  assert list(rates) == [0.5, 1, 2, 2] and list(values) == [8, 6, 5, 7]
  assert rates.dtype == values.dtype == np.float64


@pytest.mark.parametrize(
  "rates, values, message",
  [
    ([1, 2], [30], r"shapes \(2,\) and \(1,\)$"),
    ([], [], r"shapes \(0,\) and \(0,\)$"),
    (1, 30, r"shapes \(\) and \(\)$"),
    ([[1, 2]], [[30, 31]], r"shapes \(1, 2\)"),
    ([0, 1], [30, 31], "Received: 30 at 0 bpp$"),
    ([-1, 1], [30, 31], "Received: 30 at -1 bpp$"),
    ([1, float("nan")], [30, 31], "Received: 31 at nan bpp$"),
    ([1, float("inf")], [30, 31], "Received: 31 at inf bpp$"),
    ([1, 2], [30, float("inf")], "Received: inf at 2 bpp$"),
    (["a", "b"], [30, 31], "is not made of numbers"),
    ([[1], [2, 3]], [30, 31], "is not made of numbers"),
    (None, None, "Received: shapes|is not made of numbers"),
  ],
)
def test_what_is_no_curve_is_refused(rates, values, message):
  with pytest.raises(CurveError, match=message):
    area_under_curve(rates, values)


def test_errors_are_among_the_packages():
  assert issubclass(CurveError, CompressionError) and issubclass(CurveError, ValueError)
