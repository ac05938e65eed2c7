"""From a photo that Pillow has opened to 8-bit sRGB: bit depth, orientation, colours, transparency.

Nothing here needs TensorFlow. Files, limits and errors are the matter of `images`.
"""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image, ImageCms, ImageFile

_WHITE_16 = 65535
_WHITE_12 = 4095  # Pillow hands out 12-bit TIFFs as "I;16" without scaling them
_TIFF_PHOTOMETRIC = 262
_TIFF_WHITE_IS_ZERO = 0
_EXIF_ORIENTATION = 0x0112
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
_PROFILE_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}  # ICC.1, table 19


def decode(opened: ImageFile.ImageFile) -> tuple[np.ndarray, list[str]]:
  """The pixels of an opened file's first frame, upright, opaque, 8 bits, sRGB.

  Returns:
    uint8 [H, W, 3], which may be written to, and what was done beyond decoding, one phrase each.

  Raises:
    Exception: of nearly any kind, where the file is cut short or damaged.
  """
  notes: list[str] = []
  packing = str(opened.tile[:1])  # holds such as "RGB;16B"; loading drops it
  marked = _orientation(opened)
  opened.load()
  image: Image.Image = opened
  # Pillow turns TIFFs itself and then drops the mark; other formats keep it.
  remaining = _orientation(opened)
  if remaining is not None:
    image = opened.transpose(remaining)
  if marked is not None or remaining is not None:
    notes.append("rotated as its EXIF data says")
  image, alpha = _to_8_bits(image, packing, opened, notes)
  if alpha is None:
    image, alpha = _split_alpha(image)
  image = _to_srgb(image, opened.info.get("icc_profile"), notes)
  if alpha is not None and alpha.getextrema()[0] == 255:
    alpha = None
  if alpha is not None:
    notes.append("transparency composited on white")
  return _to_array(image, alpha), notes


def _to_array(image: Image.Image, alpha: Image.Image | None) -> np.ndarray:
  """uint8 [H, W, 3] of an image of any mode, on white where it is transparent.

  A strip at a time: Pillow takes 4 bytes for a pixel of RGB, and copies what it hands out twice.
  """
  width, height = image.size
  array = np.empty([height, width, 3], np.uint8)
  rows = max(1, _STRIP_PIXELS // width)
  for top in range(0, height, rows):
    bottom = min(top + rows, height)
    strip = _strip(image, top, bottom).convert("RGB")
    if alpha is not None:
      white = Image.new("RGB", strip.size, "white")
      strip = Image.composite(strip, white, _strip(alpha, top, bottom))
    array[top:bottom] = np.asarray(strip)
  return array


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


def _to_8_bits(
  image: Image.Image, packing: str, opened: ImageFile.ImageFile, notes: list[str]
) -> tuple[Image.Image, Image.Image | None]:
  """Scales deep pixels to 8 bits; also their alpha, where a colour was marked as transparent."""
  if not image.mode.startswith(("I", "F")):
    if ";16" in packing:  # Pillow has taken the high bytes
      notes.append("16 bits a channel reduced to 8")
      # The transparent colour still has 16 bits, and can no longer be told from its neighbours.
      image.info.pop("transparency", None)
    return image, None
  values = np.asarray(image)
  alpha = None
  if image.mode.startswith("I;16") or opened.format in ("PNG", "PPM"):  # older Pillow: "I"
    white = _WHITE_12 if ";12" in packing else _WHITE_16
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


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
  """The colours without the alpha channel, and the alpha channel ("L") where there is one."""
  if image.mode in ("P", "PA") or "transparency" in image.info:  # palettes may hold alpha as well
    image = image.convert("RGBA")
  if image.mode == "LA":
    return image.getchannel("L"), image.getchannel("A")
  if image.mode == "RGBA":
    return image.convert("RGB"), image.getchannel("A")
  return image, None


def _to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
  """Converts by the colour profile of the file where it has one other than sRGB.

  Returns an image that Pillow's own conversion to "RGB" makes sRGB.
  """
  if profile:
    try:
      source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
      title = ImageCms.getProfileDescription(source)
      title = re.sub(r"\s+", " ", "".join(filter(str.isprintable, title))).strip()[:60]
      if not ("srgb" in title.lower() and image.mode in ("1", "L", "RGB")):
        mode = _PROFILE_MODES[source.profile.xcolor_space]
        if image.mode in ("1", "L") and mode in ("L", "RGB"):
          image = image.convert(mode)  # grey photos often carry the camera's RGB profile
        transform = ImageCms.buildTransform(
          source, ImageCms.createProfile("sRGB"), image.mode, "RGB"
        )
        converted = ImageCms.applyTransform(image, transform)
        assert converted is not None  # as it is only where applied in place
        notes.append(f"converted from its colour profile ({title}) to sRGB")
        return converted
    except Exception:  # noqa: BLE001  damaged, of another colour space, or no LittleCMS in Pillow
      notes.append("its colour profile cannot be used and is ignored")
  if image.mode in ("CMYK", "LAB"):
    notes.append(f"converted from {'Lab' if image.mode == 'LAB' else 'CMYK'} without a profile")
  return image
