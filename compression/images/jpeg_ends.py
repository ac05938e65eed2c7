"""JPEG files without their end marker: told from those that are cut short in the pixels.

Decoders take the end marker for the end of the bits, and fill up what is missing with zeros. So a
file is whole if it does not matter what stands where it ends: nothing but the marker, or more bits,
whatever they are, also of the next interval, where it has restart markers. And it has to have all
scans: a progressive file may end between two of them. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import hashlib
import io

from PIL import Image

_END = b"\xff\xd9"
_BITS = (bytes(64), b"\xfe" * 64, b"\x5a" * 64)  # some begin with a 0, and one with a 1
_RESTARTS = [bytes([0xFF, 0xD0 + number]) for number in range(8)]
_FILLINGS = [b"", *_BITS, *(restart + bits for restart in _RESTARTS for bits in _BITS)]
_MARKER = 0xFF
_START_OF_FRAME = {0xC0, 0xC1, 0xC2}  # sequential, and progressive; Huffman codes
_START_OF_SCAN = 0xDA
_WITHOUT_LENGTH = {0x00, 0x01, *range(0xD0, 0xD9)}  # stuffed bytes, restarts, the beginning
_COEFFICIENTS = 64


def completed(data: bytes) -> bytes | None:
  """The file with its end marker, if that is all that it lacks; else None.

  Raises:
    Exception: of nearly any kind, where Pillow cannot decode the file.
  """
  data = data.rstrip(b"\xff")
  if not _has_all_scans(data):
    return None
  found = set()
  for filling in _FILLINGS:
    with Image.open(io.BytesIO(data + filling + _END), formats=["JPEG"]) as image:
      found.add(hashlib.sha256(image.tobytes()).digest())
    if len(found) > 1:
      return None
  return data + _END


def _has_all_scans(data: bytes) -> bool:
  """Whether scans bring each coefficient of each component down to its last bit."""
  missing: set[tuple[int, int]] | None = None
  place = data.find(_MARKER, 0)
  while 0 <= place < len(data) - 4:
    kind = data[place + 1]
    if kind in _WITHOUT_LENGTH or kind == _MARKER:
      place = data.find(_MARKER, place + 1 + (kind != _MARKER))
      continue
    length = int.from_bytes(data[place + 2 : place + 4], "big")
    body = data[place + 4 : place + 2 + length]
    if kind in _START_OF_FRAME:
      components = body[6 : 6 + 3 * body[5] : 3]
      missing = {(each, number) for each in components for number in range(_COEFFICIENTS)}
    elif kind == _START_OF_SCAN and missing is not None:
      components = body[1 : 1 + 2 * body[0] : 2]
      first, last, precision = body[1 + 2 * body[0] :][:3]
      if not precision & 15:  # else its lowest bits are still to come
        missing -= {(each, number) for each in components for number in range(first, last + 1)}
    place = data.find(_MARKER, place + 2 + length)
  return missing is not None and not missing
