"""Codes latents by what is known around them: a prior says where to start, the image the rest.

A factorised prior is one distribution for a channel in all images and at all places. But where a
latent is small those beside it are small, too, and so are the other channels there. Ballé, Laparra
and Simoncelli (ICLR 2017, section 4) therefore code what their prior was trained for with a coder
of contexts that adapts, CABAC (Marpe, Schwarz and Wiegand, 2003). Here that is

  1. magnitudes with tables that count what they code (`entropy/symbols.py`), chosen by
       the group of the channel, which is by the mean magnitude that the prior expects, and
       the class of a sum of magnitudes that a decoder knows: four beside it, weighted, and those of
       the eight channels before it at the same place;
  2. after all of them the signs, a bit each.

Channels come in the order of their mean magnitudes, the largest first, so that the ones before are
like it. On photos that takes 10 to 30 % less than the prior's own tables.

The means are integers out of the tables of `tables.py`, so that all that decodes is integers.
"""

from __future__ import annotations

import numpy as np

from compression.entropy import magnitudes
from compression.entropy.grids import Grid, Place
from compression.entropy.latents.tables import MAX_VALUE, LatentTables
from compression.entropy.magnitudes import LARGEST, Classes, check_levels, encode_batches
from compression.entropy.symbols import Decoder, Encoder

_CHANNELS_BEFORE = 8
_PLACES = (
  *(Place(0, -1), Place(-1, 0), Place(-1, -1), Place(-1, 1)),
  *(Place(0, 0, channel=-before) for before in range(1, _CHANNELS_BEFORE + 1)),
)
_WEIGHTS = np.array([[2, 2, 1, 1, *[1] * _CHANNELS_BEFORE]])
_CLASSES = Classes(
  least=(0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 14, 19, 26, 35, 47, 70, 105),
  unit=int(_WEIGHTS.sum()),
  max_sum=LARGEST * int(_WEIGHTS.sum()),
)
_GROUPS = (5, 13, 26, 51, 90, 154, 256, 410, 768, 2048)
"""The least mean magnitude of each group but the first, in 1/256."""


class AdaptiveCoder:
  """Encodes and decodes latents.

  Args:
    prior: of their channels.
  """

  def __init__(self, prior: LatentTables):
    means = prior.mean_magnitudes()
    self._order = np.argsort(-means, kind="stable")
    self._groups = np.digitize(means[self._order], _GROUPS)
    # A grid has no places that are further away than it has channels.
    self._seen = len(_PLACES) - max(_CHANNELS_BEFORE - len(means) + 1, 0)

  def encode(self, q: np.ndarray) -> bytes:
    """The latents, int32 [h, w, C] within MAX_VALUE, as a stream."""
    grid = self._grid(*q.shape[:2])
    values = grid.put([np.ascontiguousarray(q[..., self._order].transpose(2, 0, 1))])
    found = np.abs(values)
    cells, batches, kinds = grid.order(grid.exist())
    sums = grid.all_sums(magnitudes.known(found))[cells]
    contexts = _CLASSES.contexts(self._groups[kinds], sums)
    encoder = Encoder()
    tables = _CLASSES.tables(len(_GROUPS) + 1)
    encode_batches(encoder, tables, batches, contexts, found[cells])
    return magnitudes.finish(encoder, values[cells[found[cells] > 0]] < 0)

  def decode(self, data: bytes, height: int, width: int) -> np.ndarray:
    """What `encode` was given: int32 [height, width, C].

    Raises:
      FormatError: if the bytes are not the stream of such latents; some damage gives other ones.
    """
    grid = self._grid(height, width)
    values, known = grid.zeros(np.int32), grid.zeros(np.uint8)
    cells, batches, kinds = grid.order(grid.exist())
    decoder = Decoder(data)
    tables = _CLASSES.tables(len(_GROUPS) + 1)
    for batch in batches:
      at, of = cells[batch], kinds[batch]
      contexts = _CLASSES.contexts(self._groups[of], grid.sums(known, at, of))
      found = check_levels(decoder.decode(tables, contexts), MAX_VALUE)
      values[at] = found
      known[at] = magnitudes.known(found)
    used = cells[values[cells] > 0]
    negative = used[magnitudes.read_signs(decoder, len(used))]
    values[negative] = -values[negative]
    q = np.empty([height, width, len(self._order)], np.int32)
    q[..., self._order] = grid.take(values)[0].transpose(1, 2, 0)
    return q

  def _grid(self, height: int, width: int) -> Grid:
    places, weights = _PLACES[: self._seen], _WEIGHTS[:, : self._seen]
    return Grid(len(self._order), [(height, width)], places, weights)
