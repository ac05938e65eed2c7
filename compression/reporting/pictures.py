"""Images as parts of a page: data URIs, and how far what they hold is from what was computed."""

from __future__ import annotations

import base64
import io
from typing import NamedTuple

import numpy as np
from PIL import Image, features

from compression import metrics

STORED_PSNR = 45.0
"""Decibels between an image and what `close` stores of it: one or two steps of 255."""

RESIDUAL_GAIN = 8
"""How many times as bright as they are residuals are shown: the last ones would be nearly black."""

THUMBNAIL_SIDE = 160  # pixels; twice what the page shows on screens of one dot a pixel
_THUMBNAIL_QUALITY = 85
_AVIF_QUALITIES = (90, 95, 98, 99)  # 60 to 300 KB for a Kodak image, which takes 450 KB losslessly
_AVIF_SPEED = 8  # 0..10; slower ones save few bytes at such qualities
_WEBP_EFFORT = {"method": 4, "quality": 50}  # more takes twice the time and saves 2%
_WEBP_MAX_SIDE = 16383


class Picture(NamedTuple):
  """An image in a page.

  Attributes:
    uri: "data:image/...;base64,...".
    psnr: decibels between the image and what a browser shows; infinity if it is stored losslessly.
  """

  uri: str
  psnr: float


def data_uri(data: bytes, kind: str) -> str:
  """The bytes of a file as an address.

  Args:
    kind: the subtype of its media type: "png", "svg+xml".
  """
  return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def exact(image: np.ndarray) -> Picture:
  """The image, uint8 [H, W, 3], without loss."""
  if max(image.shape) > _WEBP_MAX_SIDE:
    return Picture(data_uri(_encoded(image, "PNG"), "png"), float("inf"))
  data = _encoded(image, "WEBP", lossless=True, **_WEBP_EFFORT)
  return Picture(data_uri(data, "webp"), float("inf"))


def close(image: np.ndarray) -> Picture:
  """The image, uint8 [H, W, 3], with a PSNR of at least STORED_PSNR, in less than half the bytes.

  Exact where that is not reached, or this Pillow has no AVIF.
  """
  if "avif" not in features.modules or not features.check("avif"):
    return exact(image)
  for quality in _AVIF_QUALITIES:
    try:
      data = _encoded(image, "AVIF", quality=quality, subsampling="4:4:4", speed=_AVIF_SPEED)
      with Image.open(io.BytesIO(data)) as stored:
        psnr = float(metrics.psnr(image, np.asarray(stored.convert("RGB"))))
    except (OSError, ValueError):  # too large: from 32769 pixels a side, it cannot be read again
      return exact(image)
    if psnr >= STORED_PSNR:
      return Picture(data_uri(data, "avif"), psnr)
  return exact(image)


def thumbnail(image: np.ndarray) -> str:
  """A data URI of the image, uint8 [H, W, 3], with sides of at most THUMBNAIL_SIDE pixels."""
  small = Image.fromarray(image)
  small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
  return data_uri(_encoded(np.asarray(small), "JPEG", quality=_THUMBNAIL_QUALITY), "jpeg")


def residual(original: np.ndarray, compared: np.ndarray) -> np.ndarray:
  """|original - compared|, RESIDUAL_GAIN times: uint8 [H, W, 3], black where they are equal."""
  difference = np.abs(original.astype(np.int16) - compared)
  return np.minimum(RESIDUAL_GAIN * difference, 255).astype(np.uint8)


def shrunk(image: np.ndarray, max_side: int) -> np.ndarray:
  """The image, uint8 [H, W, 3], with sides of at most `max_side` pixels."""
  small = Image.fromarray(image)
  small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
  return np.asarray(small)


def _encoded(image: np.ndarray, kind: str, **options: object) -> bytes:
  file = io.BytesIO()
  Image.fromarray(image).save(file, kind, **options)
  return file.getvalue()
