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

A file is the header of `formats/stepped.py`, magic "RDCT", with steps in 1/16, then what
`symbols.Encoder` makes; its last bytes are the signs, 8 in one, highest first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compression.codecs.base import SteppedCodec
from compression.codecs.registry import register
from compression.entropy import magnitudes as magnitudes_lib
from compression.entropy.magnitudes import LARGEST, Classes, check_levels, encode_batches
from compression.entropy.symbols import AdaptiveTables, Decoder, Encoder, fold, unfold
from compression.formats.stepped import SteppedFormat
from compression.images.colour import from_ycbcr, to_ycbcr
from compression.images.photos import check_image

_BLOCK = 8
_STEPS_PER_UNIT = 16
_FORMAT = SteppedFormat(
  name="dct",
  magic=b"RDCT",
  version=1,
  parts=_STEPS_PER_UNIT,
  bytes_per_pixel=150,  # where all coefficients are large
  granularity=_BLOCK,
)

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

_CLASSES = Classes(
  least=(0, 1, 2, 3, 4, 6, 8, 10, 13, 17, 22, 28, 36, 48, 64, 90),
  unit=20,
  max_sum=LARGEST * sum(weight for weight, *_ in _NEIGHBOURS),
)
_EXTENTS = 2 * _BLOCK - 1
_EXTENT_CLASSES = 2 * _EXTENTS - 1  # a class is a third of the sum
_HEIGHTS = 10  # of frequencies: u + v, and 9 for all above
_DISTANCES = 3  # of u + v from the extent: 0, 1, and 2 for all others
_LIMIT = 1 << 18  # of the counts of a table of extents
_CHANNELS = 2  # Y, and Cb with Cr


@register
class DCT(SteppedCodec):
  """Blocks of 8x8 cosines; its setting is the step of the quantiser, any multiple of 1/16."""

  name = "dct"
  settings = (128, 96, 72, 56, 44, 36, 28, 24, 20, 16, 13, 11, 9, 8)
  default_setting = 24
  suffix = ".dct"
  file_format = _FORMAT
  identity = f"8x8 DCT, YCbCr 4:4:4, adaptive arithmetic coding; version {_FORMAT.version}"

  def compress(self, image: np.ndarray, setting: float, /) -> bytes:
    """The file of an image."""
    image = check_image(image)
    height, width, _ = image.shape
    sixteenths = _FORMAT.check_step(setting)
    _FORMAT.check_size(height, width)
    layout = _Layout(height, width)
    scaled = layout.zeros(np.float32)
    layout.blocks(scaled)[:] = _transform(image) * (_STEPS_PER_UNIT / sixteenths)
    return _FORMAT.write(height, width, setting, _encode(layout, scaled))

  def decompress(self, data: bytes, /) -> np.ndarray:
    """The image of a file."""
    header, payload = _FORMAT.read(data)
    layout = _Layout(header.height, header.width)
    values = layout.blocks(_decode(layout, payload)).astype(np.float32)
    values += np.float32(magnitudes_lib.RECONSTRUCTION) * np.sign(values) * _is_ac()
    pixels = _inverse_transform(values * np.float32(header.step))
    return pixels[: header.height, : header.width]


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
  planes = to_ycbcr(image).reshape(3, height // _BLOCK, _BLOCK, width)
  rows = (_basis() @ planes).reshape(3, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
  return (rows @ _basis().T).transpose(0, 2, 4, 1, 3)


def _inverse_transform(coefficients: np.ndarray) -> np.ndarray:
  """float32 [3, u, v, rows, columns] -> uint8 [8 rows, 8 columns, 3]."""
  _, _, _, high, wide = coefficients.shape
  rows = np.ascontiguousarray(coefficients.transpose(0, 3, 1, 4, 2)) @ _basis()
  planes = _basis().T @ rows.reshape(3, high, _BLOCK, wide * _BLOCK)
  return from_ycbcr(planes.reshape(3, high * _BLOCK, wide * _BLOCK))


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
    """The DC coefficients that their neighbours make likely; 0 for the first."""
    above = cells - self._strides[3]
    return magnitudes_lib.median_prediction(dc[cells - 1], dc[above], dc[above - 1])

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


# Quantisation.


def _decide(layout: _Layout, scaled: np.ndarray) -> np.ndarray:
  """Magnitudes, flat int32, of all but DC: one lower where that saves more than it costs."""
  inside = layout.blocks(scaled)
  exact = np.abs(inside)
  exact[:, 0, 0] = 0
  magnitudes = layout.zeros(np.int32)
  first = magnitudes_lib.first_magnitudes(exact)
  layout.blocks(magnitudes)[:] = first
  sums = layout.all_sums(magnitudes_lib.known(magnitudes), _NEIGHBOURS)
  # A block's extent is not decided yet, so that zeros above it count as well.
  channel, u, v, _, _ = np.ogrid[:3, :_BLOCK, :_BLOCK, :1, :1]
  group = np.minimum(channel, _CHANNELS - 1) * _HEIGHTS + np.minimum(u + v, _HEIGHTS - 1)
  contexts = _CLASSES.contexts(group, layout.blocks(sums))
  count = _CHANNELS * _HEIGHTS * len(_CLASSES)
  layout.blocks(magnitudes)[:] = magnitudes_lib.decide(exact, first, contexts, count)
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
  known = magnitudes_lib.known(magnitudes)
  known[dc] = magnitudes_lib.known(np.abs(residuals))
  sums = layout.all_sums(known, _NEIGHBOURS)

  encoder = Encoder()
  contexts = _extent_contexts(layout.dc_groups, layout.sums(extents, dc, _EXTENT_NEIGHBOURS))
  encode_batches(encoder, _extent_tables(), layout.dc_batches, contexts, extents[dc])
  ac, batches, groups = layout.ac(extents)
  contexts = _CLASSES.contexts(groups, sums[ac])
  encode_batches(encoder, _ac_tables(), batches, contexts, magnitudes[ac])
  contexts = _CLASSES.contexts(layout.dc_groups, sums[dc])
  encode_batches(encoder, _dc_tables(), layout.dc_batches, contexts, fold(residuals))
  return magnitudes_lib.finish(encoder, scaled[ac[magnitudes[ac] > 0]] < 0)


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
    found = decoder.decode(tables, _CLASSES.contexts(groups[batch], sums))
    levels[cells] = check_levels(found, _MAX_LEVEL)
    known[cells] = magnitudes_lib.known(found)
  tables = _dc_tables()
  for batch in layout.dc_batches:
    cells = layout.dc[batch]
    sums = layout.sums(known, cells, _NEIGHBOURS)
    residuals = unfold(decoder.decode(tables, _CLASSES.contexts(layout.dc_groups[batch], sums)))
    levels[cells] = check_levels(residuals + layout.predict(levels, cells), _MAX_LEVEL)
    known[cells] = magnitudes_lib.known(np.abs(residuals))
  signed = ac[levels[ac] > 0]
  levels[signed[magnitudes_lib.read_signs(decoder, len(signed))]] *= -1
  return levels


def _ac_tables() -> AdaptiveTables:
  return _CLASSES.tables(_CHANNELS * _HEIGHTS * _DISTANCES)


def _dc_tables() -> AdaptiveTables:
  return _CLASSES.tables(_CHANNELS, _DC_SYMBOLS)


def _extent_contexts(groups: np.ndarray, sums: np.ndarray) -> np.ndarray:
  return groups.astype(np.int64) * _EXTENT_CLASSES + (sums + 1) // 3
