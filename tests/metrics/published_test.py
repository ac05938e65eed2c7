"""Published points are whole and plausible: a slip of a digit would show in every plot."""

from __future__ import annotations

import numpy as np
import pytest

from compression.metrics import published


@pytest.mark.parametrize(
  "points", [published.TODERICI_2017_KODAK, published.JOHNSTON_2017_KODAK, published.JPEG_420_KODAK]
)
def test_the_points_are_smooth_curves_that_rise(points: tuple[published.Point, ...]) -> None:
  rates, psnr, ms_ssim = np.transpose(points)
  assert (np.diff(rates) > 0).all() and (np.diff(psnr) > 0).all() and (np.diff(ms_ssim) >= 0).all()
  assert ms_ssim[-1] < 1
  for i in range(1, len(points) - 1):  # each is near the line between its neighbours
    ends = rates[[i - 1, i + 1]]
    assert abs(np.interp(rates[i], ends, psnr[[i - 1, i + 1]]) - psnr[i]) < 0.6
    assert abs(np.interp(rates[i], ends, ms_ssim[[i - 1, i + 1]]) - ms_ssim[i]) < 0.03


def test_the_networks_are_those_of_the_paper_and_its_successor() -> None:
  paper, successor = published.NETWORKS_KODAK
  assert [point.bpp for point in paper.points] == [0.125 * n for n in range(1, 17)]
  assert "Toderici" in paper.name and "Johnston" in successor.name
  assert 0.09 < successor.points[0].bpp < 0.1 and 1.95 < successor.points[-1].bpp < 2
