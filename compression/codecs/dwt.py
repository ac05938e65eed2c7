"""Transform coding by wavelets: CDF 9/7 in six levels, one step, adaptive coding by neighbourhoods.

The transform of JPEG 2000 (ITU-T T.800), but instead of its bit planes and blocks that are coded
each for itself, magnitudes as `dct` has them: coded whole, by all that is known around them, also
in other bands, after X. Wu, "High-order context modeling and embedded conditional entropy coding
of wavelet coefficients" (ECECOW, Asilomar 1997).

    image -- Y, Cb, Cr --+-- low ---- ... ---- low  LL     predicted, then coded
                         |                 +-- high 3 bands of level 6, the coarsest
                         +-- high 3 bands of level 1       columns, rows, both

  1. R, G, B -> Y, Cb, Cr (`images/colour.py`), all at one step.
  2. In each level the 9/7 filters of A. Cohen, I. Daubechies and J.-C. Feauveau (1992), by lifting
     (I. Daubechies and W. Sweldens, 1998), of rows and columns that are mirrored at their ends; the
     low band goes on. Gains are sqrt 2 for constants. The filters are not orthogonal: steps are
     divided by the norm of what a coefficient adds to the image, so that an error of one step costs
     the same in every band.
  3. Of the two nearest magnitudes the one that costs less (`entropy/magnitudes.py`).
  4. LL: predicted from left, above and between (the median predictor of JPEG-LS, ITU-T T.87).
  5. Then level after level, the coarsest first: for each 8x8 coefficients of a band, whether there
     is any but zeros; then the magnitudes of those that have some. After all else the signs.

Contexts are sums of what is known: magnitudes near by in the same band; the parent, which is the
coefficient at the same place in the coarser level, and those beside it; around the same place in
the bands of the level that come before; and the same in the channel before. How much each says was
fitted, once, by least squares on photos that are not Kodak's, and rounded to _WEIGHTS, which stand
for all levels, steps and photos: the tables adapt.

`entropy/grids.py` has the order in which a decoder can take many symbols at once. All that decides
how a file is read is integers; the transforms are float32, so that decoders on other machines may
differ by 1 in a pixel.

A file is the header of `formats/stepped.py`, magic "RDWT", with steps in 1/16, then what
`symbols.Encoder` makes; its last bytes are the signs, 8 in one, highest first.
"""

from __future__ import annotations

import numpy as np

from compression.codecs.base import SteppedCodec
from compression.codecs.registry import register
from compression.entropy import magnitudes as magnitudes_lib
from compression.entropy.grids import Grid, Place
from compression.entropy.magnitudes import LARGEST, Classes, check_levels, encode_batches
from compression.entropy.symbols import AdaptiveTables, Decoder, Encoder, fold, unfold
from compression.formats.stepped import SteppedFormat
from compression.images import wavelet
from compression.images.colour import from_ycbcr, to_ycbcr
from compression.images.photos import check_image
from compression.images.wavelet import Bands, band_sizes

_PARTS = 16
_FORMAT = SteppedFormat(
  name="dwt",
  magic=b"RDWT",
  version=1,
  parts=_PARTS,
  bytes_per_pixel=250,  # where all coefficients are large
)

_LEVELS = 6
_MAX_LEVEL = 2**19  # 2^6 * 255 / (1/16) in the low band, and some
_CHANNELS, _BANDS = 3, 3
_BLOCK = 8  # coefficients, to a side, that a flag stands for

_NEAR = (Place(0, -1), Place(-1, 0), Place(-1, -1), Place(-1, 1))
_AROUND = ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))
_PLACES = (
  *(*_NEAR, Place(0, -2), Place(-2, 0)),
  *(Place(*place, band=-1) for place in _AROUND),
  *(Place(*place, band=-2) for place in _AROUND),
  Place(0, 0, channel=-1),
)
# What each of them says of a magnitude, in 1 / _UNIT, for the bands of rows, columns, and both.
_UNIT = 64
_WEIGHTS = np.array(
  [
    [12, 14, 3, 8, 4, 5, *(0, 0, 0, 0, 0), *(0, 0, 0, 0, 0), 4],
    [18, 8, 2, 7, 6, 3, *(2, 1, 1, 1, 1), *(0, 0, 0, 0, 0), 4],
    [9, 8, 2, 7, 3, 2, *(3, 1, 1, 1, 1), *(3, 0, 0, 0, 0), 4],
  ]
)
_PARENT, _BESIDE_PARENT = 4, 1
_CLASSES = Classes(
  least=(0, 1, 3, 5, 8, 12, 16, 22, 30, 42, 58, 80, 112, 160, 224, 320, 440, 640),
  unit=_UNIT,
  max_sum=LARGEST * (int(_WEIGHTS.sum(1).max()) + _PARENT + 4 * _BESIDE_PARENT),
)
_FINENESS = 3  # levels 1, 2, and 3 with all others have tables of their own,
_LIGHTS = 2  # and so have Y, and Cb with Cr

_FLAG_PLACES = (*_NEAR, Place(0, 0, band=-1), Place(0, 0, band=-2), Place(0, 0, channel=-1))
_FLAG_WEIGHTS = np.tile((2, 2, 1, 1, 1, 1, 1), (_BANDS, 1))
_FLAG_PARENT = 2
_FLAG_SUMS = int(_FLAG_WEIGHTS.sum(1).max()) + _FLAG_PARENT + 1
_FLAG_COUNT = 32  # of both values, to start from

_LOW_PLACES = (Place(0, -1), Place(-1, 0))
_LOW_LARGEST = 255
_LOW_SYMBOLS = 64
_LOW_CLASSES = Classes(
  least=(0, 1, 2, 4, 8, 16, 32, 64, 128, 256), unit=1, max_sum=_LOW_LARGEST * len(_LOW_PLACES)
)


@register
class DWT(SteppedCodec):
  """Wavelets; its setting is the step of the quantiser, any multiple of 1/16."""

  name = "dwt"
  settings = (160, 128, 96, 72, 56, 44, 36, 28, 24, 20, 16, 13, 11, 9, 8)
  default_setting = 24
  suffix = ".dwt"
  file_format = _FORMAT
  identity = f"CDF 9/7, YCbCr 4:4:4, adaptive arithmetic coding; version {_FORMAT.version}"

  def compress(self, image: np.ndarray, setting: float, /) -> bytes:
    """The file of an image."""
    image = check_image(image)
    height, width, _ = image.shape
    step = _FORMAT.check_step(setting) / _PARTS
    _FORMAT.check_size(height, width)
    bands = wavelet.analyse(to_ycbcr(image), _LEVELS)
    norms = wavelet.norms(_LEVELS)
    encoder = Encoder()
    _encode_low(encoder, np.rint(bands.low * np.float32(norms.low / step)).astype(np.int64))
    level, negative = None, []
    for number in reversed(range(_LEVELS)):
      factors = np.array(norms.high[number], np.float32) / np.float32(step)
      scaled = [band * factor for band, factor in zip(bands.high[number], factors)]
      level = _Level(number, [band.shape[1:] for band in scaled], level)
      negative.append(level.encode(encoder, scaled))
    payload = magnitudes_lib.finish(encoder, np.concatenate(negative))
    return _FORMAT.write(height, width, setting, payload)

  def decompress(self, data: bytes, /) -> np.ndarray:
    """The image of a file."""
    header, payload = _FORMAT.read(data)
    *sizes, (low_size,) = band_sizes(header.height, header.width, _LEVELS)
    norms = wavelet.norms(_LEVELS)
    decoder = Decoder(payload)
    low = _decode_low(decoder, low_size)
    levels: list[_Level] = []
    for number in reversed(range(_LEVELS)):
      levels.append(_Level(number, sizes[number], levels[-1] if levels else None))
      levels[-1].decode(decoder)
    negative = magnitudes_lib.read_signs(decoder, sum(len(level.used) for level in levels))
    high = []
    for level in levels:
      factors = np.float32(header.step) / np.array(norms.high[level.number], np.float32)
      high.append(level.bands(negative[: len(level.used)], factors))
      negative = negative[len(level.used) :]
    bands = Bands(low.astype(np.float32) * np.float32(header.step / norms.low), high[::-1])
    return from_ycbcr(wavelet.synthesise(bands))


class _Level:
  """The three bands of a level, while they are coded.

  Args:
    number: from 0, the finest.
    sizes: of the bands.
    coarser: the level before, once it was coded.

  Attributes:
    number: that.
    used: int64 [n], where magnitudes above 0 are, in the order of the file.
  """

  def __init__(self, number: int, sizes: list[tuple[int, int]], coarser: _Level | None):
    self.number = number
    self.used = np.zeros(0, np.int64)
    self._grid = Grid(_CHANNELS, sizes, _PLACES, _WEIGHTS)
    blocks = [(-(-high // _BLOCK), -(-wide // _BLOCK)) for high, wide in sizes]
    self._block_grid = Grid(_CHANNELS, blocks, _FLAG_PLACES, _FLAG_WEIGHTS)
    self._values, self._known = self._grid.zeros(np.int32), self._grid.zeros(np.uint8)
    self._flags = self._block_grid.zeros(np.uint8)
    self._from_coarser = self._grid.zeros(np.int32)
    self._flags_from_coarser = self._block_grid.zeros(np.int32)
    if coarser is not None:
      parents = coarser._around_parents()
      _double(parents, self._grid.inside(self._from_coarser))
      parents = _FLAG_PARENT * coarser._block_grid.inside(coarser._flags)
      _double(parents, self._block_grid.inside(self._flags_from_coarser))
    # Of each kind, a channel's band: tables for the level and the channel, whatever the band.
    lights = np.minimum(np.arange(_CHANNELS), _LIGHTS - 1).repeat(_BANDS)
    self._groups = min(number, _FINENESS - 1) * _LIGHTS + lights

  def encode(self, encoder: Encoder, scaled: list[np.ndarray]) -> np.ndarray:
    """Adds all but the signs: bool [n], whether those of `used` are negative.

    Args:
      scaled: float32, the bands in steps.
    """
    exact = self._grid.put(scaled)
    self._decide(np.abs(exact))
    used = self._values > 0
    blocks = self._grid.inside(used)
    edges = np.arange(0, blocks.shape[2], _BLOCK), np.arange(0, blocks.shape[3], _BLOCK)
    blocks = np.logical_or.reduceat(np.logical_or.reduceat(blocks, edges[0], 2), edges[1], 3)
    self._block_grid.inside(self._flags)[:] = blocks
    cells, batches, kinds = self._block_grid.order(self._block_grid.exist())
    sums = self._block_grid.all_sums(self._flags) + self._flags_from_coarser
    contexts = self._flag_contexts(kinds, sums[cells])
    encode_batches(encoder, _flag_tables(), batches, contexts, self._flags[cells])
    cells, batches, kinds = self._grid.order(self._in_flagged())
    sums = self._grid.all_sums(self._known) + self._from_coarser
    contexts = _CLASSES.contexts(self._groups[kinds], sums[cells])
    encode_batches(encoder, _tables(), batches, contexts, self._values[cells])
    self.used = cells[used[cells]]
    return exact[self.used] < 0

  def decode(self, decoder: Decoder) -> None:
    """Takes all but the signs; raises FormatError."""
    cells, batches, kinds = self._block_grid.order(self._block_grid.exist())
    tables = _flag_tables()
    for batch in batches:
      at = cells[batch]
      sums = self._block_grid.sums(self._flags, at, kinds[batch]) + self._flags_from_coarser[at]
      self._flags[at] = decoder.decode(tables, self._flag_contexts(kinds[batch], sums))
    cells, batches, kinds = self._grid.order(self._in_flagged())
    tables = _tables()
    for batch in batches:
      at = cells[batch]
      sums = self._grid.sums(self._known, at, kinds[batch]) + self._from_coarser[at]
      contexts = _CLASSES.contexts(self._groups[kinds[batch]], sums)
      found = decoder.decode(tables, contexts)
      self._values[at] = check_levels(found, _MAX_LEVEL)
      self._known[at] = magnitudes_lib.known(found)
    self.used = cells[self._values[cells] > 0]

  def bands(self, negative: np.ndarray, factors: np.ndarray) -> list[np.ndarray]:
    """What was decoded, float32.

    Args:
      negative: bool [n], whether those of `used` are.
      factors: float32 [bands], what a step of each band stands for.
    """
    values = self._values.astype(np.float32)
    found = values[self.used] + np.float32(magnitudes_lib.RECONSTRUCTION)
    values[self.used] = np.where(negative, -found, found)
    return [band * factor for band, factor in zip(self._grid.take(values), factors)]

  def _decide(self, exact: np.ndarray) -> None:
    """The magnitudes, of what they are in steps."""
    first = magnitudes_lib.first_magnitudes(exact)
    sums = self._grid.all_sums(magnitudes_lib.known(first)) + self._from_coarser
    exact, first, sums = (self._grid.inside(flat) for flat in (exact, first, sums))
    groups = self._groups.reshape(_CHANNELS, _BANDS, 1, 1)
    count = _FINENESS * _LIGHTS * len(_CLASSES)
    decided = magnitudes_lib.decide(exact, first, _CLASSES.contexts(groups, sums), count)
    self._grid.inside(self._values)[:] = decided
    self._known[:] = magnitudes_lib.known(self._values)

  def _flag_contexts(self, kinds: np.ndarray, sums: np.ndarray) -> np.ndarray:
    return self._groups[kinds] * _FLAG_SUMS + sums

  def _in_flagged(self) -> np.ndarray:
    """bool [channel, band, row, column]: whether a coefficient may be other than 0."""
    flags = self._block_grid.inside(self._flags) > 0
    _, _, rows, columns = self._grid.inside(self._known).shape
    flags = flags.repeat(_BLOCK, 2)[:, :, :rows].repeat(_BLOCK, 3)[:, :, :, :columns]
    return flags & self._grid.exist()

  def _around_parents(self) -> np.ndarray:
    """What this level's magnitudes say of those below them."""
    grid = self._grid
    sums = _PARENT * self._known.astype(np.int32)
    for place in _AROUND[1:]:
      sums += _BESIDE_PARENT * np.roll(self._known, -grid.offset(Place(*place)))
    return grid.inside(sums)


def _double(coarse: np.ndarray, fine: np.ndarray) -> None:
  """Puts each of [..., rows, columns] into the 2x2 places of the finer level that it stands for."""
  _, _, rows, columns = fine.shape
  fine[:] = coarse.repeat(2, 2)[:, :, :rows].repeat(2, 3)[:, :, :, :columns]


def _tables() -> AdaptiveTables:
  return _CLASSES.tables(_FINENESS * _LIGHTS)


def _flag_tables() -> AdaptiveTables:
  counts = np.full([_FINENESS * _LIGHTS * _FLAG_SUMS, 2], _FLAG_COUNT)
  return AdaptiveTables(counts, escapes=False)


# The low band: 1 coefficient in 4096 pixels.


def _low_grid(size: tuple[int, int]) -> Grid:
  return Grid(_CHANNELS, [size], _LOW_PLACES, np.ones([1, len(_LOW_PLACES)], np.int64))


def _low_tables() -> AdaptiveTables:
  return _LOW_CLASSES.tables(_CHANNELS, _LOW_SYMBOLS)


def _predict(grid: Grid, low: np.ndarray, cells: np.ndarray) -> np.ndarray:
  """The median predictor; 0 for the first."""
  around = (low[cells + grid.offset(Place(*place))] for place in ((0, -1), (-1, 0), (-1, -1)))
  return magnitudes_lib.median_prediction(*around)


def _encode_low(encoder: Encoder, band: np.ndarray) -> None:
  """Adds the low band, int64 [channel, row, column]."""
  _, high, wide = band.shape
  grid = _low_grid((high, wide))
  low, known = grid.put([band]), grid.zeros(np.uint8)
  cells, batches, kinds = grid.order(grid.exist())
  residuals = low[cells] - _predict(grid, low, cells)
  known[cells] = np.minimum(np.abs(residuals), _LOW_LARGEST)
  contexts = _LOW_CLASSES.contexts(kinds, grid.all_sums(known)[cells])
  encode_batches(encoder, _low_tables(), batches, contexts, fold(residuals))


def _decode_low(decoder: Decoder, size: tuple[int, int]) -> np.ndarray:
  """The low band, int64 [channel, row, column]; raises FormatError."""
  grid = _low_grid(size)
  low, known = grid.zeros(np.int64), grid.zeros(np.uint8)
  cells, batches, kinds = grid.order(grid.exist())
  tables = _low_tables()
  for batch in batches:
    at = cells[batch]
    contexts = _LOW_CLASSES.contexts(kinds[batch], grid.sums(known, at, kinds[batch]))
    residuals = unfold(decoder.decode(tables, contexts))
    low[at] = check_levels(residuals + _predict(grid, low, at), _MAX_LEVEL)
    known[at] = np.minimum(np.abs(residuals), _LOW_LARGEST)
  return grid.take(low)[0]
