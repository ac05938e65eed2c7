"""From a photo that Pillow has opened to 8-bit sRGB: bit depth, orientation, colours, transparency.

Nothing here needs TensorFlow. Files, limits and errors are the matter of `images`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFile

from compression.images import colours

_WHITE_16 = 65535
_WHITE_12 = 4095  # Pillow hands out 12-bit TIFFs as "I;16" without scaling them
_TIFF_PHOTOMETRIC = 262
_TIFF_WHITE_IS_ZERO = 0
_EXIF_ORIENTATION = 0x0112
_EXIF_INTEROPERABILITY = 0xA005
_INTEROPERABILITY_INDEX = 1
_OPAQUE = 255
_LOW_BYTES = "RGB;16L"  # Pillow takes the second byte of each two, and PNG has the high one first
_STRIP_PIXELS = 2**22
_ORIENTATIONS = {  # EXIF 2.3, tag 0x0112: what turns the stored image upright
  2: Image.Transpose.FLIP_LEFT_RIGHT,
  3: Image.Transpose.ROTATE_180,
  4: Image.Transpose.FLIP_TOP_BOTTOM,
  5: Image.Transpose.TRANSPOSE,
  6: Image.Transpose.ROTATE_270,
  7: Image.Transpose.TRANSVERSE,
  8: Image.Transpose.ROTATE_90,
}


class Packing(NamedTuple):
  """How a file stores its pixels, which Pillow forgets when it loads them.

  Attributes:
    raw: what Pillow calls it, such as "RGB;16B".
    depth: bits a channel, where a PNG file tells.
    low_bytes: opens the file again, for the low bytes of the channels of 16 bits.
  """

  raw: str
  depth: int | None = None
  low_bytes: Callable[[], ImageFile.ImageFile] | None = None


def decode(
  opened: ImageFile.ImageFile,
  chunks: Mapping[bytes, bytes],
  depth: int | None = None,
  reopen: Callable[[], ImageFile.ImageFile] | None = None,
) -> tuple[np.ndarray, list[str]]:
  """The pixels of an opened file's first frame, upright, opaque, 8 bits, sRGB.

  Args:
    opened: by Pillow, and not loaded.
    chunks: what a PNG file says of its colours: name -> content.
    depth: bits a channel of a PNG file.
    reopen: opens the same PNG file again.

  Returns:
    uint8 [H, W, 3], which may be written to, and what was done beyond decoding, one phrase each.

  Raises:
    Exception: of nearly any kind, where the file is cut short or damaged.
  """
  notes: list[str] = []
  packing = Packing(str(opened.tile[:1]), depth, reopen)
  marked = _orientation(opened)
  opened.load()
  image: Image.Image = opened
  # Pillow turns TIFFs itself and then drops the mark; other formats keep it.
  remaining = _orientation(opened)
  # Before it is turned, as long as the low bytes lie like the high ones.
  image, alpha = _to_8_bits(image, packing, opened, notes)
  if remaining is not None:
    image = image.transpose(remaining)
    alpha = alpha and alpha.transpose(remaining)
  if marked is not None or remaining is not None:
    notes.insert(0, "rotated as its EXIF data says")
  if alpha is None and (image.mode in ("P", "PA") or "transparency" in image.info):
    image = image.convert("RGBA")  # palettes may hold alpha as well
  profile = chunks.get(b"iCCP") or opened.info.get("icc_profile")
  mode = {"RGBA": "RGB", "LA": "L"}.get(image.mode, image.mode)
  convert = colours.converter(mode, profile, chunks, _is_adobe_rgb(opened), notes)
  array, is_transparent = _to_array(image, alpha, convert)
  if is_transparent:
    notes.append("transparency composited on white")
  return array, notes


def _to_array(
  image: Image.Image, alpha: Image.Image | None, convert: colours.Convert | None
) -> tuple[np.ndarray, bool]:
  """uint8 [H, W, 3] of an image of any mode, on white where it is transparent, and if it is so.

  A strip at a time: Pillow takes 4 bytes for a pixel of RGB, and copies what it hands out twice.
  """
  width, height = image.size
  array = np.empty([height, width, 3], np.uint8)
  rows = max(1, _STRIP_PIXELS // width)
  is_transparent = False
  for top in range(0, height, rows):
    bottom = min(top + rows, height)
    strip = _strip(image, top, bottom)
    cover = None if alpha is None else _strip(alpha, top, bottom)
    if strip.mode in ("LA", "RGBA"):
      cover = strip.getchannel("A")
      strip = strip.getchannel("L") if strip.mode == "LA" else strip.convert("RGB")
    strip = (convert or _as_it_is)(strip).convert("RGB")
    if cover is not None and np.asarray(cover).min() < _OPAQUE:
      strip = Image.composite(strip, Image.new("RGB", strip.size, "white"), cover)
      is_transparent = True
    array[top:bottom] = np.asarray(strip)
  return array, is_transparent


def _as_it_is(image: Image.Image) -> Image.Image:
  return image


def _strip(image: Image.Image, top: int, bottom: int) -> Image.Image:
  """Some rows. (Cropping checks the size against Pillow's limit, which is the host program's.)"""
  strip = Image.new(image.mode, (image.width, bottom - top))
  strip.paste(image, (0, -top))
  return strip


def _orientation(image: Image.Image) -> Image.Transpose | None:
  """What turns the image upright; None where it is, or where nothing sensible is said."""
  try:
    return _ORIENTATIONS.get(image.getexif().get(_EXIF_ORIENTATION, 1))
  except Exception:  # noqa: BLE001  broken metadata is no reason to refuse a photo
    return None


def _is_adobe_rgb(image: Image.Image) -> bool:
  """Whether the EXIF data say so, by what the DCF standard calls an optional colour space."""
  try:
    return image.getexif().get_ifd(_EXIF_INTEROPERABILITY).get(_INTEROPERABILITY_INDEX) == "R03"
  except Exception:  # noqa: BLE001  broken metadata is no reason to refuse a photo
    return False


def _to_8_bits(
  image: Image.Image, packing: Packing, opened: ImageFile.ImageFile, notes: list[str]
) -> tuple[Image.Image, Image.Image | None]:
  """Scales deep pixels to 8 bits; also their alpha, where a colour was marked as transparent."""
  key = image.info.get("transparency")
  if packing.depth is not None and isinstance(key, int) and image.mode == "L":
    key &= 2**packing.depth - 1
    image.info["transparency"] = key * _OPAQUE // (2**packing.depth - 1)  # as its pixels are
  if not image.mode.startswith(("I", "F")):
    alpha = None
    if ";16" in packing.raw:  # Pillow has taken the high bytes
      notes.append("16 bits a channel reduced to 8")
      # The transparent colour still has 16 bits, and is told from its neighbours by the low ones.
      key = image.info.pop("transparency", None)
      if isinstance(key, tuple) and packing.low_bytes is not None:
        alpha = _unless(key, image, packing.low_bytes())
    return image, alpha
  values = np.asarray(image)
  alpha = None
  if image.mode.startswith("I;16") or opened.format in ("PNG", "PPM"):  # older Pillow: "I"
    white = _WHITE_12 if ";12" in packing.raw else _WHITE_16
    notes.append(f"{white.bit_length()} bits a channel reduced to 8")
    if isinstance(image.info.get("transparency"), int):
      opaque = values != image.info["transparency"]
      alpha = Image.fromarray(opaque.astype(np.uint8) * np.uint8(255))
    table = np.minimum(np.round(np.arange(_WHITE_16 + 1) * (255 / white)), 255).astype(np.uint8)
    scaled = table[values]
    tags = getattr(opened, "tag_v2", {})  # of a TIFF
    if tags.get(_TIFF_PHOTOMETRIC) == _TIFF_WHITE_IS_ZERO:
      scaled = 255 - scaled  # Pillow does so for 8 bits only
    return Image.fromarray(scaled), alpha
  return Image.fromarray(_scale(values, notes)), alpha


def _scale(values: np.ndarray, notes: list[str]) -> np.ndarray:
  """Maps int32 or float32 [H, W] of unknown range to uint8; what is not finite becomes black."""
  finite = np.isfinite(values)
  kept = values[finite].astype(np.float64)
  low, high = (kept.min(), kept.max()) if kept.size else (0.0, 0.0)
  if low >= 0 and high <= 1 and values.dtype.kind == "f":
    low, high = 0.0, 1.0
  elif low >= 0 and high <= _WHITE_16 and np.array_equal(kept, np.rint(kept)):
    low, high = 0.0, (255.0 if high <= 255 else float(_WHITE_16))  # saved from 8 or 16 bits
  scaled = np.zeros(values.shape, np.uint8)
  scaled[finite] = np.rint((kept - low) / ((high - low) or 1.0) * 255)
  kind = "floating-point" if values.dtype.kind == "f" else "integer"
  notes.append(f"{kind} values {low:g} to {high:g} scaled to 8 bits")
  return scaled


def _unless(key: tuple[int, ...], high: Image.Image, reopened: ImageFile.ImageFile) -> Image.Image:
  """Opaque where the colour of 16 bits a channel is another one than this: "L"."""
  reopened.tile = [(*tile[:3], _LOW_BYTES) for tile in reopened.tile]  # type: ignore[misc]
  reopened.load()
  is_key = np.ones([high.height, high.width], bool)
  for image, shift in ((high, 8), (reopened, 0)):
    for channel, value in zip(image.split(), key):
      is_key &= np.asarray(channel) == (value >> shift & 255)
  return Image.fromarray(np.where(is_key, 0, _OPAQUE).astype(np.uint8))
