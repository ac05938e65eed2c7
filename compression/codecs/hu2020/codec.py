"""Y. Hu, W. Yang, J. Liu, "Coarse-to-Fine Hyper-Prior Modeling for Learned Image Compression".

AAAI 2020. Latents of three sizes, each of which says how the next finer one is distributed, so that
each can be coded in one pass, without a look at what is beside it; and what the coarse ones say is
of use to the picture as well.

    x --- g_a --- y -------------------- Q -- y^ --- synthesis ---+
                  |                      |                        |
            hyper analysis 2     mu, scale --- prediction 3 --- h2 --- side ---+--- output --- x^
                  |                                             |              |
                  z2 ------------------- Q -- z2^ --- hyper synthesis 2        |
                  |                      |                                     |
            hyper analysis 1     mu, scale --- prediction 2 --- h1 ------------+
                  |                                             |
                  z1 ------------------- Q -- z1^ --- hyper synthesis 1

    y, z2, z1    at every 16th, 32nd and 64th pixel: N, N/2 and N/4 channels (y is the paper's z3)
    q            round(z - mu)    z^ = q + mu    mu in 1/16

`network.py` has the layers. What is made small is bits + lambda * mean square; each lambda has
weights of its own, and is one quality of a model.

What differs from the paper, and why:

  - All that chooses a table, from z1^ to mu and scale, is integers (`integers.py`), with latents in
    1/16 of theirs; the paper's coder has floats, which differ from machine to machine.
  - What is rounded is the difference to mu, as in later codecs: where all is as predicted, that
    costs least, and the picture gets mu. The paper rounds latents themselves.
  - A prediction is a convolution of 5x5 and two of 1x1, which is far cheaper than the paper's three
    of 3x3 in each window of 5x5.
  - What enters them, and what is between their layers, is limited, and their LeakyReLU is ReLU.
  - Residuals have tables that were counted in photos, for 37 scales; they adapt to the image, and
    by what is found around a residual (`residuals.py`). The paper has Gaussians. Here that takes
    some percent less, and a decoder in NumPy has time for it.
  - z1 has the prior of `entropy/latents/` in the place of a Gaussian for each channel.
  - An encoder rounds towards mu where that saves more bits than it costs in squares.
  - Channels are fewer (paper: 192 to 384), and fewer where there are many pixels; the training is
    short: see the card of the released model. It begins with principal components of photos
    (`training/tasks/rate_distortion/coarse_to_fine.py`).
  - Images of any size: sides are extended to multiples of 16 by their edges. z2 and z1 have half as
    many rows and columns, rounded up. Transforms of large images work in strips.

All q are the same on every machine. The synthesis is float32, so that decoders on other machines
may differ by 1 in a pixel.

A file is that of `codecs/qualities.py`, magic "HYL0"; after the id comes one stream of
`entropy/symbols.py`: z1; the magnitudes of z2, and their signs; the magnitudes of y. The signs of y
are the last of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from compression.codecs.hu2020.integers import LATENT_BITS, HyperSynthesis, Prediction
from compression.codecs.hu2020.residuals import (
  MAX_VALUE,
  ResidualCoder,
  Residuals,
  put_signs,
  take_signs,
)
from compression.codecs.qualities import QualityCodec
from compression.codecs.registry import register_models
from compression.codecs.strips import in_strips
from compression.common.errors import ModelError
from compression.common.npz import assign
from compression.entropy import magnitudes
from compression.entropy.fixed_point import ACTIVATION_BITS
from compression.entropy.latents import tables
from compression.entropy.latents.tables import LatentTables
from compression.entropy.symbols import Decoder, Encoder
from compression.formats.stepped import SteppedFormat

KIND = "hu2020"
BLOCK = 16
"""Pixels along a side of what a place of y stands for."""

RESIDUALS = ("residuals2/", "residuals3/")
"""What the names of the arrays of `residuals.py` begin with, of z2 and of y."""

_PEAK = np.float32(255)
_UNITS = 1 << LATENT_BITS
_REACH_OF_ANALYSIS = 2  # rows of y: (2 + 4 + 8 + 16) pixels in blocks of 16
_REACH_OF_SYNTHESIS = 3  # 1 + 1/2 + 1/4 of transposed 5x5, and 3/8 + 1/8 + 1/16 of what follows

_SQUARE = 8.0
"""Bits that a square of 1 in a latent is worth: 12 / (2 ln 2) is for small steps, where a bit more
of a coefficient takes away three quarters of 1/12."""


@register_models(KIND)
class Hu2020(QualityCodec):
  """The codec; its setting is the quality, from 1, one of the lambdas of its model."""

  kind = KIND
  suffix = ".hyl"
  file_format = SteppedFormat(
    name="hu2020",
    magic=b"HYL0",
    version=1,
    parts=1,
    bytes_per_pixel=140,
    granularity=BLOCK,
  )

  def make_coder(self, arrays: Mapping[str, np.ndarray], where: str) -> Hu2020Coder:
    """The networks with the weights of a quality."""
    return Hu2020Coder(arrays, where)


class Coarse(NamedTuple):
  """What a decoder knows before y: z1^ and z2^ have told it.

  Attributes:
    mu: int32 [h, w, N], in 1/16.
    scales: int16 [h, w, N].
    h: float32 [h, w, features], h2 and h1, for the synthesis.
  """

  mu: np.ndarray
  scales: np.ndarray
  h: np.ndarray


class Predictor:
  """From z1^ to mu and scale of y, in integers.

  Args:
    arrays: of an archive.
    where: it is from, for messages.

  Attributes:
    prior: of z1.

  Raises:
    ModelError: if they do not fit.
  """

  def __init__(self, arrays: Mapping[str, np.ndarray], where: str):
    self.prior = LatentTables(tables.in_archive(arrays), where)
    # A float32 times 16 is exact.
    self._offset = np.rint(arrays["prior/offset"] * np.float32(_UNITS)).astype(np.int32)
    self._synthesis1 = HyperSynthesis(arrays, "hyper_synthesis1", where)
    self._synthesis2 = HyperSynthesis(arrays, "hyper_synthesis2", where)
    self._prediction2 = Prediction(arrays, "prediction2", where)
    self._prediction3 = Prediction(arrays, "prediction3", where)
    self.channels2, self.channels3 = self._prediction2.channels, self._prediction3.channels
    if (
      self._synthesis1.channels != self.prior.channels
      or self._synthesis1.features != self._prediction2.features
      or self._synthesis2.channels != self.channels2
      or self._synthesis2.features != self._prediction3.features
    ):
      raise ModelError(f"{where}: the parts of its prediction do not fit together")

  def of_z2(self, q1: np.ndarray, height: int, width: int) -> tuple[np.ndarray, ...]:
    """mu, scales, and h1 [height, width, features], of z1's int32 [h, w, C]."""
    h1 = self._synthesis1(q1 * _UNITS + self._offset, height, width)
    return (*self._prediction2(h1), h1)

  def of_y(self, z2_hat: np.ndarray, h1: np.ndarray, height: int, width: int) -> Coarse:
    """What z2^ says, int32 [h, w, C] in 1/16, of y [height, width, N]."""
    h2 = self._synthesis2(z2_hat, height, width)
    rows, columns, depth = h1.shape
    h1 = h1.reshape(rows, columns, 2, 2, depth // 4).swapaxes(1, 2)
    h1 = h1.reshape(2 * rows, 2 * columns, depth // 4)[:height, :width]
    h = np.concatenate([h2, h1], -1).astype(np.float32) / np.float32(1 << ACTIVATION_BITS)
    return Coarse(*self._prediction3(h2), h)


class Hu2020Coder:
  """One quality.

  Args:
    arrays: of its archive.
    where: that is, for messages.

  Raises:
    ModelError: if they do not fit.
  """

  def __init__(self, arrays: Mapping[str, np.ndarray], where: str):
    from compression.codecs.hu2020.network import INTEGER, Hu2020Network

    self._predictor = predictor = Predictor(arrays, where)
    self._coders = [
      ResidualCoder({n[len(part) :]: a for n, a in arrays.items() if n.startswith(part)}, c, where)
      for part, c in zip(RESIDUALS, (predictor.channels2, predictor.channels3))
    ]
    network = Hu2020Network(predictor.channels3)
    network.build()
    ready = {"prior", *INTEGER, *(part.rstrip("/") for part in RESIDUALS)}
    named, floats = (
      {name: each for name, each in values.items() if name.partition("/")[0] not in ready}
      for values in (network.named_variables(), arrays)
    )
    assign(named, floats, where)
    self._network = network

  def encode(self, image: np.ndarray) -> bytes:
    """x -> y, z2, z1 -> bytes."""
    y = self.analyse(image)
    z2, z1 = (each[0].numpy() for each in self._network.hyper_analyses(y[np.newaxis]))
    encoder = Encoder()
    q1 = self._predictor.prior.quantize(z1)
    self._predictor.prior.put(encoder, q1)
    mu, scales, h1 = self._predictor.of_z2(q1, *z2.shape[:2])
    residuals = Residuals(rounded(z2, mu, scales, self._coders[0].bits()), scales)
    put_signs(encoder, self._coders[0].encode(encoder, residuals))
    coarse = self._predictor.of_y(residuals.q * _UNITS + mu, h1, *y.shape[:2])
    q = rounded(y, coarse.mu, coarse.scales, self._coders[1].bits())
    negative = self._coders[1].encode(encoder, Residuals(q, coarse.scales))
    return magnitudes.finish(encoder, negative)

  def decode(self, data: bytes, height: int, width: int) -> np.ndarray:
    """Bytes -> z1^, z2^, y^ -> x^; raises FormatError."""
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    rows2, columns2 = -(-rows // 2), -(-columns // 2)
    decoder = Decoder(data)
    q1 = self._predictor.prior.take(decoder, -(-rows2 // 2), -(-columns2 // 2))
    mu, scales, h1 = self._predictor.of_z2(q1, rows2, columns2)
    found = self._coders[0].decode(decoder, scales)
    q2 = self._coders[0].signed(found, take_signs(decoder, found))
    coarse = self._predictor.of_y(q2 * _UNITS + mu, h1, rows, columns)
    found = self._coders[1].decode(decoder, coarse.scales)
    negative = magnitudes.read_signs(decoder, np.count_nonzero(found))
    y_hat = self._coders[1].signed(found, negative) * _UNITS + coarse.mu
    return self.synthesise(y_hat.astype(np.float32) / _UNITS, coarse.h)[:height, :width]

  def analyse(self, image: np.ndarray) -> np.ndarray:
    """g_a of an image, uint8 [H, W, 3] -> y, float32 [ceil(H/16), ceil(W/16), N]."""
    missing = [(0, -side % BLOCK) for side in image.shape[:2]]
    x = np.pad(image, [*missing, (0, 0)], mode="edge")

    def g_a(part: np.ndarray) -> np.ndarray:
      return self._network.g_a((part / _PEAK)[np.newaxis])[0].numpy()

    return in_strips(g_a, [x], [BLOCK], 1, _REACH_OF_ANALYSIS)

  def synthesise(self, y_hat: np.ndarray, h: np.ndarray) -> np.ndarray:
    """g_s of float32 [h, w, N] and [h, w, features] -> x^, uint8 [16 h, 16 w, 3]."""

    def g_s(*parts: np.ndarray) -> np.ndarray:
      pixels = self._network.g_s(*(part[np.newaxis] for part in parts))[0].numpy() * _PEAK
      return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)

    return in_strips(g_s, [y_hat, h], [1, 1], BLOCK, _REACH_OF_SYNTHESIS)


def rounded(values: np.ndarray, mu: np.ndarray, scales: np.ndarray, bits: np.ndarray) -> np.ndarray:
  """q: the nearest to values - mu, or one nearer to 0 where that saves more than it costs.

  Args:
    values: float32 [h, w, C].
    mu: integers of that shape, in 1/16.
    scales: of that shape.
    bits: float64 [SCALES, n], what magnitudes cost.

  Returns: int32, within MAX_VALUE.
  """
  exact = np.clip(values - mu / np.float32(_UNITS), -MAX_VALUE, MAX_VALUE)
  size = np.abs(exact)
  nearest = np.rint(size).astype(np.int32)
  may = (nearest > 0) & (nearest < bits.shape[1] - 1)
  high, off = nearest[may], size[may] - nearest[may]
  saved = bits[scales[may], high] - bits[scales[may], high - 1]
  nearest[may] -= saved > _SQUARE * (np.square(off + 1) - np.square(off))
  return np.where(exact < 0, -nearest, nearest)


def counted(arrays: Mapping[str, np.ndarray], latents: list[tuple[np.ndarray, ...]]) -> dict:
  """The arrays of residuals that belong to an archive, counted in latents.

  Args:
    arrays: the others of the archive.
    latents: y, z2 and z1 of each image, float32 [h, w, C].
  """
  predictor = Predictor(arrays, "these weights")
  found: tuple[list[Residuals], list[Residuals]] = ([], [])
  for y, z2, z1 in latents:
    mu, scales, h1 = predictor.of_z2(predictor.prior.quantize(z1), *z2.shape[:2])
    q = np.rint(z2 - mu / np.float32(_UNITS)).astype(np.int32)
    found[0].append(Residuals(q, scales))
    coarse = predictor.of_y(q * _UNITS + mu, h1, *y.shape[:2])
    q = np.rint(y - coarse.mu / np.float32(_UNITS)).astype(np.int32)
    found[1].append(Residuals(q, coarse.scales))
  from compression.codecs.hu2020 import residuals

  made = {}
  for part, examples in zip(RESIDUALS, found):
    made.update({part + name: array for name, array in residuals.count(examples).items()})
  return made
