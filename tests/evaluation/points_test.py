"""Rows hold what was measured, and read back as they were."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from compression import metrics
from compression.common.errors import ImageError
from compression.evaluation.points import MIN_SIDE, Point, measure
from compression.evaluation.results import to_csv
from tests.codecs.examples import Quantizer


def test_a_row_holds_the_measures_of_the_decoded_image(photo: np.ndarray) -> None:
  image = photo[:40, :50]
  points = measure(Quantizer(), "a.png", image)
  assert [point.setting for point in points] == [1, 2, 4]
  for point, step in zip(points, (64, 32, 16)):
    decoded = (image // step * step).astype(np.uint8)
    assert (point.image, point.codec) == ("a.png", "quantizer")
    assert point.bytes == 4 + image.size
    assert point.bpp == pytest.approx(8 * (4 + image.size) / 2000)
    assert point.psnr == pytest.approx(metrics.psnr(image, decoded), rel=1e-12)
    assert point.ms_ssim == pytest.approx(metrics.ms_ssim(image, decoded), abs=1e-6)
    assert point.psnr_hvs == pytest.approx(metrics.psnr_hvs(image, decoded), rel=1e-12)


def test_further_metrics_are_columns_of_their_own(photo: np.ndarray) -> None:
  image = photo[:40, :50]
  points = measure(Quantizer(), "a.png", image, more=["psnr_hvs_m"])
  decoded = (image // 16 * 16).astype(np.uint8)
  assert points[-1].more == {"psnr_hvs_m": pytest.approx(metrics.psnr_hvs_m(image, decoded))}
  text = to_csv(points, more=points[0].more)
  assert text.startswith(to_csv([]).strip() + ",psnr_hvs_m\n")
  assert [Point.from_row(row) for row in csv.DictReader(io.StringIO(text))] == points


def test_the_columns_are_in_this_order() -> None:
  assert to_csv([]) == (
    "image,codec,setting,bytes,bpp,psnr,ms_ssim,psnr_hvs,encode_seconds,decode_seconds,nominal_bpp\n"
  )


@pytest.mark.parametrize(
  "point",
  [
    Point("a, b.png", "avif", 50, 12345678, 1 / 3, 30.1, 0.9, float("inf"), 1e-7, 2.0),
    Point('"ü".png', "residual_gru", 7, 1, 0.01, 2e9, 1.0, 20.5, 3.25, 1234567.0, 0.875),
    Point("a.png", "jpeg2000", 0.0625, 1, 0.01, -3.0, 0.0, 20.5, 3.25, 0.1),
  ],
)
def test_a_row_reads_back_as_it_was(point: Point) -> None:
  (row,) = csv.DictReader(io.StringIO(to_csv([point])))
  assert Point.from_row(row) == point


def test_an_image_that_cannot_be_measured_is_named(photo: np.ndarray) -> None:
  small = photo[: MIN_SIDE - 1, :50]
  with pytest.raises(ImageError, match=r"^a.png: quantizer: MS-SSIM takes .* at least 11 pixels"):
    measure(Quantizer(), "a.png", small)
  assert len(measure(Quantizer(), "a.png", photo[:MIN_SIDE, :50])) == 3
  with pytest.raises(ImageError, match="^b.png: quantizer: is too high$"):
    measure(Quantizer(), "b.png", photo[:201])


def test_a_codec_that_gives_back_another_size_is_named(photo: np.ndarray) -> None:
  class Cropper(Quantizer):
    def decompress(self, data: bytes, /) -> np.ndarray:
      return super().decompress(data)[:-1]

  with pytest.raises(ImageError, match=r"^a.png: quantizer: .*same shape"):
    measure(Cropper(), "a.png", photo[:40, :40])
