"""Transform coding in its plainest form: blocks of 8x8 cosines, one step, adaptive coding.

The chain of JPEG with what has become known since: no subsampling, as chroma that is coded at the
same step costs little; decisions that weigh distortion against bits; and tables that adapt to the
frequencies around a coefficient, in its own block and in those before it.

  1. R, G, B -> Y, Cb, Cr (ITU-R BT.601, full range). The step is the same for all three: the square
     of an error of one in them adds 3.0, 3.3 and 2.5 to those of R, G and B.
  2. The orthonormal DCT of every 8x8 block (N. Ahmed, T. Natarajan, K. R. Rao, 1974). Images are
     extended to whole blocks by their edges.
  3. DC: rounded, and predicted from the blocks to the left, above and between (the median predictor
     of JPEG-LS, ITU-T T.87). All others: of the two nearest magnitudes the one that costs less.
  4. The extent of each block, the highest u + v of a coefficient (u, v) that is not zero; 0 if only
     DC is left. Then the magnitudes up to there, from high frequencies to low, and DC.

Tables are chosen by sums of what is known already: for an extent, those of the blocks to the left
and above; for a magnitude, those of higher frequencies in its block and of the same in blocks to
the left and above, besides the channel, u + v and how far that is from the extent. Signs are plain
bits; those of DC, which predictions need, are in the symbols.

This needs an order in which a decoder can take many symbols at once (see `symbols`). What it looks
at is higher in frequency, or at most one column to the right of the row above. So all with equal

    2 row + column               of extents and of DC,
    2 row + column - u - v       of magnitudes

are a batch. Arithmetic is exact in all that decides how a file is read; the transforms are float32,
so that decoders on other machines may differ by 1 in a pixel.

A file is, with all numbers little-endian:

  offset  bytes  field
       0      4  magic, the ASCII letters "RDCT"
       4      1  version of this format, 1
       5      2  step in 1/16, 1..65535
       7      2  height in pixels, 1..65535
       9      2  width in pixels, 1..65535
      11      4  CRC-32 of bytes 0..10 and of all from 15 on
      15         what `symbols.Encoder` makes; its last bytes are the signs, 8 in one, highest first
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from compression.codecs.base import Codec, Description, show
from compression.codecs.registry import register
from compression.common.errors import FormatError, ImageError, RangeError
from compression.entropy.symbols import AdaptiveTables, Decoder, Encoder, fold, unfold
from compression.images.photos import check_image

MAX_MEMORY_BYTES = 16 * 2**30
"""A file that would need more than this to decode is refused before it is tried."""

_MAGIC = b"RDCT"
_VERSION = 1
_FIELDS = struct.Struct("<4sBHHH")
_CRC = struct.Struct("<I")
_HEADER_BYTES = _FIELDS.size + _CRC.size
_STEPS_PER_UNIT = 16
_MAX_SIDE = 2**16 - 1
_BYTES_PER_PIXEL = 150  # of memory, where all coefficients are large

_BLOCK = 8
_MIDDLE = 128
_YCBCR = np.array(
  [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)
_RGB = np.linalg.inv(_YCBCR.astype(np.float64)).astype(np.float32)

_RECONSTRUCTION = 0.07
"""Above its magnitude: what it stands for, in steps; large ones are rarer than small ones."""

_LAGRANGIAN = 0.18
"""Squares of steps that a bit is worth; ln 2 / 6 where steps are small."""

_ROUNDING = 0.45
"""Magnitudes that decisions begin with: floor(|x| / step + this)."""

_SYMBOLS = 16  # magnitudes in a table, of which the last stands for all others
_DC_SYMBOLS = 40
_MAX_LEVEL = 2**15 - 1  # 8 * 255 / (1/16), and some

# (weight, u, v, row, column), the latter four seen from the coefficient
_NEIGHBOURS = (
  *((4, 1, 0, 0, 0), (4, 0, 1, 0, 0), (4, 1, 1, 0, 0)),
  *((2, 2, 0, 0, 0), (2, 0, 2, 0, 0), (2, 1, 2, 0, 0), (2, 2, 1, 0, 0)),
  *((2, 0, 0, 0, -1), (2, 0, 0, -1, 0)),
  *((1, 0, 0, -1, -1), (1, 0, 0, -1, 1), (1, 0, 0, 0, -2), (1, 0, 0, -2, 0)),
)
_EXTENT_NEIGHBOURS = ((2, 0, 0, 0, -1), (2, 0, 0, -1, 0), (1, 0, 0, -1, -1), (1, 0, 0, -1, 1))
_Neighbours = Sequence[tuple[int, ...]]
_REACH = 2  # of neighbours, in each of the four
_LARGEST = 15  # a neighbour counts as no more than this

_CLASSES = (0, 1, 2, 3, 4, 6, 8, 10, 13, 17, 22, 28, 36, 48, 64, 90)  # the least sum of each
_CLASS_OF_SUM = np.digitize(
  np.arange(_LARGEST * sum(weight for weight, *_ in _NEIGHBOURS) + 1), _CLASSES[1:]
)
_EXTENTS = 2 * _BLOCK - 1
_EXTENT_CLASSES = 2 * _EXTENTS - 1  # a class is a third of the sum
_HEIGHTS = 10  # of frequencies: u + v, and 9 for all above
_DISTANCES = 3  # of u + v from the extent: 0, 1, and 2 for all others
_LIMIT = 1 << 18  # of the counts of a table
_CHANNELS = 2  # Y, and Cb with Cr


@register
class DCT(Codec):
  """Blocks of 8x8 cosines; its setting is the step of the quantiser, any multiple of 1/16."""

  name = "dct"
  settings = (128, 96, 72, 56, 44, 36, 28, 24, 20, 16, 13, 11, 9, 8)
  setting_name = "step"
  default_setting = 24
  suffix = ".dct"
  identity = f"8x8 DCT, YCbCr 4:4:4, adaptive arithmetic coding; version {_VERSION}"

  def check_setting(self, setting: float) -> float:
    """The step, if the header can hold it; raises RangeError."""
    _sixteenths(setting)
    return setting

  def compress(self, image: np.ndarray, setting: float, /) -> bytes:
    """The file of an image."""
    image = check_image(image)
    height, width, _ = image.shape
    sixteenths = _sixteenths(setting)
    if max(height, width) > _MAX_SIDE:
      raise ImageError(f"{self.name} takes sides up to {_MAX_SIDE}. Received: {width}x{height}")
    if _memory(height, width) > MAX_MEMORY_BYTES:
      raise ImageError(f"{self.name} has no memory for {width}x{height} pixels")
    layout = _Layout(height, width)
    scaled = layout.zeros(np.float32)
    layout.blocks(scaled)[:] = _transform(image) * (_STEPS_PER_UNIT / sixteenths)
    payload = _encode(layout, scaled)
    fields = _FIELDS.pack(_MAGIC, _VERSION, sixteenths, height, width)
    return fields + _CRC.pack(zlib.crc32(payload, zlib.crc32(fields))) + payload

  def decompress(self, data: bytes, /) -> np.ndarray:
    """The image of a file."""
    header = _read_header(data)
    if zlib.crc32(data[_HEADER_BYTES:], zlib.crc32(data[: _FIELDS.size])) != header.crc:
      raise FormatError("the file is cut short or damaged: its checksum is wrong")
    layout = _Layout(header.height, header.width)
    values = layout.blocks(_decode(layout, data[_HEADER_BYTES:])).astype(np.float32)
    values += np.float32(_RECONSTRUCTION) * np.sign(values) * _is_ac()
    pixels = _inverse_transform(values * np.float32(header.step))
    return pixels[: header.height, : header.width]

  def recognises(self, data: bytes) -> bool:
    """Whether the magic number is there."""
    return data[: len(_MAGIC)] == _MAGIC

  def describe(self, data: bytes) -> Description:
    """Its size and the step."""
    header = _read_header(data)
    return Description(header.height, header.width, [("step", show(header.step))])


class _Header(NamedTuple):
  """See the module's table."""

  height: int
  width: int
  step: float
  crc: int


def _read_header(data: bytes) -> _Header:
  """The header, if its values are allowed; nothing is allocated by them."""
  if data[: len(_MAGIC)] != _MAGIC:
    raise FormatError(f"not a .dct file: it starts with {bytes(data[:4])!r}, not with {_MAGIC!r}")
  if len(data) < _HEADER_BYTES:
    raise FormatError(f"cut short in the header: {len(data)} of {_HEADER_BYTES} bytes")
  _, version, sixteenths, height, width = _FIELDS.unpack_from(data)
  if version != _VERSION:
    raise FormatError(f"version {version} is not what this program reads ({_VERSION})")
  if not (sixteenths and height and width):
    raise FormatError(f"no image: {width}x{height} pixels, step {sixteenths / _STEPS_PER_UNIT:g}")
  need = _memory(height, width)
  if need > MAX_MEMORY_BYTES:
    raise FormatError(f"needs about {need / 2**30:.0f} GiB to decode: not made by this program")
  (crc,) = _CRC.unpack_from(data, _FIELDS.size)
  return _Header(height, width, sixteenths / _STEPS_PER_UNIT, crc)


def _sixteenths(step: float) -> int:
  sixteenths = step * _STEPS_PER_UNIT
  fits = not isinstance(step, bool) and 1 <= sixteenths < 2**16
  if not fits or sixteenths != int(sixteenths):
    raise RangeError(
      f"dct has no step {show(step)}; it has all multiples of 1/{_STEPS_PER_UNIT} below 4096"
    )
  return int(sixteenths)


def _memory(height: int, width: int) -> int:
  """About how many bytes a decoder needs."""
  blocks = -(-height // _BLOCK) * -(-width // _BLOCK)
  return blocks * _BLOCK**2 * _BYTES_PER_PIXEL


# Pixels and coefficients.


def _basis() -> np.ndarray:
  """The orthonormal DCT, float32 [frequency, position]."""
  k = np.arange(_BLOCK)
  basis = np.sqrt(2 / _BLOCK) * np.cos(np.pi / _BLOCK * np.outer(k, k + 0.5))
  basis[0] /= np.sqrt(2)
  return basis.astype(np.float32)


def _transform(image: np.ndarray) -> np.ndarray:
  """uint8 [H, W, 3] -> float32 [3, u, v, rows, columns], u being the vertical frequency."""
  height, width, _ = image.shape
  image = np.pad(image, ((0, -height % _BLOCK), (0, -width % _BLOCK), (0, 0)), "edge")
  height, width, _ = image.shape
  pixels = image.reshape(-1, 3).T.astype(np.float32) - _MIDDLE
  planes = (_YCBCR @ pixels).reshape(3, height // _BLOCK, _BLOCK, width)
  rows = (_basis() @ planes).reshape(3, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
  return (rows @ _basis().T).transpose(0, 2, 4, 1, 3)


def _inverse_transform(coefficients: np.ndarray) -> np.ndarray:
  """float32 [3, u, v, rows, columns] -> uint8 [8 rows, 8 columns, 3]."""
  _, _, _, high, wide = coefficients.shape
  rows = np.ascontiguousarray(coefficients.transpose(0, 3, 1, 4, 2)) @ _basis()
  planes = _basis().T @ rows.reshape(3, high, _BLOCK, wide * _BLOCK)
  pixels = (_RGB @ planes.reshape(3, -1)).T + np.float32(_MIDDLE)
  pixels = np.clip(np.rint(pixels, out=pixels), 0, 255, out=pixels)
  return pixels.astype(np.uint8).reshape(high * _BLOCK, wide * _BLOCK, 3)


def _is_ac() -> np.ndarray:
  """float32 [u, v, 1, 1]: 0 for DC, else 1."""
  mask = np.ones([_BLOCK, _BLOCK, 1, 1], np.float32)
  mask[0, 0] = 0
  return mask


# Contexts.


class _Layout:
  """Where coefficients are in a flat array, with zeros for neighbours that are outside.

  Its axes are [channel, u, v, row, column]; zeros are above in frequency, and above and to the left
  in the image. Those to the right are the ones to the left of the next row. What there is one of in
  a block, as its extent, is where DC is.

  Attributes:
    dc: int64 [n], where DC coefficients are, in the order of the file.
    dc_batches: of these, one slice after the other.
    dc_groups: their channels, 0 or 1.
  """

  def __init__(self, height: int, width: int):
    side = _BLOCK + _REACH
    high, wide = -(-height // _BLOCK), -(-width // _BLOCK)
    self._shape = (3, side, side, high + _REACH, wide + _REACH)
    self._strides = np.cumprod((1, *self._shape[:0:-1]))[::-1].tolist()
    self.dc, self.dc_batches, self.dc_groups = self._ordered(np.zeros([3, high, wide], np.int8), 0)

  def zeros(self, dtype: type) -> np.ndarray:
    """A flat array."""
    return np.zeros(np.prod(self._shape), dtype)

  def blocks(self, flat: np.ndarray) -> np.ndarray:
    """A view [3, u, v, rows, columns] of one."""
    return flat.reshape(self._shape)[:, :_BLOCK, :_BLOCK, _REACH:, _REACH:]

  def ac(self, extents: np.ndarray) -> tuple[np.ndarray, list[slice], np.ndarray]:
    """As `dc`, `dc_batches` and `dc_groups`: the coefficients that a file has.

    Args:
      extents: uint8, flat.
    """
    return self._ordered(self.blocks(extents)[:, 0, 0], 1)

  def sums(self, known: np.ndarray, cells: np.ndarray, neighbours: _Neighbours) -> np.ndarray:
    """Weighted sums of the neighbours of some cells in a flat uint8 array."""
    sums = np.zeros(len(cells), np.int16)
    for weight, *place in neighbours:
      sums += known[cells + self._offset(place)] * np.uint8(weight)
    return sums

  def all_sums(self, known: np.ndarray, neighbours: _Neighbours) -> np.ndarray:
    """The same for all cells at once: flat int16."""
    sums = self.zeros(np.int16)
    for weight, *place in neighbours:
      sums += np.roll(known, -self._offset(place)) * np.uint8(weight)
    return sums

  def predict(self, dc: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """What the neighbours of DC coefficients say; 0 for the first."""
    above = cells - self._strides[3]
    west, north, between = dc[cells - 1], dc[above], dc[above - 1]
    low, high = np.minimum(west, north), np.maximum(west, north)
    return np.clip(west + north - between, low, high)

  def _offset(self, place: Sequence[int]) -> int:
    return sum(part * stride for part, stride in zip(place, self._strides[1:]))

  def _ordered(self, extents: np.ndarray, least: int) -> tuple[np.ndarray, list[slice], np.ndarray]:
    """The cells with u + v from `least` to the extents [3, rows, columns], by their batch."""
    channel, u, v, row, column = np.ogrid[
      tuple(map(slice, (3, _BLOCK, _BLOCK, *extents.shape[1:])))
    ]
    above = extents[:, None, None].astype(np.int8) - (u + v).astype(np.int8)
    chosen = (above >= 0) & (u + v >= least)
    # One array after the other, so that a large image needs no more memory than it must.
    when = (2 * row + column - u - v + _EXTENTS).astype(np.int16)
    when = np.broadcast_to(when, chosen.shape)[chosen]
    order = np.argsort(when, kind="stable")
    ends = np.cumsum(np.bincount(when)).tolist()
    batches = [slice(a, b) for a, b in zip([0, *ends], ends) if a < b]
    group = np.minimum(channel, _CHANNELS - 1)
    if least:
      group = (group * _HEIGHTS + np.minimum(u + v, _HEIGHTS - 1)) * _DISTANCES
      group = group.astype(np.int8) + np.minimum(above, _DISTANCES - 1)
    groups = np.broadcast_to(group, chosen.shape)[chosen][order]
    inside = self.zeros(np.bool_)
    self.blocks(inside)[:] = chosen
    return np.flatnonzero(inside)[order], batches, groups


def _extent_tables() -> AdaptiveTables:
  """For a channel and a class; they start as if an extent were often about its neighbours'."""
  expected = np.arange(_EXTENT_CLASSES)[:, None] // 2
  counts = 1 + (64 >> np.minimum(np.abs(np.arange(_EXTENTS) - expected), 6))
  return AdaptiveTables(np.tile(counts, (_CHANNELS, 1)), limit=_LIMIT, escapes=False)


def _tables(groups: int, symbols: int) -> AdaptiveTables:
  """For a group and a class; they start as if magnitudes were distributed geometrically."""
  counts = np.zeros([len(_CLASSES), symbols], np.int64)
  for row, least in zip(counts, _CLASSES):
    left = 1 << 16
    for symbol in range(symbols):
      row[symbol] = left * 20 // (21 + least)
      left -= row[symbol]
    row[-1] += left
  counts = np.maximum(counts >> 10, 1)
  return AdaptiveTables(np.tile(counts, (groups, 1)), limit=_LIMIT)


# Quantisation.


def _decide(layout: _Layout, scaled: np.ndarray) -> np.ndarray:
  """Magnitudes, flat int32, of all but DC: one lower where that saves more than it costs."""
  inside = layout.blocks(scaled)
  exact = np.abs(inside)
  exact[:, 0, 0] = 0
  magnitudes = layout.zeros(np.int32)
  first = np.floor(exact + np.float32(_ROUNDING)).astype(np.int32)
  layout.blocks(magnitudes)[:] = first
  known = np.minimum(magnitudes, _LARGEST).astype(np.uint8)
  classes = _CLASS_OF_SUM[layout.blocks(layout.all_sums(known, _NEIGHBOURS))]
  # What a symbol will cost, by how often it is there now: the tables will come to about that. A
  # block's extent is not decided yet, so that zeros above it count as well.
  channel, u, v, _, _ = np.ogrid[:3, :_BLOCK, :_BLOCK, :1, :1]
  group = np.minimum(channel, _CHANNELS - 1) * _HEIGHTS + np.minimum(u + v, _HEIGHTS - 1)
  contexts = group * len(_CLASSES) + classes
  counts = np.bincount(
    (contexts * _SYMBOLS + np.minimum(first, _SYMBOLS - 1)).ravel(),
    minlength=_CHANNELS * _HEIGHTS * len(_CLASSES) * _SYMBOLS,
  )
  chances = (counts + 0.05).reshape(-1, _SYMBOLS)
  bits = -np.log2(chances / chances.sum(1, keepdims=True))
  bits[:, 1:] += 1  # the sign
  may = np.nonzero((first > 0) & (first < _SYMBOLS - 1))
  exact, high, contexts = exact[may], first[may], contexts[may]
  costs = [
    np.square(exact - value - _RECONSTRUCTION * (value > 0)) + _LAGRANGIAN * bits[contexts, value]
    for value in (high, high - 1)
  ]
  layout.blocks(magnitudes)[may] = high - (costs[1] < costs[0])
  return magnitudes


# Coded data.


def _encode(layout: _Layout, scaled: np.ndarray) -> bytes:
  """The coded data of coefficients, flat, in steps."""
  magnitudes = _decide(layout, scaled)
  extents = layout.zeros(np.uint8)
  u, v, _, _ = np.ogrid[:_BLOCK, :_BLOCK, :1, :1]
  used = layout.blocks(magnitudes) > 0
  layout.blocks(extents)[:, 0, 0] = (used * (u + v).astype(np.uint8)).max((1, 2))
  dc = layout.dc
  levels = layout.zeros(np.int64)
  levels[dc] = np.rint(scaled[dc])
  residuals = levels[dc] - layout.predict(levels, dc)
  known = np.minimum(magnitudes, _LARGEST).astype(np.uint8)
  known[dc] = np.minimum(np.abs(residuals), _LARGEST)
  sums = layout.all_sums(known, _NEIGHBOURS)

  encoder = Encoder()
  contexts = _extent_contexts(layout.dc_groups, layout.sums(extents, dc, _EXTENT_NEIGHBOURS))
  _encode_batches(encoder, _extent_tables(), layout.dc_batches, contexts, extents[dc])
  ac, batches, groups = layout.ac(extents)
  contexts = _contexts(groups, sums[ac])
  _encode_batches(encoder, _ac_tables(), batches, contexts, magnitudes[ac])
  contexts = _contexts(layout.dc_groups, sums[dc])
  _encode_batches(encoder, _dc_tables(), layout.dc_batches, contexts, fold(residuals))
  signs = scaled[ac[magnitudes[ac] > 0]] < 0
  return encoder.finish(np.packbits(signs).tobytes())


def _encode_batches(
  encoder: Encoder,
  tables: AdaptiveTables,
  batches: list[slice],
  contexts: np.ndarray,
  values: np.ndarray,
) -> None:
  for batch in batches:
    encoder.encode(tables, contexts[batch], values[batch])


def _decode(layout: _Layout, payload: bytes) -> np.ndarray:
  """The quantised coefficients, flat int32; raises FormatError."""
  decoder = Decoder(payload)
  extents, known = layout.zeros(np.uint8), layout.zeros(np.uint8)
  levels = layout.zeros(np.int32)
  tables = _extent_tables()
  for batch in layout.dc_batches:
    cells = layout.dc[batch]
    sums = layout.sums(extents, cells, _EXTENT_NEIGHBOURS)
    extents[cells] = decoder.decode(tables, _extent_contexts(layout.dc_groups[batch], sums))
  ac, batches, groups = layout.ac(extents)
  tables = _ac_tables()
  for batch in batches:
    cells = ac[batch]
    sums = layout.sums(known, cells, _NEIGHBOURS)
    found = decoder.decode(tables, _contexts(groups[batch], sums))
    levels[cells] = _checked(found)
    known[cells] = np.minimum(found, _LARGEST)
  tables = _dc_tables()
  for batch in layout.dc_batches:
    cells = layout.dc[batch]
    sums = layout.sums(known, cells, _NEIGHBOURS)
    residuals = unfold(decoder.decode(tables, _contexts(layout.dc_groups[batch], sums)))
    levels[cells] = _checked(residuals + layout.predict(levels, cells))
    known[cells] = np.minimum(np.abs(residuals), _LARGEST)
  signed = ac[levels[ac] > 0]
  bits = np.unpackbits(np.frombuffer(decoder.finish(-(-len(signed) // 8)), np.uint8))
  if bits[len(signed) :].any():
    raise FormatError("the coded data are damaged: they do not end as they should")
  levels[signed[bits[: len(signed)] > 0]] *= -1
  return levels


def _ac_tables() -> AdaptiveTables:
  return _tables(_CHANNELS * _HEIGHTS * _DISTANCES, _SYMBOLS)


def _dc_tables() -> AdaptiveTables:
  return _tables(_CHANNELS, _DC_SYMBOLS)


def _contexts(groups: np.ndarray, sums: np.ndarray) -> np.ndarray:
  return groups.astype(np.int64) * len(_CLASSES) + _CLASS_OF_SUM[sums]


def _extent_contexts(groups: np.ndarray, sums: np.ndarray) -> np.ndarray:
  return groups.astype(np.int64) * _EXTENT_CLASSES + (sums + 1) // 3


def _checked(levels: np.ndarray) -> np.ndarray:
  """The same; raises FormatError where no image has such coefficients."""
  if len(levels) and np.abs(levels).max() > _MAX_LEVEL:
    raise FormatError("the coded data are damaged: a coefficient is out of range")
  return levels
