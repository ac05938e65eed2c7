"""PNG files without what is no pixel: nothing else in a file can spoil a photo, or swell in memory.

A PNG file is a row of chunks (length, name, content, CRC). Pillow refuses files for a text that is
long or has a wrong checksum, and takes pixels whose checksum is wrong. Here the chunks that make
pixels are checked, what tells of colours is taken out, and all others are left out of what Pillow
reads. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import bisect
import contextlib
import io
import itertools
import struct
import zlib
from typing import BinaryIO, NamedTuple, cast

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # of wrong checksums, these are damage
_COLOURS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
_ANIMATION = b"acTL"
_EXIF = b"eXIf"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_ORIENTED_TEXTS = (b"XML:com.adobe.xmp", b"Raw profile type exif")  # Pillow turns by them, too
_MAX_METADATA = 2**20  # bytes of a text, inflated, or of EXIF data; Pillow's own limit for texts
_MAX_PROFILE = 2**24  # bytes of a colour profile, inflated: the largest in use have some 9 MB
_BLOCK = 2**20
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
_DEPTH = 24  # offset of bits a channel, in IHDR, which comes first


class Sifted(NamedTuple):
  """What a PNG file holds.

  Attributes:
    file: a PNG file with the pixels, and what is said of their orientation.
    depth: bits a channel.
    colours: what is said of colours: name of a chunk -> content; of iCCP, the profile itself.
    notes: what was found wrong and is left out, one phrase each.
    animated: whether there are more frames.
  """

  file: BinaryIO
  depth: int
  colours: dict[bytes, bytes]
  notes: list[str]
  animated: bool


def sift(file: BinaryIO) -> Sifted:
  """Goes through a PNG file once; memory does not follow what its chunks say of themselves.

  Args:
    file: a seekable file that begins with SIGNATURE. It is read again by what is returned.

  Raises:
    ValueError: if it is cut short in a chunk of pixels, or the checksum of one is wrong.
    OSError: if it cannot be read.
  """
  size = file.seek(0, io.SEEK_END)
  parts: list[tuple[int, int]] = [(0, len(SIGNATURE))]
  colours: dict[bytes, bytes] = {}
  notes: list[str] = []
  animated = ended = has_pixels = False
  place = len(SIGNATURE)
  while not ended:
    file.seek(place)
    head = file.read(8)
    length, name = struct.unpack(">I4s", head) if len(head) == 8 else (0, b"")
    end = place + 12 + length
    if end > size:
      if name in _PIXELS[:4] or not has_pixels:
        raise ValueError("the pixels cannot be relied on")
      notes.append("its end is missing, behind all pixels")
      break
    has_pixels = has_pixels or name == b"IDAT"
    ended = name == b"IEND"
    kept = name in _PIXELS
    if kept:
      if not _is_sound(file, name, length):
        raise ValueError("the pixels cannot be relied on")
    elif name in _COLOURS or name == _EXIF:
      content = _content(file, name, length)
      if content is None:
        notes.append(f"its {name.decode()} chunk is damaged and ignored")
      elif name == _EXIF:
        kept = True
      else:
        colours.setdefault(name, content)  # of two, the first counts
    elif name in _TEXTS:
      kept = _is_oriented(_content(file, name, length) or b"", name)
    elif name == _ANIMATION:
      animated = (_content(file, name, length) or b"")[:4] > b"\0\0\0\1"
    elif name[:1].isupper():  # chunks that a reader must know begin so: Apple's CgBI, for one
      raise ValueError("the pixels cannot be relied on")
    if kept:
      if parts[-1][1] == place:
        parts[-1] = (parts[-1][0], end)
      else:
        parts.append((place, end))
    place = end
  file.seek(_DEPTH)
  depth = file.read(1)
  if not depth:
    raise ValueError("the pixels cannot be relied on")
  joined = io.BufferedReader(
    cast(io.RawIOBase, _Joined(file, parts, b"" if ended else _END)), _BLOCK
  )
  return Sifted(joined, depth[0], colours, notes, animated)


def _is_sound(file: BinaryIO, name: bytes, length: int) -> bool:
  """Whether the checksum of the chunk whose head has been read is right."""
  found = zlib.crc32(name)
  while length:
    block = file.read(min(length, _BLOCK))
    if not block:
      return False
    found = zlib.crc32(block, found)
    length -= len(block)
  return file.read(4) == struct.pack(">I", found)


def _content(file: BinaryIO, name: bytes, length: int) -> bytes | None:
  """The content, of a profile what is compressed in it; None if it is damaged or too long."""
  if length > (_MAX_PROFILE if name == b"iCCP" else _MAX_METADATA):
    return None
  content = file.read(length)
  if file.read(4) != struct.pack(">I", zlib.crc32(content, zlib.crc32(name))):
    return None
  if name == b"iCCP":
    _, _, packed = content.partition(b"\0")  # its name; then a byte for the only way to compress
    return _inflated(packed[1:], _MAX_PROFILE)
  return content


def _inflated(packed: bytes, limit: int) -> bytes | None:
  """What is compressed, if it is whole and has no more than so many bytes."""
  inflate = zlib.decompressobj()
  with contextlib.suppress(zlib.error):
    content = inflate.decompress(packed, limit + 1)
    if inflate.eof and len(content) <= limit:
      return content
  return None


def _is_oriented(content: bytes, kind: bytes) -> bool:
  """Whether a text may tell how to turn the photo, and is not too long for Pillow."""
  keyword, _, rest = content.partition(b"\0")
  if keyword not in _ORIENTED_TEXTS:
    return False
  if kind == b"zTXt":
    return _inflated(rest[1:], _MAX_METADATA) is not None
  if kind == b"iTXt" and rest[:1] == b"\1":  # a flag, the method, a language, a translation
    packed = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return _inflated(packed, _MAX_METADATA) is not None
  return True


class _Joined(io.RawIOBase):
  """Parts of a file, one after the other, and something behind them."""

  def __init__(self, file: BinaryIO, parts: list[tuple[int, int]], behind: bytes):
    self._file, self._parts, self._behind = file, parts, behind
    lengths = (end - start for start, end in parts)
    self._starts = [0, *itertools.accumulate(lengths)]  # the last is where `behind` begins
    self._size = self._starts[-1] + len(behind)
    self._place = 0

  def readable(self) -> bool:
    return True

  def seekable(self) -> bool:
    return True

  def tell(self) -> int:
    return self._place

  def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
    origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
    self._place = max(0, origin + offset)
    return self._place

  def readinto(self, into: bytearray) -> int:  # type: ignore[override]
    number = bisect.bisect_right(self._starts, self._place) - 1
    within = self._place - self._starts[number]
    if number < len(self._parts):
      start, end = self._parts[number]
      self._file.seek(start + within)
      data = self._file.read(min(len(into), end - start - within))
    else:
      data = self._behind[within : within + len(into)]
    into[: len(data)] = data
    self._place += len(data)
    return len(data)
