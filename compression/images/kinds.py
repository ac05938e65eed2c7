"""The kinds of files that hold photos and are not read here, told by their content and named.

Camera raw files are TIFF files, mostly, whose first image is a thumbnail: what reads any TIFF file
gives that, and the photo is lost unnoticed. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO

from PIL import TiffImagePlugin, features

_RAW = "is a camera raw file ({}), which is not supported; develop it first"
_OTHER = "{} is not supported"

_BRANDS = {  # of ISO media files, at offset 8
  **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), _OTHER.format("HEIC")),
  **dict.fromkeys((b"mif1", b"msf1", b"mif2"), _OTHER.format("HEIF")),
  b"crx ": _RAW.format("Canon CR3"),
}
_AVIF = (b"avif", b"avis")
_STARTS = {
  b"FUJIFILMCCD-RAW": _RAW.format("Fujifilm RAF"),
  b"IIU\0": _RAW.format("Panasonic RW2"),
  b"IIRO": _RAW.format("Olympus ORF"),
  b"IIRS": _RAW.format("Olympus ORF"),
  b"MMOR": _RAW.format("Olympus ORF"),
  b"IIII": _RAW.format("Phase One IIQ"),
  b"MMMM": _RAW.format("Phase One IIQ"),
  b"FOVb": _RAW.format("Sigma X3F"),
  b"\0MRM": _RAW.format("Minolta MRW"),
  b"v/1\x01": _OTHER.format("OpenEXR"),
  b"#?RADIANCE": _OTHER.format("Radiance HDR"),
  b"%PDF-": _OTHER.format("PDF"),
  b"\xff\x0a": _OTHER.format("JPEG XL"),
  b"\0\0\0\x0cJXL ": _OTHER.format("JPEG XL"),
}
_TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the latter two are BigTIFF
_START = 16  # bytes that tell the kind
_CR2 = b"CR\x02"

# Tags of TIFF files, and their values.
_SUBFILE, _BITS, _PHOTOMETRIC, _CHANNELS, _SUB_IFDS, _FORMAT = 254, 258, 262, 277, 330, 339
_MAKE, _DNG_VERSION = 271, 50706
_REDUCED = 1
_SENSOR = (32803, 34892)  # colour filter array; linear raw
_FORMATS = {3: "floating-point", 5: "complex", 6: "complex"}  # what Pillow may not know
_BITS_READ = 16
_COLOURS = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab"}
_MAX_PAGES = 64  # of which something is asked; more are read by nobody here


def refusal(file: BinaryIO) -> str | None:
  """Why a file is not read though Pillow would show something of it; None if it may be read.

  Raises:
    OSError: if the file cannot be read.
  """
  file.seek(0)
  start = file.read(_START)
  return _of_tiff(file, start) if start.startswith(_TIFFS) else None


def description(file: BinaryIO) -> str | None:
  """Why a file that Pillow does not know is not read; None if its kind is not known here either.

  Raises:
    OSError: if the file cannot be read.
  """
  file.seek(0)
  start = file.read(_START)
  if start[4:8] == b"ftyp":
    return _of_media(file)
  if start.startswith(_TIFFS):
    return _of_other_tiff(file, start)
  return next((text for magic, text in _STARTS.items() if start.startswith(magic)), None)


def _of_other_tiff(file: BinaryIO, start: bytes) -> str | None:
  for tags in _pages(file, start):  # the first
    bits, channels = _first(tags, _BITS) or 1, tags.get(_CHANNELS, 1)
    photometric, kind = _first(tags, _PHOTOMETRIC), _FORMATS.get(_first(tags, _FORMAT))
    if kind is None and bits <= _BITS_READ:
      return None  # cut short in its tags, most likely
    kind = kind or "integer"
    colour = _COLOURS.get(photometric, f"photometric {photometric}")
    return _OTHER.format(f"{kind} {colour} (TIFF of {channels} channels, {bits} bits)")
  return None


def _of_media(file: BinaryIO) -> str | None:
  """The kind of an ISO media file, which its brand says, or those that it is compatible with."""
  file.seek(0)
  head = file.read(256)
  size = min(int.from_bytes(head[:4], "big"), len(head))
  brands = [head[8:12], *(head[place : place + 4] for place in range(16, size, 4))]
  if any(brand in _AVIF for brand in brands):
    return None if features.check("avif") else "AVIF needs a newer version of Pillow"
  return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)


def _of_tiff(file: BinaryIO, start: bytes) -> str | None:
  if start[8:11] == _CR2:
    return _RAW.format("Canon CR2")
  pages = list(_pages(file, start))
  if not pages:
    return None
  first = pages[0]
  if _DNG_VERSION in first:
    return _RAW.format("DNG")
  if any(_first(tags, _PHOTOMETRIC) in _SENSOR for tags in pages):
    make = " ".join(str(first.get(_MAKE, "")).split()).strip("\0 ")[:40]
    return _RAW.format(make or "TIFF")
  if _is_reduced(first) and not all(map(_is_reduced, pages)):
    return "begins with a thumbnail of another image in it; such TIFF files are not supported"
  return None


def _is_reduced(tags: Any) -> bool:
  return bool((_first(tags, _SUBFILE) or 0) & _REDUCED)


def _first(tags: Any, number: int) -> Any:
  """The value of a tag, or the first of several."""
  value = tags.get(number)
  return value[0] if isinstance(value, tuple) and value else value


def _pages(file: BinaryIO, start: bytes) -> Iterator[Any]:
  """The tags of the images of a TIFF file, each before those in it, as far as they can be read."""
  with warnings.catch_warnings(), contextlib.suppress(Exception):  # broken tags raise nearly any
    warnings.simplefilter("ignore")
    is_big = start[2] == 43 or start[3] == 43
    reader = TiffImagePlugin.ImageFileDirectory_v2(start if is_big else start[:8])
    todo, seen = [int(reader.next)], set[int]()
    while todo and len(seen) < _MAX_PAGES:
      place = todo.pop(0)
      if not place or place in seen:
        continue
      seen.add(place)
      tags = TiffImagePlugin.ImageFileDirectory_v2(start if is_big else start[:8])
      file.seek(place)
      tags.load(file)
      yield tags
      inner = tags.get(_SUB_IFDS, ())
      todo += [int(offset) for offset in (inner if isinstance(inner, tuple) else (inner,))]
      todo.append(int(tags.next or 0))
