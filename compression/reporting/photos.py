"""A photo at each iteration of a model, beside JPEG of as many bytes: what a page shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from compression import metrics
from compression.common.errors import ImageError
from compression.evaluation.points import MIN_SIDE, Point, measure
from compression.formats import rnic
from compression.reporting import pictures
from compression.reporting.opponents import Opponent

if TYPE_CHECKING:
  from compression.codecs.recurrent.codec import Decoded, RecurrentCodec

UNKNOWN = "–"
"""Stands for a measure that an image is too small for."""

_RAW_BITS_PER_PIXEL = 24


class Quality(NamedTuple):
  """Of an image: decibels, infinite if it is the same; MS-SSIM, nan if it is too small for it."""

  psnr: float
  ms_ssim: float


class Shown(NamedTuple):
  """A photo in a page.

  Attributes:
    name: of its file.
    thumbnail: a data URI.
    data: for viewer.js, ready for JSON:
      {"name", "width", "height", "original": V, "ours": [V], "jpeg": [V]} with one V for each
      iteration, V = {"title", "facts": [text], "uri"}; those of "ours" have "residual", too.
    points: rows of our settings and of JPEG's; none for a photo that is too small to measure.
    stored_psnr: the least PSNR between a reconstruction and what the page holds of it.
  """

  name: str
  thumbnail: str
  data: dict[str, Any]
  points: list[Point]
  stored_psnr: float


def show(
  codec: RecurrentCodec,
  name: str,
  image: np.ndarray,
  store: Callable[[np.ndarray], pictures.Picture],
  with_points: bool,
  notes: Sequence[str] = (),
) -> Shown:
  """Compresses a photo, and decodes what was written at each iteration.

  Args:
    name: for the page, and for the rows.
    image: uint8 [H, W, 3].
    store: `pictures.close` or `pictures.exact`.
    with_points: whether to measure rows, too, which takes as long again for JPEG.
    notes: what was done to the photo before.

  Raises:
    ImageError: if JPEG cannot hold the image.
  """
  height, width, _ = image.shape
  data = codec.compress(image, codec.config.iterations)
  nominal_rate = _nominal_rate(codec, data)
  with_points = with_points and min(height, width) >= MIN_SIDE
  opponent = Opponent(image)
  ours, jpegs, points, stored_psnr = [], [], [], math.inf
  for size, decoded in zip(rnic.layer_ends(data), codec.progressive(data)):
    quality = _quality(image, decoded.image)
    picture = store(decoded.image)
    stored_psnr = min(stored_psnr, picture.psnr)
    ours.append(_ours(image, decoded, size, quality, picture))
    jpegs.append(_jpeg(opponent, image, size))
    if with_points:
      rates = 8 * size / (height * width), decoded.iterations * nominal_rate
      points.append(_point(codec.name, name, image, decoded, size, rates, quality))
  if with_points:
    points += measure(opponent.codec, name, image)
  versions = {"original": _original(image, notes), "ours": ours, "jpeg": jpegs}
  return Shown(
    name,
    pictures.thumbnail(image),
    {"name": name, "width": width, "height": height, **versions},
    points,
    stored_psnr,
  )


def _nominal_rate(codec: RecurrentCodec, data: bytes) -> float:
  """Bits per pixel of an iteration, before entropy coding and without the rnic."""
  header = rnic.read_header(data)
  bits = header.blocks_high * header.blocks_wide * codec.config.bits
  return bits / (header.height * header.width)


def _point(
  codec: str,
  name: str,
  image: np.ndarray,
  decoded: Decoded,
  size: int,
  rates: tuple[float, float],
  quality: Quality,
) -> Point:
  """A row as `points.measure` would make it, without seconds."""
  rate, nominal_rate = rates
  return Point(
    name,
    codec,
    decoded.iterations,
    size,
    rate,
    quality.psnr,
    quality.ms_ssim,
    float(metrics.psnr_hvs(image, decoded.image)),
    math.nan,
    math.nan,
    nominal_rate,
  )


def _original(image: np.ndarray, notes: Sequence[str]) -> dict[str, Any]:
  height, width, _ = image.shape
  return {
    "title": "Original",
    "facts": [f"{width} × {height} pixels", f"{_RAW_BITS_PER_PIXEL} bpp", *notes],
    "uri": pictures.exact(image).uri,
  }


def _ours(
  original: np.ndarray, decoded: Decoded, size: int, quality: Quality, picture: pictures.Picture
) -> dict[str, Any]:
  count = decoded.iterations
  return {
    "title": f"Ours, {count} iteration{'' if count == 1 else 's'}",
    "facts": _facts(original, size, quality),
    "uri": picture.uri,
    "residual": pictures.thumbnail(pictures.residual(original, decoded.image)),
  }


def _jpeg(opponent: Opponent, image: np.ndarray, size: int) -> dict[str, Any]:
  """JPEG of at most `size` bytes, or the smallest there is: the file itself is stored."""
  made = opponent.at_most(size)
  facts = _facts(image, len(made.data), _quality(image, opponent.codec.decode(made.data)))
  if len(made.data) > size:
    facts.append("the smallest JPEG there is")
  return {
    "title": f"JPEG, quality {made.quality}",
    "facts": facts,
    "uri": pictures.data_uri(made.data, "jpeg"),
  }


def _quality(original: np.ndarray, compared: np.ndarray) -> Quality:
  try:
    ms_ssim = float(metrics.ms_ssim(original, compared))
  except ImageError:  # too small for it
    ms_ssim = math.nan
  return Quality(float(metrics.psnr(original, compared)), ms_ssim)


def _facts(image: np.ndarray, size: int, quality: Quality) -> list[str]:
  psnr, ms_ssim = quality
  return [
    f"{size:,} bytes",
    f"{8 * size / (image.shape[0] * image.shape[1]):.3f} bpp",
    f"{'∞' if math.isinf(psnr) else f'{psnr:.2f}'} dB",
    f"MS-SSIM {UNKNOWN if math.isnan(ms_ssim) else f'{ms_ssim:.4f}'}",
  ]
