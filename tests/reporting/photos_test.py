"""What a page says about a photo is true of files that are really decoded."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compression import metrics
from compression.common.errors import ImageError
from compression.evaluation.points import measure
from compression.formats import rnic
from compression.reporting import photos, pictures
from compression.reporting.opponents import NAME, Opponent
from tests.near import assert_near_pixels
from tests.reporting.examples import (
  DOT,
  ITERATIONS,
  LANDSCAPE,
  codec,
  images,
  read_picture,
  read_uri,
)


@pytest.fixture(scope="module")
def landscape(photo: np.ndarray) -> tuple[np.ndarray, photos.Shown]:
  image = images(photo)[LANDSCAPE]
  return image, photos.show(codec(), LANDSCAPE, image, pictures.exact, with_points=True)


def test_the_original_is_the_original(landscape: tuple[np.ndarray, photos.Shown]) -> None:
  image, shown = landscape
  np.testing.assert_array_equal(read_picture(shown.data["original"]["uri"]), image)
  assert shown.data["original"]["facts"] == ["200 × 120 pixels", "24 bpp"]
  assert (shown.data["width"], shown.data["height"]) == (200, 120)
  assert (shown.name, shown.data["name"]) == (LANDSCAPE, LANDSCAPE)


def test_ours_is_what_a_file_decodes_to(landscape: tuple[np.ndarray, photos.Shown]) -> None:
  image, shown = landscape
  assert len(shown.data["ours"]) == ITERATIONS
  for iterations, version in enumerate(shown.data["ours"], 1):
    data = codec().compress(image, iterations)
    decoded = read_picture(version["uri"])
    assert_near_pixels(decoded, codec().decompress(data))
    assert version["facts"] == _facts(image, data, decoded)
    assert version["residual"] == pictures.thumbnail(pictures.residual(image, decoded))
  assert shown.data["ours"][0]["title"] == "Ours, 1 iteration"
  assert shown.data["ours"][1]["title"] == "Ours, 2 iterations"
  assert shown.stored_psnr == math.inf


def test_jpeg_is_a_file_of_no_more_bytes(landscape: tuple[np.ndarray, photos.Shown]) -> None:
  image, shown = landscape
  ends = rnic.layer_ends(codec().compress(image, ITERATIONS))
  for size, version in zip(ends, shown.data["jpeg"]):
    data = read_uri(version["uri"])
    facts = _facts(image, data, read_picture(version["uri"]))
    if len(data) > size:
      facts.append("the smallest JPEG there is")
      assert version["title"] == "JPEG, quality 1"
    assert version["facts"] == facts
    made = Opponent(image).at_most(size)
    assert (version["title"], data) == (f"JPEG, quality {made.quality}", made.data)


def test_rows_are_those_of_an_evaluation(landscape: tuple[np.ndarray, photos.Shown]) -> None:
  image, shown = landscape
  ours = [point for point in shown.points if point.codec == codec().name]
  assert [point.setting for point in ours] == list(range(1, ITERATIONS + 1))
  for point, version in zip(ours, shown.data["ours"]):
    data = codec().compress(image, int(point.setting))
    decoded = read_picture(version["uri"])
    assert (point.image, point.bytes) == (LANDSCAPE, len(data))
    assert point.bpp == pytest.approx(8 * len(data) / (120 * 200))
    assert point.psnr == pytest.approx(metrics.psnr(image, decoded), rel=1e-12)
    assert point.ms_ssim == pytest.approx(metrics.ms_ssim(image, decoded), abs=1e-6)
    assert point.psnr_hvs == pytest.approx(metrics.psnr_hvs(image, decoded), rel=1e-12)
    # 8 x 13 blocks of 32 bits.
    assert point.nominal_bpp == pytest.approx(point.setting * 8 * 13 * 32 / (120 * 200))
  jpeg = [point for point in shown.points if point.codec == NAME]
  measured = measure(Opponent(image).codec, LANDSCAPE, image)
  assert [point[:4] for point in jpeg] == [point[:4] for point in measured]
  for point, expected in zip(jpeg, measured):
    assert point[4:8] == pytest.approx(expected[4:8], rel=1e-6)  # bpp and the three measures
  assert len(shown.points) == len(ours) + len(jpeg)


def test_one_pixel_has_no_ms_ssim_and_no_rows(photo: np.ndarray) -> None:
  image = images(photo)[DOT]
  shown = photos.show(codec(), DOT, image, pictures.close, with_points=True)
  assert not shown.points
  assert shown.stored_psnr >= pictures.STORED_PSNR
  for version in shown.data["ours"]:
    assert version["facts"][-1] == f"MS-SSIM {photos.UNKNOWN}"
    assert read_picture(version["uri"]).shape == (1, 1, 3)
  assert shown.data["jpeg"][0]["facts"][-1] == "the smallest JPEG there is"


def test_an_image_that_stays_the_same_has_infinite_psnr() -> None:
  image = np.full([16, 16, 3], 7, np.uint8)
  facts = photos._facts(image, 1234567, photos._quality(image, image))
  assert facts == ["1,234,567 bytes", "38580.219 bpp", "∞ dB", "MS-SSIM 1.0000"]


def test_points_are_measured_only_where_they_are_asked_for(photo: np.ndarray) -> None:
  image = images(photo)[LANDSCAPE]
  assert not photos.show(codec(), "a", image, pictures.close, with_points=False).points


def test_what_jpeg_cannot_hold_is_refused() -> None:
  wide = np.zeros([1, 65535, 3], np.uint8)
  with pytest.raises(ImageError, match="jpeg420 cannot hold"):
    photos.show(codec(), "wide.png", wide, pictures.close, with_points=False)


def _facts(original: np.ndarray, data: bytes, decoded: np.ndarray) -> list[str]:
  return [
    f"{len(data):,} bytes",
    f"{8 * len(data) / (original.shape[0] * original.shape[1]):.3f} bpp",
    f"{metrics.psnr(original, decoded):.2f} dB",
    f"MS-SSIM {metrics.ms_ssim(original, decoded):.4f}",
  ]
