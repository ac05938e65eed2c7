"""The header of files that hold an image at one step of a quantiser: .dct, .dwt, .dpcm.

With all numbers little-endian:

  offset  bytes  field
       0      4  magic, four ASCII letters that each format has of its own
       4      1  version of the format
       5      2  step, in parts of 1 that each format chooses, 1..65535
       7      2  height in pixels, 1..65535
       9      2  width in pixels, 1..65535
      11      4  CRC-32 of bytes 0..10 and of all from 15 on
      15         the payload

The checksum finds every accident; a payload that somebody forged must be refused by who reads it.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from compression.common.errors import FormatError, ImageError, RangeError

MAX_MEMORY_BYTES = 16 * 2**30
"""A file that would need more than this to decode is refused before it is tried."""

_FIELDS = struct.Struct("<4sBHHH")
_CRC = struct.Struct("<I")
HEADER_BYTES = _FIELDS.size + _CRC.size
_MAX = 2**16 - 1


class Header(NamedTuple):
  """What a file says of itself: its size in pixels, and the step."""

  height: int
  width: int
  step: float


class SteppedFormat(NamedTuple):
  """A format with such a header.

  Attributes:
    name: of the codec, in messages; files end in ".name".
    magic: four bytes.
    version: below 256.
    parts: of 1, that steps are multiples of.
    bytes_per_pixel: of memory that a decoder needs, about, at the most.
    granularity: sides are extended to a multiple of it.
  """

  name: str
  magic: bytes
  version: int
  parts: int
  bytes_per_pixel: int
  granularity: int = 1

  def check_step(self, step: float) -> int:
    """The step as the header has it; raises RangeError if it cannot."""
    parts = step * self.parts
    fits = not isinstance(step, bool) and 1 <= parts <= _MAX
    if not fits or parts != int(parts):
      unit = f"1/{self.parts}" if self.parts > 1 else "1"
      raise RangeError(
        f"{self.name} has no step {step:g};"
        f" it has all multiples of {unit} below {(_MAX + 1) // self.parts}"
      )
    return int(parts)

  def check_size(self, height: int, width: int) -> None:
    """Raises ImageError for an image that the decoder would refuse."""
    if max(height, width) > _MAX:
      raise ImageError(f"{self.name} takes sides up to {_MAX}. Received: {width}x{height}")
    if self._memory(height, width) > MAX_MEMORY_BYTES:
      raise ImageError(f"{self.name} has no memory for {width}x{height} pixels")

  def write(self, height: int, width: int, step: float, payload: bytes) -> bytes:
    """The file.

    Raises:
      RangeError: as `check_step`.
      ImageError: as `check_size`.
    """
    self.check_size(height, width)
    fields = _FIELDS.pack(self.magic, self.version, self.check_step(step), height, width)
    return fields + _CRC.pack(zlib.crc32(payload, zlib.crc32(fields))) + payload

  def recognises(self, data: bytes) -> bool:
    """Whether the magic number is there."""
    return data[: len(self.magic)] == self.magic

  def read_header(self, data: bytes) -> Header:
    """The header, if its values are allowed; nothing is allocated by them. Raises FormatError."""
    if not self.recognises(data):
      raise FormatError(
        f"not a .{self.name} file: it starts with {bytes(data[:4])!r}, not with {self.magic!r}"
      )
    if len(data) < HEADER_BYTES:
      raise FormatError(f"cut short in the header: {len(data)} of {HEADER_BYTES} bytes")
    _, version, parts, height, width = _FIELDS.unpack_from(data)
    if version != self.version:
      raise FormatError(f"version {version} is not what this program reads ({self.version})")
    step = parts / self.parts
    if not (parts and height and width):
      raise FormatError(f"no image: {width}x{height} pixels, step {step:g}")
    need = self._memory(height, width)
    if need > MAX_MEMORY_BYTES:
      raise FormatError(f"needs about {need / 2**30:.0f} GiB to decode: not made by this program")
    return Header(height, width, step)

  def read(self, data: bytes) -> tuple[Header, bytes]:
    """The header and the payload of a file that is whole; raises FormatError."""
    header = self.read_header(data)
    (crc,) = _CRC.unpack_from(data, _FIELDS.size)
    payload = data[HEADER_BYTES:]
    if zlib.crc32(payload, zlib.crc32(data[: _FIELDS.size])) != crc:
      raise FormatError("the file is cut short or damaged: its checksum is wrong")
    return header, payload

  def _memory(self, height: int, width: int) -> int:
    """About how many bytes a decoder needs."""
    high, wide = (-(-side // self.granularity) * self.granularity for side in (height, width))
    return high * wide * self.bytes_per_pixel
