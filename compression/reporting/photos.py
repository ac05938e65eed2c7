"""A photo at each setting of a codec, beside JPEG of as many bytes: what a page shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from compression import metrics
from compression.codecs.base import Codec
from compression.common.errors import ImageError
from compression.evaluation.points import MIN_SIDE, Point, measure, point
from compression.evaluation.trials import Trial, untimed
from compression.reporting import pictures
from compression.reporting.opponents import Opponent

UNKNOWN = "–"
"""Stands for a measure that an image is too small for."""

_RAW_BITS_PER_PIXEL = 24


class Quality(NamedTuple):
  """The quality of an image: decibels, infinite if it is the same; MS-SSIM, nan if too small."""

  psnr: float
  ms_ssim: float


class Shown(NamedTuple):
  """A photo in a page.

  Attributes:
    name: of its file.
    thumbnail: a data URI.
    data: for viewer.js, ready for JSON:
      {"name", "width", "height", "original": V, "ours": [V], "jpeg": [V]} with one V for each
      setting, V = {"title", "facts": [text], "uri"}; those of "ours" have "residual", too.
    points: rows of our settings and of JPEG's; none for a photo that is too small to measure.
    stored_psnr: the least PSNR between a reconstruction and what the page holds of it.
  """

  name: str
  thumbnail: str
  data: dict[str, Any]
  points: list[Point]
  stored_psnr: float


def show(
  codec: Codec,
  name: str,
  image: np.ndarray,
  store: Callable[[np.ndarray], pictures.Picture],
  with_points: bool,
  notes: Sequence[str] = (),
) -> Shown:
  """Compresses a photo, and decodes what was written at each setting.

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
  with_points = with_points and min(height, width) >= MIN_SIDE
  opponent = Opponent(image)
  ours, jpegs, points, stored_psnr = [], [], [], math.inf
  for trial in untimed(codec, image):
    picture = store(trial.image)
    stored_psnr = min(stored_psnr, picture.psnr)
    ours.append(_ours(codec, image, trial, picture))
    jpegs.append(_jpeg(opponent, image, trial.size))
    if with_points:
      points.append(point(codec.name, name, image, trial))
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


def _original(image: np.ndarray, notes: Sequence[str]) -> dict[str, Any]:
  height, width, _ = image.shape
  return {
    "title": "Original",
    "facts": [f"{width} × {height} pixels", f"{_RAW_BITS_PER_PIXEL} bpp", *notes],
    "uri": pictures.exact(image).uri,
  }


def _ours(
  codec: Codec, original: np.ndarray, trial: Trial, picture: pictures.Picture
) -> dict[str, Any]:
  return {
    "title": f"Ours, {codec.say(trial.setting)}",
    "facts": _facts(original, trial.size, _quality(original, trial.image)),
    "uri": picture.uri,
    "residual": pictures.thumbnail(pictures.residual(original, trial.image)),
  }


def _jpeg(opponent: Opponent, image: np.ndarray, size: int) -> dict[str, Any]:
  """JPEG of at most `size` bytes, or the smallest there is: the file itself is stored."""
  made = opponent.at_most(size)
  facts = _facts(image, len(made.data), _quality(image, opponent.codec.decompress(made.data)))
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
