"""Drawn tiles among those of photos: what photos hold none of.

Flat and saturated colours, ramps, stripes, boxes, text and line art. A network that has seen photos
only loses them: x of a grey next to the middle is all but zero everywhere, and no photo says that
this is a picture, too.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from compression.datasets.record_source import RecordSource
from compression.datasets.some_tiles import WithSomeChanged
from compression.datasets.tiles import TileSource

_TEXT, _LINES, _PLAIN = 0.25, 0.5, 0.7
"""Up to this share of the drawn tiles are text; then line art; then plain; the rest has a mask."""

_CORNERS, _MIDDLE, _GREYS = 0.35, 0.6, 0.8
"""Up to this share of the pairs of colours are corners of the RGB cube; then greys next to the
middle; then greys; the rest lies anywhere."""

_NEXT_TO_MIDDLE = 4  # grey values away from it
_LETTERS = "aeinorstuldcmpghbvfwykxjqzAEIRSTNB0123456789.,:;()+-=/%#@&"
_FONT_SIZES = (9, 32)
_LINE_WIDTHS = (1, 5)


class WithDrawnTiles(WithSomeChanged):
  """Tiles of photos, some of which make room for drawn ones.

  Args:
    photos, share: as those of WithSomeChanged.
    seed: 0 to 2^64 - 1.
  """

  def __init__(self, photos: TileSource | RecordSource, share: float, seed: int = 0):
    super().__init__(photos, share)
    self.seed = seed

  def changed(self, tile: np.ndarray, step: int, row: int) -> np.ndarray:
    # Photos are drawn by lot with the counter 0 of this key; each tile here has one of its own.
    random = np.random.Philox(key=[self.seed, step], counter=[0, 0, 1, row])
    return draw(np.random.Generator(random), self.shape[0])


def draw(random: np.random.Generator, side: int) -> np.ndarray:
  """A tile, uint8 [side, side, 3]."""
  kind = random.random()
  background, ink = _colours(random)
  if kind < _TEXT:
    return _text(random, side, background, ink)
  if kind < _LINES:
    return _lines(random, side, background)
  mask = np.zeros([side, side]) if kind < _PLAIN else _mask(random, side)
  return np.round(background + (ink - background) * mask[..., np.newaxis]).astype(np.uint8)


def _colours(random: np.random.Generator) -> np.ndarray:
  """Two colours, float64 [2, 3] in 0..255."""
  kind = random.random()
  if kind < _CORNERS:
    return 255.0 * random.integers(0, 2, [2, 3])
  if kind < _MIDDLE:
    greys = 128.0 + random.integers(-_NEXT_TO_MIDDLE, _NEXT_TO_MIDDLE, [2, 1])
    return np.repeat(greys, 3, axis=1)
  if kind < _GREYS:
    return np.repeat(random.integers(0, 256, [2, 1]), 3, axis=1).astype(np.float64)
  return random.integers(0, 256, [2, 3]).astype(np.float64)


def _mask(random: np.random.Generator, side: int) -> np.ndarray:
  """A ramp, stripes, or a box: [side, side] in 0..1."""
  y, x = np.meshgrid(*[np.linspace(0, 1, side)] * 2, indexing="ij")
  angle, period, duty, left, top, size = random.random(6)
  kind = random.integers(3)
  if kind == 2:
    left, top, size = 0.7 * left, 0.7 * top, 0.05 + 0.5 * size
    return ((x > left) & (x < left + size) & (y > top) & (y < top + size)).astype(np.float64)
  angle *= 2 * np.pi
  ramp = np.clip((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) + 0.5, 0, 1)
  if kind == 0:
    return ramp
  stripes = ramp * (1 + period * side / 4) % 1 < 0.2 + 0.6 * duty
  return stripes.astype(np.float64)


def _text(
  random: np.random.Generator, side: int, background: np.ndarray, ink: np.ndarray
) -> np.ndarray:
  """Lines of words in sizes of their own, cut off at the sides."""
  page, draw = _page(side, background)
  y = -float(random.integers(0, _FONT_SIZES[0]))
  while y < side:
    size = int(random.integers(*_FONT_SIZES))
    letters = random.choice(list(_LETTERS + " " * 8), 2 + 3 * side // size)
    x = -float(random.integers(0, size))
    draw.text((x, y), "".join(letters), fill=_fill(ink), font=ImageFont.load_default(size))
    y += 1.3 * size
  return np.asarray(page)


def _lines(random: np.random.Generator, side: int, background: np.ndarray) -> np.ndarray:
  """Lines, boxes and ellipses, filled or not, in several colours."""
  page, draw = _page(side, background)
  for _ in range(int(random.integers(3, 9))):
    left, top, right, bottom = random.integers(-side // 4, side + side // 4, 4).tolist()
    box = [min(left, right), min(top, bottom), max(left, right), max(top, bottom)]
    width = int(random.integers(*_LINE_WIDTHS))
    ink = _fill(_colours(random)[0])
    kind = random.integers(5)
    if kind < 2:
      draw.line([left, top, right, bottom], fill=ink, width=width)
    elif kind == 2:
      draw.rectangle(box, outline=ink, width=width)
    elif kind == 3:
      draw.ellipse(box, outline=ink, width=width)
    else:
      draw.rectangle([box[0], box[1], (box[0] + box[2]) // 2, (box[1] + box[3]) // 2], fill=ink)
  return np.asarray(page)


def _page(side: int, background: np.ndarray) -> tuple[Image.Image, ImageDraw.ImageDraw]:
  page = Image.new("RGB", (side, side), _fill(background))
  return page, ImageDraw.Draw(page)


def _fill(colour: np.ndarray) -> tuple[int, ...]:
  return tuple(int(value) for value in colour)
