"""The `.rnic` file: one image as layers, every prefix of which is an image of lower quality.

Source: this project's own format, version 1. It knows nothing of models, networks or pixels: it
carries bytes, says which model they belong to, and notices when they are not those written.

All numbers are unsigned and little-endian. A "block" is the square of 16 x 16 pixels that the
networks turn into one column of bits. The file is one header, then `layers` layers, then its end.

Header, 32 bytes:

  offset  bytes  field
       0      4  magic, the ASCII letters "RNIC" (52 4E 49 43)
       4      1  version of this format, 1
       5      1  entropy coder: 0 none (the bits, packed), 1 learned
       6      1  layers that the encoder wrote, 1..16
       7      1  halo: blocks by which tiles overlap; less than the tile side, 0 if untiled
       8      8  model id; any bytes, and the wrong model must refuse them
      16      4  height of the image in pixels, 1..65535
      20      4  width of the image in pixels, 1..65535; height * width is at most 2^30
      24      2  tile side in blocks, 1..4096 (it may exceed the image); 0 if untiled
      26      2  entropy tables id: the version of the learned tables; 0 with coder 0
      28      4  CRC-32 of bytes 0..27

Later versions keep bytes 0..4 and 28..31, so that a reader of version 1 can tell "newer" from
"damaged".

Layer, 6 bytes and its payload, of which an image of coder 0 has exactly
ceil(height/16) * ceil(width/16) * bits-per-block / 8 bytes (32 bits in the released models; the
model says how many, see `packed_length`):

  offset  bytes  field
       0      3  length n of the payload in bytes, 0..2^24-1
       3      3  check: bits  0..15  CRC-16 of the chain, after this layer
                        bits 16..22  low 7 bits of the CRC-32 of the chain, after this layer
                        bit  23      parity: 1 if an odd number of the 24 bits of n is set
       6      n  payload

Both CRCs are chains. They start at the header's CRC-32, and each layer continues them over its 3
length bytes and its n payload bytes (not over its check):

  CRC-16: polynomial 0x1021, most significant bit first, nothing reflected or inverted (Python's
    `binascii.crc_hqx`, CRC-16/XMODEM). Before layer 1 it is the low 16 bits of the header's CRC-32.
  CRC-32: polynomial 0x04C11DB7, reflected, inverted before and after (zlib, PNG). Continued the way
    zlib does, it is the CRC-32 of header bytes 0..27 and of all that the layers fed to it so far.

So a layer passes only behind the header and the layers that it was written behind: a layer that
is swapped, repeated or taken from another file fails. (Layer 1 of another image of the same model,
sides and layers has the very same header before it, and is a legal beginning; the layer after it
fails.)

What is detected for certain, wherever the image and its bytes come from:
  * one flipped bit, anywhere in the file: in the header by its CRC-32; in a payload by the CRC-16,
    at any length; in a check, because it no longer equals what is computed; in a length by the
    parity. The parity is needed: another length puts other bytes under the CRCs, which may then
    agree by chance, and one bit that depends on the length alone is all it takes to exclude that.
  * a burst of up to 16 bits within a payload, by the CRC-16; of up to 32 within the header.
  * a cut, at any offset.
Any other damage is missed with a probability of about 2^-23. None of this resists an adversary, who
can compute checksums as well; against hostile files, the limits above are what protects.
"""

from __future__ import annotations

import binascii
import operator
import struct
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from compression.common.errors import FormatError

MAGIC = b"RNIC"
VERSION = 1
ENTROPY_CODERS = {0: "none", 1: "learned"}

HEADER_BYTES = 32
LAYER_OVERHEAD_BYTES = 6  # Length and check, before each payload.

BLOCK_SIDE = 16  # Pixels; the encoder halves each side four times.
MAX_LAYERS = 16  # The iterations of the largest models.
MAX_SIDE = 2**16 - 1  # Pixels.
MAX_TILE = 2**12  # Blocks: what the longest side has, ceil(MAX_SIDE / BLOCK_SIDE).
# Two sides of MAX_SIDE would be 4 Gi pixels. This is 3 GiB as 8-bit RGB, and about where 32 bits
# a block outgrow a layer's length: 2^30 / 256 blocks of 4 bytes are one byte more than it holds.
MAX_PIXELS = 2**30
MAX_PAYLOAD = 2**24 - 1  # Bytes; the length has 24 bits.

_FIELDS = struct.Struct("<4sBBBB8sIIHH")  # Header bytes 0..27.
_CRC = struct.Struct("<I")  # Header bytes 28..31.
_MODEL_ID_BYTES = 8
_LENGTH_BYTES = 3
_CHECK_BYTES = 3


class Header(NamedTuple):
  """What a file says about its image, see the module's table.

  height, width: pixels. layers: layers that the encoder wrote, which in a cut file are more than
  are there. model_id: 8 bytes. entropy_coder: a key of ENTROPY_CODERS. tile, halo: blocks.
  """

  height: int
  width: int
  layers: int
  model_id: bytes
  entropy_coder: int = 0
  tile: int = 0
  halo: int = 0
  tables_id: int = 0

  @property
  def blocks_high(self) -> int:
    """Rows of blocks; the last may reach past the image."""
    return -(-int(self.height) // BLOCK_SIDE)

  @property
  def blocks_wide(self) -> int:
    """Columns of blocks; the last may reach past the image."""
    return -(-int(self.width) // BLOCK_SIDE)


class Contents(NamedTuple):
  """What `read` found.

  payloads: the whole layers from the first on. damage: None, or one line about what follows them.
  corrupt: whether bytes were changed; a file that is only cut, or followed by others, is not.
  """

  header: Header
  payloads: tuple[bytes, ...]
  damage: str | None
  corrupt: bool = False


class _Chain(NamedTuple):
  """The two running CRCs; see "Both CRCs are chains" above."""

  crc16: int
  crc32: int

  @classmethod
  def start(cls, header_crc: int) -> _Chain:
    return cls(header_crc & 0xFFFF, header_crc)

  def add(self, length: bytes, payload: Any) -> _Chain:
    return _Chain(
      binascii.crc_hqx(payload, binascii.crc_hqx(length, self.crc16)),
      zlib.crc32(payload, zlib.crc32(length, self.crc32)),
    )

  def check(self, length: int) -> bytes:
    check = self.crc16 | (self.crc32 & 0x7F) << 16 | _parity(length) << 23
    return check.to_bytes(_CHECK_BYTES, "little")


def packed_length(header: Header, bits_per_block: int) -> int:
  """Bytes of every payload with entropy coder 0, for a model of `bits_per_block` bits."""
  return -(-header.blocks_high * header.blocks_wide * bits_per_block // 8)


def write(header: Header, payloads: Sequence[bytes], expected_length: int | None = None) -> bytes:
  """The file of these layers: 32 bytes, and for every layer 6 and its payload.

  Args:
    header: its `layers` is the number of payloads.
    payloads: one per layer, first layer first.
    expected_length: bytes that every payload must have with entropy coder 0, from
      `packed_length`; None does not check. Other coders' lengths vary and are not checked.

  Raises:
    FormatError: a value is not one that a reader would take.
  """
  header = _checked(header)
  if len(payloads) != header.layers:
    raise FormatError(f"payloads: {len(payloads)} received for {header.layers} layers")
  fields = _FIELDS.pack(
    MAGIC,
    VERSION,
    header.entropy_coder,
    header.layers,
    header.halo,
    header.model_id,
    header.height,
    header.width,
    header.tile,
    header.tables_id,
  )
  header_crc = zlib.crc32(fields)
  parts = [fields, _CRC.pack(header_crc)]
  chain = _Chain.start(header_crc)
  for number, payload in enumerate(payloads, 1):
    if not isinstance(payload, (bytes, bytearray, memoryview)):
      raise FormatError(f"payload of layer {number} must be bytes, received {payload!r:.40}")
    payload = bytes(payload)
    if len(payload) > MAX_PAYLOAD:
      raise FormatError(
        f"payload of layer {number} has {len(payload)} bytes, a layer holds {MAX_PAYLOAD}"
      )
    if _length_is_wrong(header, len(payload), expected_length):
      raise FormatError(
        f"payload of layer {number} has {len(payload)} bytes, expected {expected_length}"
      )
    length = len(payload).to_bytes(_LENGTH_BYTES, "little")
    chain = chain.add(length, payload)
    parts += [length, chain.check(len(payload)), payload]
  return b"".join(parts)


def read_header(data: bytes) -> Header:
  """The header of a file; `data` may be its first 32 bytes alone.

  Raises:
    FormatError: not an `.rnic` file, cut in the header, damaged there, of a newer version, or with
      a value outside the limits in the module's table. Nothing is allocated by these values.
  """
  start = bytes(data[: len(MAGIC)])
  if start != MAGIC:
    raise FormatError(f"not an .rnic file: it starts with {start!r}, not with {MAGIC!r}")
  if len(data) < HEADER_BYTES:
    raise FormatError(f"cut short in the header: {len(data)} of {HEADER_BYTES} bytes")
  fields = bytes(data[: _FIELDS.size])
  (header_crc,) = _CRC.unpack_from(data, _FIELDS.size)
  if zlib.crc32(fields) != header_crc:
    raise FormatError("the header is damaged: its checksum is wrong")
  _, version, coder, layers, halo, model_id, height, width, tile, tables_id = _FIELDS.unpack(fields)
  if version > VERSION:
    raise FormatError(f"version {version} is newer than this program reads ({VERSION})")
  if version != VERSION:
    raise FormatError(f"version {version} does not exist; this program reads {VERSION}")
  return _checked(Header(height, width, layers, model_id, coder, tile, halo, tables_id))


def read(
  data: bytes, max_layers: int | None = None, expected_length: int | None = None
) -> Contents:
  """The header and all whole layers of a file that may be cut or damaged.

  Args:
    data: the file, or any beginning of it.
    max_layers: at most so many layers are read, and nothing after them is looked at; None reads
      all and also reports bytes after the last.
    expected_length: as in `write`; a layer of another length counts as damaged.

  Returns:
    Contents; `damage` is None exactly if all that was asked for is there as it was written.

  Raises:
    FormatError: as `read_header`, or no layer is whole.
  """
  header = read_header(data)
  if max_layers is not None and max_layers < 1:
    raise FormatError(f"max_layers must be at least 1, received {max_layers}")
  ends, damage, corrupt = _scan(data, header, max_layers, expected_length)
  if not ends:
    raise FormatError(str(damage))
  starts = (HEADER_BYTES,) + ends[:-1]
  payloads = tuple(
    bytes(data[start + LAYER_OVERHEAD_BYTES : end]) for start, end in zip(starts, ends)
  )
  return Contents(header, payloads, damage, corrupt)


def prefix(data: bytes, layers: int) -> bytes:
  """A complete file of the first `layers` layers: the header says so and the checks follow it.

  (Cutting the bytes at one of `layer_ends` also decodes to these layers, but is reported as cut.)

  Raises:
    FormatError: as `read`, or the file does not have so many whole layers.
  """
  contents = read(data, max_layers=layers)
  if len(contents.payloads) < layers:
    found = contents.damage or f"the file has {contents.header.layers} layers"
    raise FormatError(f"{layers} layers are asked for, but {found}")
  return write(contents.header._replace(layers=layers), contents.payloads)


def layer_ends(data: bytes) -> tuple[int, ...]:
  """Offsets in bytes just after each whole layer; empty if there is none.

  Raises:
    FormatError: as `read_header`.
  """
  return _scan(data, read_header(data), None, None)[0]


def _scan(
  data: bytes, header: Header, max_layers: int | None, expected_length: int | None
) -> tuple[tuple[int, ...], str | None, bool]:
  """The ends of the whole layers, and `damage` and `corrupt` of Contents; copies no payload."""
  view = memoryview(data)
  chain = _Chain.start(_CRC.unpack_from(view, _FIELDS.size)[0])
  layers = header.layers
  wanted = layers if max_layers is None else min(layers, max_layers)
  ends: list[int] = []
  start = HEADER_BYTES
  for whole in range(wanted):
    body = start + LAYER_OVERHEAD_BYTES
    if len(view) < body:
      return tuple(ends), _cut(whole, layers), False
    length_bytes = bytes(view[start : start + _LENGTH_BYTES])
    check = bytes(view[start + _LENGTH_BYTES : body])
    length = int.from_bytes(length_bytes, "little")
    # The length is tested by itself first, so that a wrong one is not taken for a cut.
    if _parity(length) != check[-1] >> 7 or _length_is_wrong(header, length, expected_length):
      return tuple(ends), _damaged(whole, layers), True
    end = body + length
    if len(view) < end:
      return tuple(ends), _cut(whole, layers), False
    chain = chain.add(length_bytes, view[body:end])
    if chain.check(length) != check:
      return tuple(ends), _damaged(whole, layers), True
    ends.append(end)
    start = end
  extra = len(view) - start
  if max_layers is None and extra:
    return tuple(ends), f"{extra} {'byte' if extra == 1 else 'bytes'} after the last layer", False
  return tuple(ends), None, False


def _cut(whole: int, layers: int) -> str:
  if not whole:
    return f"cut short: no layer is whole (of {layers})"
  return f"cut short: {whole} of {layers} layers {'is' if whole == 1 else 'are'} whole"


def _damaged(whole: int, layers: int) -> str:
  used = {0: "no layer is whole", 1: "the layer before it is used"}
  rest = used.get(whole, f"the {whole} layers before it are used")
  return f"layer {whole + 1} of {layers} is damaged: {rest}"


def _parity(length: int) -> int:
  return f"{length:b}".count("1") & 1


def _length_is_wrong(header: Header, length: int, expected_length: int | None) -> bool:
  return header.entropy_coder == 0 and expected_length not in (None, length)


def _checked(header: Header) -> Header:
  """The same header with plain ints; FormatError names the first value that is not allowed."""
  model_id = header.model_id
  if not isinstance(model_id, bytes) or len(model_id) != _MODEL_ID_BYTES:
    raise FormatError(f"model id must be {_MODEL_ID_BYTES} bytes, received {model_id!r:.40}")
  coder = _integer("entropy coder", header.entropy_coder)
  if coder not in ENTROPY_CODERS:
    known = ", ".join(f"{key} ({name})" for key, name in ENTROPY_CODERS.items())
    raise FormatError(f"entropy coder {coder} is unknown; known are {known}")
  height = _integer("height", header.height, 1, MAX_SIDE)
  width = _integer("width", header.width, 1, MAX_SIDE)
  if height * width > MAX_PIXELS:
    raise FormatError(f"height x width of {height} x {width} exceeds {MAX_PIXELS} pixels")
  layers = _integer("layers", header.layers, 1, MAX_LAYERS)
  tile = _integer("tile", header.tile, 0, MAX_TILE)
  # With a halo as wide as the tile, the next tile would begin where this one did.
  halo = _integer("halo", header.halo, 0, 255)
  if halo >= max(tile, 1):
    raise FormatError(f"halo of {halo} blocks needs a larger tile, received a tile of {tile}")
  tables_id = _integer("entropy tables id", header.tables_id, 0, 2**16 - 1)
  if coder == 0 and tables_id != 0:
    raise FormatError(f"entropy tables id must be 0 with coder 0 (none), received {tables_id}")
  return Header(height, width, layers, model_id, coder, tile, halo, tables_id)


def _integer(name: str, value: Any, low: int = 0, high: int = 255) -> int:
  """`value` (any integer type, NumPy's too) as an int, if it is within low..high."""
  try:
    number = int(operator.index(value))
  except TypeError:
    raise FormatError(f"{name} must be an integer, received {value!r:.40}") from None
  if not low <= number <= high:
    raise FormatError(f"{name} must be {low}..{high}, received {number}")
  return number
