"""Draws the demo's contact sheet: qualities side by side, with their residuals and JPEG."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_CELL_WIDTH = 460  # pixels; six columns are still readable on a large screen
_MARGIN = 12
_CAPTION = 42
_BACKGROUND = (250, 250, 250)
_INK = (30, 30, 30)
_FAINT = (110, 110, 110)
_RESIDUAL_GAIN = 2
"""Residuals are drawn around mid grey, this many times as large as they are."""


class Version(NamedTuple):
  """The photo at some quality.

  Attributes:
    image: uint8 [H, W, 3].
    size: bytes of its file.
    psnr: dB.
    ms_ssim: 0 to 1, or nan for an image too small for it.
  """

  image: np.ndarray
  size: int
  psnr: float
  ms_ssim: float

  def caption(self) -> str:
    height, width, _ = self.image.shape
    bpp = 8 * self.size / (height * width)
    return f"{bpp:.3f} bpp   {self.psnr:.2f} dB   MS-SSIM {self.ms_ssim:.4f}"


class Row(NamedTuple):
  """One iteration: our version, and JPEG's of at most as many bytes (or of as few as it can)."""

  iteration: int
  ours: Version
  jpeg: Version


def draw(original: np.ndarray, rows: list[Row]) -> np.ndarray:
  """The sheet.

  Columns: the original, then one an iteration. Rows: reconstruction, residual, JPEG. Images wider
  than a cell are scaled down.

  Args:
    original: uint8 [H, W, 3].
    rows: the iterations.

  Returns: uint8 [H', W', 3].
  """
  height, width, _ = original.shape
  scale = min(1.0, _CELL_WIDTH / width, 1.5 * _CELL_WIDTH / height)
  # A cell is never so narrow that captions overlap.
  cell = (max(round(width * scale), 300), max(1, round(height * scale)))
  step = (cell[0] + _MARGIN, cell[1] + _CAPTION + _MARGIN)
  size = (_MARGIN + (1 + len(rows)) * step[0], _MARGIN + 3 * step[1])
  sheet = Image.new("RGB", size, _BACKGROUND)
  pen = ImageDraw.Draw(sheet)

  def put(column: int, row: int, image: np.ndarray | None, title: str, caption: str) -> None:
    x, y = _MARGIN + column * step[0], _MARGIN + row * step[1]
    pen.text((x, y), title, fill=_INK, font=_font(17))
    pen.text((x, y + 21), caption, fill=_FAINT, font=_font(14))
    if image is not None:
      sheet.paste(_scaled(image, scale), (x, y + _CAPTION))

  put(0, 0, original, "original", f"{width}x{height} pixels, 24 bpp")
  put(0, 1, None, "residuals", f"original - reconstruction, x{_RESIDUAL_GAIN}, around grey")
  put(0, 2, None, "JPEG of as many bytes", "4:2:0, progressive, optimised; or its smallest")
  for column, row in enumerate(rows, 1):
    iterations = "iteration" if row.iteration == 1 else "iterations"
    put(column, 0, row.ours.image, f"{row.iteration} {iterations}", row.ours.caption())
    put(column, 1, _residual(original, row.ours.image), "residual", "")
    put(column, 2, row.jpeg.image, "JPEG", row.jpeg.caption())
  return np.asarray(sheet)


def _residual(original: np.ndarray, image: np.ndarray) -> np.ndarray:
  difference = original.astype(np.int16) - image
  return np.clip(128 + _RESIDUAL_GAIN * difference, 0, 255).astype(np.uint8)


def _scaled(image: np.ndarray, scale: float) -> Image.Image:
  picture = Image.fromarray(image)
  if scale == 1.0:
    return picture
  size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
  return picture.resize(size, Image.Resampling.LANCZOS)


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
  try:
    return ImageFont.load_default(size)
  except TypeError:  # Pillow before 10.1 has one size
    return ImageFont.load_default()
