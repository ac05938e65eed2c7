"""Rows as an evaluation makes them."""

from __future__ import annotations

from collections.abc import Iterable

from compression.evaluation.points import Point

KODAK = [f"kodim{number:02d}.png" for number in range(1, 25)]


def curve(
  codec: str, pairs: Iterable[tuple[float, float]], images: Iterable[str] = ("a.png",)
) -> list[Point]:
  """Rows with these (bpp, PSNR); MS-SSIM and PSNR-HVS follow from the PSNR."""
  return [
    Point(image, codec, setting, int(1000 * bpp), bpp, psnr, 1 - 10 ** (-psnr / 20), psnr + 1, 2, 3)
    for image in images
    for setting, (bpp, psnr) in enumerate(pairs, 1)
  ]


def network(
  codec: str, pairs: Iterable[tuple[float, float]], images: Iterable[str] = ("a.png",)
) -> list[Point]:
  """As `curve`, of a network that takes 0.125 bits per pixel for each iteration."""
  return [
    point._replace(nominal_bpp=0.125 * point.setting) for point in curve(codec, pairs, images)
  ]
