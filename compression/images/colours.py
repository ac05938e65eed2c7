"""To sRGB, by what a file says of its colours; LittleCMS converts.

What says it, the first that there is, as the PNG specification (third edition) orders them: the
chunk cICP, a colour profile, the chunk sRGB, the chunks gAMA and cHRM; and for photos of cameras
without any of these, the EXIF data that mean Adobe RGB. What is sRGB in effect is left as it is:
the numbers of a profile decide, and not its title. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from compression.images import icc

Convert = Callable[[Image.Image], Image.Image]
"""From an image of the mode that was asked about to "RGB"."""

_PROFILE_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}  # ICC.1, table 19
_CLOSE = 2  # of 255: profiles of sRGB differ by so much through rounding, and black and white
_LEVELS = np.rint(np.linspace(0, 255, 18)).astype(np.uint8)

# ITU-T H.273, tables 2 and 3, which cICP refers to.
_PRIMARIES = {
  1: icc.SRGB,
  4: icc.Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
  5: icc.Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
  6: icc.Primaries((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
  7: icc.Primaries((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
  9: icc.Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
  11: icc.Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
  12: icc.Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_BT709 = icc.Curve(1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES = {
  **dict.fromkeys((1, 6, 14, 15), _BT709),
  4: icc.Curve(2.2),
  5: icc.Curve(2.8),
  8: icc.Curve(1.0),
  13: icc.SRGB_CURVE,
}
_RGB_IN_FULL = (0, 1)  # no matrix; black is 0 and white 255

_ADOBE_RGB = icc.profile(
  icc.Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), icc.Curve(563 / 256)
)
_PNG_UNIT = 100000
_SRGB_GAMMA = 1 / 2.2  # what files in sRGB say where they can give a power only
_GAMMA_TOLERANCE = 0.05  # as in libpng


class _Said(NamedTuple):
  """A profile, and what notes call it."""

  profile: bytes
  name: str


def converter(
  mode: str,
  profile: bytes | None,
  chunks: Mapping[bytes, bytes],
  is_adobe_rgb: bool,
  notes: list[str],
) -> Convert | None:
  """What makes an image sRGB; None if it is so already, or nothing tells otherwise.

  Args:
    mode: of the image: "1", "L", "RGB", "CMYK", "LAB" ...
    profile: of the file, if it has one.
    chunks: of a PNG file: name -> content.
    is_adobe_rgb: whether its EXIF data mean that.
    notes: gets one about what was done, if anything.
  """
  said = _said(profile, chunks, is_adobe_rgb, notes)
  if said is not None:
    try:
      source = ImageCms.ImageCmsProfile(io.BytesIO(said.profile))
      convert = _transform(source, mode)
      if convert is not None:
        notes.append(f"converted from {said.name or _titled(source)} to sRGB")
      if convert is not None or mode in ("1", "L", "RGB"):
        return convert
    except Exception:  # noqa: BLE001  damaged, of another colour space, or no LittleCMS in Pillow
      notes.append(f"{said.name or 'its colour profile'} cannot be used and is ignored")
  if mode in ("CMYK", "LAB"):
    notes.append(f"converted from {'Lab' if mode == 'LAB' else 'CMYK'} without a profile")
  return None


def _said(
  profile: bytes | None, chunks: Mapping[bytes, bytes], is_adobe_rgb: bool, notes: list[str]
) -> _Said | None:
  if b"cICP" in chunks:
    found = _of_code_points(chunks[b"cICP"])
    if found is not None:
      return found
    notes.append("its cICP chunk tells of colours that are not known here, and is ignored")
  if profile:
    return _Said(profile, "")
  if b"sRGB" in chunks:
    return None
  if b"gAMA" in chunks or b"cHRM" in chunks:
    try:
      return _of_numbers(chunks)
    except (ValueError, struct.error):
      notes.append("its gAMA or cHRM chunk makes no sense and is ignored")
  return _Said(_ADOBE_RGB, "Adobe RGB (its EXIF data)") if is_adobe_rgb else None


def _of_code_points(content: bytes) -> _Said | None:
  """What cICP says; None for high dynamic range, among others, which 8 bits of sRGB do not hold."""
  if len(content) != 4 or tuple(content[2:]) != _RGB_IN_FULL:
    return None
  primaries, curve = _PRIMARIES.get(content[0]), _CURVES.get(content[1])
  if primaries is None or curve is None:
    return None
  return _Said(icc.profile(primaries, curve), "what its cICP chunk says")


def _of_numbers(chunks: Mapping[bytes, bytes]) -> _Said:
  """What gAMA and cHRM say; raises ValueError or struct.error."""
  curve, primaries, names = icc.SRGB_CURVE, icc.SRGB, []
  if b"cHRM" in chunks:
    numbers = [value / _PNG_UNIT for value in struct.unpack(">8I", chunks[b"cHRM"])]
    white, red, green, blue = zip(numbers[::2], numbers[1::2])
    primaries = icc.Primaries(red, green, blue, white)
    names.append("cHRM")
  if b"gAMA" in chunks:
    gamma = struct.unpack(">I", chunks[b"gAMA"])[0] / _PNG_UNIT
    if not 0.1 <= gamma <= 10:
      raise ValueError("no curve")
    if abs(gamma / _SRGB_GAMMA - 1) > _GAMMA_TOLERANCE:
      curve = icc.Curve(1 / gamma)
    names.append("gAMA")
  said = " and ".join(sorted(names, reverse=True))
  chunk = f"{said} chunk{'s say' if len(names) > 1 else ' says'}"
  return _Said(icc.profile(primaries, curve), f"what its {chunk}")


def _transform(source: ImageCms.ImageCmsProfile, mode: str) -> Convert | None:
  """LittleCMS's conversion, if it changes anything."""
  used = _PROFILE_MODES[source.profile.xcolor_space]
  if mode not in ("1", "L") or used not in ("L", "RGB"):
    used = mode  # grey photos often carry the camera's RGB profile; all others need their own
  transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), used, "RGB")

  def convert(image: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(image.convert(used), transform)
    assert converted is not None  # as it is only where applied in place
    return converted

  if used in ("L", "RGB"):
    samples = np.stack(np.meshgrid(_LEVELS, _LEVELS, _LEVELS), axis=-1).reshape(18, -1, 3)
    image = Image.fromarray(samples)
    if mode in ("1", "L"):
      image = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    before = np.asarray(image.convert("RGB")).astype(np.int16)
    if np.abs(np.asarray(convert(image)) - before).max() <= _CLOSE:
      return None
  return convert


def _titled(source: ImageCms.ImageCmsProfile) -> str:
  title = ImageCms.getProfileDescription(source)
  title = re.sub(r"\s+", " ", "".join(filter(str.isprintable, title))).strip()[:60]
  return f"its colour profile ({title})"
