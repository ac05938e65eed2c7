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
    are chosen by what is found around a residual, too (`residuals.py`). The paper has Gaussians.
    That takes 8 % less than tables by the scale alone, and a decoder in NumPy has time for it.
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

import numpy as np

from compression.codecs import strips
from compression.codecs.hu2020.integers import UNITS
from compression.codecs.hu2020.predictor import RESIDUALS, Predictor, counts_of
from compression.codecs.hu2020.residuals import ResidualCoder, Residuals, put_signs, take_signs
from compression.codecs.qualities import QualityCodec
from compression.codecs.registry import register_models
from compression.common.npz import assign
from compression.entropy import magnitudes
from compression.entropy.symbols import Decoder, Encoder
from compression.formats.stepped import SteppedFormat

KIND = "hu2020"
BLOCK = 16
"""Pixels along a side of what a place of y stands for."""

_REACH_OF_ANALYSIS = 2  # rows of y: (2 + 4 + 8 + 16) pixels in blocks of 16
_REACH_OF_SYNTHESIS = 3  # 1 + 1/2 + 1/4 of transposed 5x5, and 3/8 + 1/8 + 1/16 of what follows


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
      ResidualCoder(counts_of(arrays, part), channels, where)
      for part, channels in zip(RESIDUALS, (predictor.channels2, predictor.channels3))
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
    residuals = Residuals(self._coders[0].rounded(z2, mu, scales), scales)
    put_signs(encoder, self._coders[0].encode(encoder, residuals))
    coarse = self._predictor.of_y(residuals.q * UNITS + mu, h1, *y.shape[:2])
    q = self._coders[1].rounded(y, coarse.mu, coarse.scales)
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
    coarse = self._predictor.of_y(q2 * UNITS + mu, h1, rows, columns)
    found = self._coders[1].decode(decoder, coarse.scales)
    negative = magnitudes.read_signs(decoder, np.count_nonzero(found))
    y_hat = self._coders[1].signed(found, negative) * UNITS + coarse.mu
    return self.synthesise(y_hat.astype(np.float32) / UNITS, coarse.h)[:height, :width]

  def analyse(self, image: np.ndarray) -> np.ndarray:
    """g_a of an image, uint8 [H, W, 3] -> y, float32 [ceil(H/16), ceil(W/16), N]."""
    return strips.analyse(self._network.g_a, image, BLOCK, _REACH_OF_ANALYSIS)

  def synthesise(self, y_hat: np.ndarray, h: np.ndarray) -> np.ndarray:
    """g_s of float32 [h, w, N] and [h, w, features] -> x^, uint8 [16 h, 16 w, 3]."""
    return strips.synthesise(self._network.g_s, [y_hat, h], BLOCK, _REACH_OF_SYNTHESIS)
