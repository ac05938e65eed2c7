"""The evaluation measures real files; on Kodak the released model is as good as its card says."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

import compression
from compression.datasets.images import read_photo
from compression.metrics import ms_ssim, psnr
from compression.metrics.published import TODERICI_2017_KODAK
from compression.rate_distortion import Point, evaluate, table


def test_points_are_those_of_files(photo: np.ndarray) -> None:
  codec = compression.load()
  image = np.ascontiguousarray(photo[:100, :90])
  points = evaluate(codec, "a.png", image)
  assert [point.setting for point in points] == list(range(1, 17))
  for iteration in (1, 7):
    data = codec.compress(image, iteration)
    restored = codec.decompress(data)
    point = points[iteration - 1]
    assert point.bytes == len(data)
    assert point.nominal_bpp == pytest.approx(iteration * 7 * 6 * 32 / 9000)
    assert point.bpp == pytest.approx(8 * len(data) / 9000)
    assert point.psnr == pytest.approx(float(psnr(image, restored)))
    assert point.ms_ssim == pytest.approx(float(ms_ssim(image, restored)))


def test_the_table_shows_means_and_the_paper_only_for_kodak() -> None:
  points = [
    Point(name, "m", iteration, 0.5 * iteration, 10, 0.4 * iteration, quality, 0.9)
    for name, quality in (("a.png", 20.0), ("b.png", 30.0))
    for iteration in (1, 2)
  ]
  text = table(points)
  assert "| 1 | 0.500 | 0.400 | 20.0% | 25.00 | 0.9000 |" in text and "paper" not in text
  points = [Point(f"kodim{i:02d}.png", "m", 1, 0.125, 10, 0.1, 23.5, 0.82) for i in range(24)]
  assert "| 1 | 0.125 | 0.100 | 20.0% | 23.50 | 0.8200 | 23.01 | 0.8191 |" in table(points)


def test_published_points_are_in_order() -> None:
  assert len(TODERICI_2017_KODAK) == 16
  for before, after in zip(TODERICI_2017_KODAK, TODERICI_2017_KODAK[1:]):
    assert all(a < b for a, b in zip(before, after))


FIRST_WEIGHTS_PSNR = (
  23.71, 26.10, 27.34, 28.41, 29.32, 30.04, 30.58, 31.09,
  31.50, 31.82, 32.09, 32.30, 32.45, 32.53, 32.55, 32.53,
)  # fmt: skip
"""dB at each iteration, means over kodim01 to kodim03, of the first weights of this project."""


@pytest.mark.slow
def test_the_released_model_is_better_than_the_first_one(kodak_dir: pathlib.Path) -> None:
  codec = compression.load()
  files = sorted(kodak_dir.glob("*.png"))[:3]
  points = [evaluate(codec, file.name, read_photo(file).image) for file in files]
  quality = np.mean([[point.psnr for point in row] for row in points], axis=0)
  assert (quality > FIRST_WEIGHTS_PSNR).all(), quality
