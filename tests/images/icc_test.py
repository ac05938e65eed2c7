"""Profiles made of numbers are those that others make."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from compression.images import icc

CUBE = np.stack(np.meshgrid(*[np.arange(0, 256, 15, dtype=np.uint8)] * 3), -1).reshape(18, -1, 3)


def converted(profile: bytes, values: np.ndarray = CUBE) -> np.ndarray:
  source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
  image = ImageCms.profileToProfile(
    Image.fromarray(values), source, ImageCms.createProfile("sRGB"), outputMode="RGB"
  )
  assert image is not None
  return np.asarray(image).astype(int)


def test_srgb_is_littlecms_own() -> None:
  assert np.abs(converted(icc.profile(icc.SRGB, icc.SRGB_CURVE)) - CUBE).max() <= 1


def test_linear_light_gets_the_curve_of_srgb() -> None:
  grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
  light = grey / 255
  expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
  found = converted(icc.profile(icc.SRGB, icc.Curve(1.0)), grey)
  assert np.abs(found - expected).max() <= 1


def test_primaries_are_those_of_the_matrix() -> None:
  """Display P3 by the matrix that Apple and the W3C publish for D65."""
  p3 = icc.Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
  matrix = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
  found = converted(icc.profile(p3, icc.SRGB_CURVE))
  stored = CUBE / 255
  light = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
  light = np.clip(light @ matrix.T, 0, 1)
  expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
  assert np.abs(found - expected).max() <= 2


@pytest.mark.parametrize(
  "primaries",
  [
    icc.Primaries((0.64, 0.0), (0.30, 0.60), (0.15, 0.06)),
    icc.Primaries((0.1, 0.1), (0.2, 0.2), (0.3, 0.3)),
    icc.Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3, 0.0)),
  ],
)
def test_primaries_that_span_nothing_are_refused(primaries: icc.Primaries) -> None:
  with pytest.raises(ValueError):
    icc.profile(primaries, icc.Curve(1.0))
