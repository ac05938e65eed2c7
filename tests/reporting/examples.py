"""Small photos through a small model, and the page that shows them."""

from __future__ import annotations

import base64
import functools
import html.parser
import io
import json
from typing import Any

import numpy as np
from PIL import Image

from compression.codecs.recurrent.codec import RecurrentCodec
from compression.reporting import curves, page, photos, pictures
from tests.exporting.examples import small_codec

ITERATIONS = 3

LANDSCAPE, ODD, PORTRAIT, DOT = "landscape.png", "a<b>&\"c'.png", "portrait.png", "dot.png"
"""Names of photos; the last has one pixel."""

_SIZES = {LANDSCAPE: (120, 200), ODD: (33, 47), PORTRAIT: (150, 90), DOT: (1, 1)}


@functools.cache
def codec() -> RecurrentCodec:
  """A codec of random weights, and so of bad quality."""
  return small_codec(unit="gru", iterations=ITERATIONS)


def images(photo: np.ndarray) -> dict[str, np.ndarray]:
  """Name -> part of the photo."""
  return {name: photo[:height, 100 : 100 + width] for name, (height, width) in _SIZES.items()}


def render(photo: np.ndarray) -> str:
  """The page of these photos, with their curves and tables."""
  shown = [
    photos.show(codec(), name, image, pictures.close, with_points=True)
    for name, image in images(photo).items()
  ]
  evaluation = curves.Evaluation([point for each in shown for point in each.points])
  name = codec().name
  return page.render(name, shown, curves.draw(evaluation), curves.tabulate(evaluation, name))


class Parsed(html.parser.HTMLParser):
  """What tests ask about a page.

  Attributes:
    tags: (name, attributes) of all elements.
    data: the blocks of data.
    words: of all text that is shown.
  """

  def __init__(self, text: str):
    super().__init__()
    self.tags: list[tuple[str, dict[str, str | None]]] = []
    self.data: list[dict[str, Any]] = []
    self.words: list[str] = []
    self._kind = ""
    self.feed(text)
    self.close()

  def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
    """Notes it."""
    self.tags.append((tag, dict(attrs)))
    self._kind = f"{tag} {dict(attrs).get('type') or ''}".strip()

  def handle_endtag(self, tag: str) -> None:
    """What follows is of another element."""
    self._kind = ""

  def handle_data(self, data: str) -> None:
    """Notes text that is shown, and reads blocks of data."""
    if self._kind == "script application/json":
      self.data.append(json.loads(data))
    elif self._kind not in ("script", "style"):
      self.words += data.split()


def read_picture(uri: str) -> np.ndarray:
  """The pixels of a data URI, uint8 [H, W, 3]."""
  with Image.open(io.BytesIO(read_uri(uri))) as image:
    return np.asarray(image.convert("RGB"))


def read_uri(uri: str) -> bytes:
  """The bytes of a data URI of an image."""
  head, _, data = uri.partition(",")
  assert head.startswith("data:image/") and head.endswith(";base64"), head
  return base64.b64decode(data, validate=True)
