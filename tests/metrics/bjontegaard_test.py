"""Claims about BD-rate and BD-PSNR: the numbers of the package bjontegaard."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pytest

from compression.metrics import CurveError, bd_psnr, bd_rate
from compression.metrics import bjontegaard as module
from compression.metrics.published import TODERICI_2017_KODAK

METHODS = ["pchip", "cubic"]
NETWORK = tuple(zip(*TODERICI_2017_KODAK))[:2]  # bits per pixel and PSNR
# Bits per pixel and PSNR of JPEG 4:2:0 on Kodak: every sixth point of tensorflow/compression,
# results/image_compression/kodak/PSNR_sRGB_RGB_jpeg420.txt, up to 2 bits per pixel.
JPEG_POINTS = [
  (0.169711, 21.455203),
  (0.256078, 25.333054),
  (0.374512, 27.631606),
  (0.477378, 28.935189),
  (0.569962, 29.867023),
  (0.653670, 30.569074),
  (0.730016, 31.152500),
  (0.800719, 31.629201),
  (0.877101, 32.101397),
  (0.937917, 32.485193),
  (1.029090, 32.969317),
  (1.132390, 33.541104),
  (1.281542, 34.235434),
  (1.488165, 35.135303),
  (1.812230, 36.418755),
]
JPEG = tuple(zip(*JPEG_POINTS))
# Four points as VCEG-M33 asks for: the example of github.com/Anserw/Bjontegaard_metric, in kbit/s.
ANCHOR = [686.76, 309.58, 157.11, 85.95], [40.28, 37.18, 34.24, 31.42]
TEST = [893.34, 407.8, 204.93, 112.75], [40.39, 37.21, 34.17, 31.24]
# BD-rate and BD-PSNR by bjontegaard 1.3.0, SciPy 1.11.4: `of_package` below, by
#   python -c "from tests.metrics.bjontegaard_test import *; print_golden()"
GOLDEN = {
  ("example", "pchip"): (31.379878202397627, -1.183472404622454),
  ("example", "cubic"): (31.39737405490852, -1.1848979217703273),
  ("network", "pchip"): (9.042429053681488, -0.5470509833101104),
  ("network", "cubic"): (9.88577159097408, -0.562218530442892),
}


def of_package(anchor, curve, method: str) -> tuple[float, float]:
  package = pytest.importorskip("bjontegaard")
  options = {"method": method, "require_matching_points": False, "min_overlap": 0}
  points = [np.array(sorted(zip(*each))).T for each in (anchor, curve)]
  rate, psnr = (f(*points[0], *points[1], **options) for f in (package.bd_rate, package.bd_psnr))
  return float(rate), float(psnr)


PAIRS = {"example": (ANCHOR, TEST), "network": (JPEG, NETWORK)}


def print_golden() -> None:
  for name, pair in PAIRS.items():
    for method in METHODS:
      print(f'  ("{name}", "{method}"): {of_package(*pair, method)},')


def curve(rates, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
  """Qualities that rise in steps of random height."""
  steps = np.random.default_rng(seed).uniform(0.3, 3, len(rates))
  return np.asarray(rates), 25 + np.cumsum(steps)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("method", METHODS)
def test_golden_numbers(name, method):
  actual = (
    bd_rate(*PAIRS[name][0], *PAIRS[name][1], method),
    bd_psnr(*PAIRS[name][0], *PAIRS[name][1], method),
  )
  assert actual == pytest.approx(GOLDEN[name, method], abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("points", [(4, 4), (4, 9), (16, 7), (30, 30)])
def test_agrees_with_the_package(method, points):
  for seed in range(10):
    anchor = curve(np.geomspace(0.1, 2, points[0]), seed)
    other = curve(np.geomspace(0.07, 1.7, points[1]), seed + 100)
    expected = of_package(anchor, other, method)
    assert bd_rate(*anchor, *other, method) == pytest.approx(expected[0], rel=1e-7, abs=1e-7)
    assert bd_psnr(*anchor, *other, method) == pytest.approx(expected[1], rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("points", [(2, 2), (2, 3), (3, 5)])
def test_few_points_agree_with_the_package_too(points):
  anchor, other = (curve(np.geomspace(0.1, 2, count), count) for count in points)
  actual = bd_rate(*anchor, *other), bd_psnr(*anchor, *other)
  assert actual == pytest.approx(of_package(anchor, other, "pchip"), abs=1e-9)


@pytest.mark.parametrize("count", [2, 3, 4, 11])
def test_pchip_is_scipys(count):
  interpolate = pytest.importorskip("scipy.interpolate")
  for seed in range(20):
    x, y = curve(np.sort(np.random.default_rng(seed).uniform(0, 3, count)), seed)
    expected = interpolate.PchipInterpolator(x, y)
    at = np.linspace(x[0], x[-1], 101)
    slopes = module._pchip_slopes(x, y)
    np.testing.assert_allclose(module._hermite(x, y, slopes, at), expected(at), atol=1e-9)
    low, high = x[0] + 0.2 * (x[-1] - x[0]), x[-1] - 0.1 * (x[-1] - x[0])
    integral = module._integral_of_pchip(x, y, low, high)
    assert integral == pytest.approx(float(expected.integrate(low, high)), abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_curve_against_itself_is_0(method):
  for points in (ANCHOR, NETWORK, JPEG):
    both = bd_rate(*points, *points, method), bd_psnr(*points, *points, method)
    assert both == pytest.approx((0, 0), abs=1e-12)
  assert isinstance(bd_rate(*ANCHOR, *ANCHOR), float)
  assert isinstance(bd_psnr(*ANCHOR, *ANCHOR), float)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor", [0.25, 0.9, 1.1, 3])
def test_rates_times_a_factor_are_that_percentage(method, factor):
  scaled = [rate * factor for rate in NETWORK[0]]
  expected = pytest.approx(100 * (factor - 1), abs=1e-9)
  assert bd_rate(*NETWORK, scaled, NETWORK[1], method) == expected


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_gain_is_that_many_decibels(method):
  better = [value + 1.5 for value in NETWORK[1]]
  assert bd_psnr(*NETWORK, NETWORK[0], better, method) == pytest.approx(1.5, abs=1e-9)
  assert bd_rate(*NETWORK, NETWORK[0], better, method) < 0


@pytest.mark.parametrize("method", METHODS)
def test_logarithmic_curves_have_exact_numbers(method):
  # quality = 10 log10(rate) + 30, and 1 dB per octave less steep: both are lines over log10(rate).
  anchor = np.geomspace(0.1, 2, 6), 30 + 10 * np.log10(np.geomspace(0.1, 2, 6))
  other = np.geomspace(0.2, 4, 5), 33 + 7 * np.log10(np.geomspace(0.2, 4, 5))
  low, high = np.log10(0.2), np.log10(2)
  expected = np.mean([3 - 3 * low, 3 - 3 * high])  # of a line, the mean of its ends
  assert bd_psnr(*anchor, *other, method) == pytest.approx(expected, abs=1e-9)
  low, high = max(anchor[1][0], other[1][0]), min(anchor[1][-1], other[1][-1])
  difference = np.mean([(quality - 33) / 7 - (quality - 30) / 10 for quality in (low, high)])
  expected = 100 * (10**difference - 1)
  assert bd_rate(*anchor, *other, method) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_exchanging_the_curves_inverts_the_ratio(method):
  forth, back = bd_rate(*ANCHOR, *TEST, method), bd_rate(*TEST, *ANCHOR, method)
  assert (1 + forth / 100) * (1 + back / 100) == pytest.approx(1, abs=1e-12)
  assert bd_psnr(*ANCHOR, *TEST, method) == pytest.approx(-bd_psnr(*TEST, *ANCHOR, method))


@pytest.mark.parametrize("method", METHODS)
def test_neither_order_nor_unit_of_rates_matters(method):
  expected = bd_rate(*ANCHOR, *TEST, method), bd_psnr(*ANCHOR, *TEST, method)
  anchor, other = ([each[::-1] for each in points] for points in (ANCHOR, TEST))
  assert (bd_rate(*anchor, *other, method), bd_psnr(*anchor, *other, method)) == pytest.approx(
    expected
  )
  anchor, other = (([r / 1000 for r in rates], values) for rates, values in (ANCHOR, TEST))
  actual = bd_rate(*anchor, *other, method), bd_psnr(*anchor, *other, method)
  assert actual == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_points_no_better_than_cheaper_ones_are_left_out(method):
  rates, values = [*TEST[0], 200, 500, 900, 407.8], [*TEST[1], 30, 37.21, 40.39, 37.0]
  expected = bd_rate(*ANCHOR, *TEST, method)
  assert bd_rate(*ANCHOR, rates, values, method) == pytest.approx(expected)
  expected = bd_psnr(*TEST, *ANCHOR, method)
  assert bd_psnr(rates, values, *ANCHOR, method) == pytest.approx(expected)


@pytest.mark.parametrize("method", METHODS)
def test_curves_without_a_common_range_are_refused(method):
  better = [value + 10 for value in ANCHOR[1]]
  with pytest.raises(
    CurveError, match=r"^the qualities .* 31.42..40.28 \(anchor\) and 41.42..50.28$"
  ):
    bd_rate(*ANCHOR, ANCHOR[0], better, method)
  bd_psnr(*ANCHOR, ANCHOR[0], better, method)
  dear = [rate * 10 for rate in ANCHOR[0]]
  with pytest.raises(
    CurveError, match=r"^the rates .* 85.95..686.76 \(anchor\) and 859.5..6867.6$"
  ):
    bd_psnr(*ANCHOR, dear, ANCHOR[1], method)
  touching = [value + 40.28 - 31.42 for value in ANCHOR[1]]
  touching[-1] = 40.28
  with pytest.raises(CurveError, match="do not overlap"):
    bd_rate(*ANCHOR, ANCHOR[0], touching, method)


@pytest.mark.parametrize("function", [bd_rate, bd_psnr])
def test_too_few_points_are_refused(function):
  with pytest.raises(CurveError, match="^the anchor needs at least 2 points .* Received: 1$"):
    function([1], [30], *ANCHOR)
  with pytest.raises(CurveError, match="^the curve needs at least 4 points .* Received: 3$"):
    function(*ANCHOR, ANCHOR[0][1:], ANCHOR[1][1:], "cubic")
  with pytest.raises(CurveError, match="^the curve needs at least 2 points .* Received: 1$"):
    function(*ANCHOR, [100, 200, 300], [35, 35, 34])
  with pytest.raises(ValueError, match="pchip, cubic. Received: akima$"):
    function(*ANCHOR, *TEST, "akima")


@pytest.mark.parametrize("function", [bd_rate, bd_psnr])
def test_what_is_no_curve_is_refused_by_name(function):
  for rates, values in [([1, 2], [30]), ([0, 1], [30, 31]), ([1, 2], [30, float("inf")])]:
    with pytest.raises(CurveError, match="^the anchor must .* Received: "):
      function(rates, values, *ANCHOR)
    with pytest.raises(CurveError, match="^the curve must .* Received: "):
      function(*ANCHOR, rates, values)


@pytest.mark.parametrize("method", METHODS)
def test_points_that_almost_coincide_give_no_warning(method):
  rates = [1, np.nextafter(1, 2), 1.1, 1.2, 1.3, 1.4]
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    assert np.isfinite(bd_rate(rates, [30, 31, 32, 33, 34, 35], *curve(np.arange(1, 20)), method))


def test_needs_neither_tensorflow_nor_scipy():
  code = (
    "import sys; from compression.metrics import area_under_curve, bd_rate, bd_psnr;"
    "c = [0.2, 0.5, 1, 2], [20, 25, 30, 35]; area_under_curve(*c);"
    "[f(*c, *c, m) for f in (bd_rate, bd_psnr) for m in ('pchip', 'cubic')];"
    "sys.exit('tensorflow' in sys.modules or 'scipy' in sys.modules)"
  )
  root = pathlib.Path(module.__file__).parents[2]
  assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
