"""Bjontegaard's distances between two rate-distortion curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from compression.metrics.curves import CurveError, check_curve

_LEAST_POINTS = {"pchip": 2, "cubic": 4}  # for each way to interpolate


def bd_rate(
  anchor_bpp: Any, anchor_quality: Any, bpp: Any, quality: Any, method: str = "pchip"
) -> float:
  """BD-rate of Bjontegaard (ITU-T VCEG-M33, 2001): how many more bits than the anchor, in percent.

  With r(q) the logarithm of the rate that a codec needs for the quality q, in the range q_0..q_1
  that both curves have:

    BD-rate = 100 (10^d - 1),   d = 1 / (q_1 - q_0) * integral of r(q) - r_anchor(q)

  Between the points, r is
    - "pchip": piecewise cubic and monotone (Fritsch and Carlson, SIAM J. Numer. Anal. 1980), as
      the common test conditions of HEVC and VVC have it;
    - "cubic": one cubic polynomial, through four points as in VCEG-M33, or nearest to more in the
      sense of least squares. It may swing where points are far apart.

  Only points that are better than all cheaper ones are used: a codec's others are no choice. As
  differences of MS-SSIM shrink near 1, give that as -10 log10(1 - MS-SSIM).

  Args:
    anchor_bpp, anchor_quality: [P], the curve compared with, in any order; rates above 0.
    bpp, quality: [Q], the curve to judge.
    method: "pchip" or "cubic".

  Returns:
    Percent; below 0 if the curve needs fewer bits than the anchor for the same quality, more than
    -100.

  Raises:
    CurveError: if these are no points, are too few (2, or 4 for "cubic"), or the qualities of the
      curves do not overlap.
    ValueError: if there is no such method.
  """
  anchor_rates, anchor_values = _increasing("the anchor", anchor_bpp, anchor_quality, method)
  rates, values = _increasing("the curve", bpp, quality, method)
  difference = _mean_difference("qualities", anchor_values, anchor_rates, values, rates, method)
  return float(100 * (10**difference - 1))


def bd_psnr(
  anchor_bpp: Any, anchor_quality: Any, bpp: Any, quality: Any, method: str = "pchip"
) -> float:
  """BD-PSNR of Bjontegaard (ITU-T VCEG-M33, 2001): how much better than the anchor at equal rates.

  With q(r) the quality at the logarithm r of the rate, in the range r_0..r_1 that both curves have:

    BD-PSNR = 1 / (r_1 - r_0) * integral of q(r) - q_anchor(r)

  Arguments, interpolation and points that are left out: as for `bd_rate`.

  Returns:
    In the unit of `quality`, dB for PSNR; above 0 if the curve is better than the anchor.

  Raises:
    CurveError: if these are no points, are too few (2, or 4 for "cubic"), or the rates of the
      curves do not overlap.
    ValueError: if there is no such method.
  """
  anchor_rates, anchor_values = _increasing("the anchor", anchor_bpp, anchor_quality, method)
  rates, values = _increasing("the curve", bpp, quality, method)
  return _mean_difference("rates", anchor_rates, anchor_values, rates, values, method)


def _increasing(name: str, bpp: Any, quality: Any, method: str) -> tuple[np.ndarray, np.ndarray]:
  """log10 of rates and qualities of the points that are better than all cheaper ones.

  Both increase strictly.
  """
  if method not in _LEAST_POINTS:
    raise ValueError(f"method must be one of {', '.join(_LEAST_POINTS)}. Received: {method}")
  rates, values = check_curve(name, bpp, quality)
  rates = np.log10(rates)
  # Of points of one rate, only the last, which is the best, may stay.
  best = np.append(rates[1:] > rates[:-1], True)
  rates, values = rates[best], values[best]
  better = np.append(True, values[1:] > np.maximum.accumulate(values)[:-1])
  rates, values = rates[better], values[better]
  if len(rates) < _LEAST_POINTS[method]:
    raise CurveError(
      f"{name} needs at least {_LEAST_POINTS[method]} points of increasing quality for {method}. "
      f"Received: {len(rates)}"
    )
  return rates, values


def _mean_difference(
  axis: str, anchor_x: np.ndarray, anchor_y: np.ndarray, x: np.ndarray, y: np.ndarray, method: str
) -> float:
  """Mean of curve minus anchor over the x that both have; `axis` is for the message."""
  low, high = max(anchor_x[0], x[0]), min(anchor_x[-1], x[-1])
  if not low < high:
    spans = (span if axis == "qualities" else 10**span for span in (anchor_x, x))
    first, second = (f"{span[0]:g}..{span[-1]:g}" for span in spans)
    raise CurveError(
      f"the {axis} of the two curves do not overlap. Received: {first} (anchor) and {second}"
    )
  integral = _integral_of_pchip if method == "pchip" else _integral_of_cubic
  difference = integral(x, y, low, high) - integral(anchor_x, anchor_y, low, high)
  return float(difference / (high - low))


def _integral_of_cubic(x: np.ndarray, y: np.ndarray, low: float, high: float) -> float:
  """The integral of the cubic polynomial nearest to the points."""
  antiderivative = np.polynomial.Polynomial.fit(x, y, 3).integ()
  return float(antiderivative(high) - antiderivative(low))


def _integral_of_pchip(x: np.ndarray, y: np.ndarray, low: float, high: float) -> float:
  """The integral of the monotone piecewise cubic through the points, over a range within theirs."""
  knots = np.concatenate([[low], x[(x > low) & (x < high)], [high]])
  middles = (knots[1:] + knots[:-1]) / 2
  slopes = _pchip_slopes(x, y)
  at_knots, at_middles = (_hermite(x, y, slopes, at) for at in (knots, middles))
  # Simpson's rule is exact for cubics.
  pieces = np.diff(knots) * (at_knots[:-1] + 4 * at_middles + at_knots[1:]) / 6
  return float(np.sum(pieces))


def _hermite(x: np.ndarray, y: np.ndarray, slopes: np.ndarray, at: np.ndarray) -> np.ndarray:
  """The cubics that have the values y and the slopes at x, evaluated."""
  piece = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
  width = x[piece + 1] - x[piece]
  t = (at - x[piece]) / width
  value = y[piece] * (1 + 2 * t) * (1 - t) ** 2 + y[piece + 1] * t**2 * (3 - 2 * t)
  bend = slopes[piece] * t * (1 - t) ** 2 - slopes[piece + 1] * t**2 * (1 - t)
  return value + width * bend


def _pchip_slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
  """Slopes [P] for increasing x and y, as SciPy's and MATLAB's pchip have them.

  Inside, the weighted harmonic mean of the neighbouring secants (Fritsch and Butland, SIAM J. Sci.
  Stat. Comput. 1984); at the ends, that of a parabola through three points, kept within what leaves
  the cubic monotone.
  """
  width = np.diff(x)
  secant = np.diff(y) / width
  if len(x) == 2:
    return np.repeat(secant, 2)
  first, second = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
  inside = (first + second) / (first / secant[:-1] + second / secant[1:])

  def at_end(near: float, far: float, secant_near: float, secant_far: float) -> float:
    slope = ((2 * near + far) * secant_near - near * secant_far) / (near + far)
    return max(slope, 0.0)  # less than twice the secant, which leaves the cubic monotone

  start = at_end(width[0], width[1], secant[0], secant[1])
  end = at_end(width[-1], width[-2], secant[-1], secant[-2])
  return np.concatenate([[start], inside, [end]])
