"""J. Ballé, V. Laparra, E. P. Simoncelli, "End-to-end Optimized Image Compression" (ICLR 2017).

The first codec by an autoencoder whose bits were trained with its pictures (arXiv:1611.01704):

    x ---- g_a ---- y ---- Q ---- y^ ---- g_s ---- x^        training: y~ = y + U(-1/2, 1/2) for y^
                           |
                    q, integers ---- entropy coder ---- bytes

    g_a   9x9, every 4th; GDN; 5x5, every 2nd; GDN; 5x5, every 2nd        N channels each
    g_s   the mirror image of it, with transposed convolutions and IGDN   (`network.py`)
    GDN   y_i = x_i / sqrt(beta_i + sum_j gamma_ij x_j^2)                 (`layers/gdn.py`)
    P     a distribution for each channel by itself                       (`entropy/latents/`)

What is made small is bits + lambda * mean square; each lambda has weights of its own, and is one
quality of a model. Nothing else steers the rate.

What differs from the paper, and why:

  - P is the smooth prior of the authors' paper of 2018, as in their own later implementation of
    this one; the piecewise linear densities of 2017 need their ends moved by hand.
  - Latents are rounded around the median of each channel's distribution, as there.
  - The coder of q, which adapts to the image by contexts as the paper's CABAC does, is that of
    `entropy/latents/adaptive.py`: interleaved, so that NumPy decodes a photo in half a second. It
    takes 10 to 30 % less than P's tables. Training knows P alone, as in the paper.
  - The released model has fewer channels (paper: 128 to 256) and a short training: see its card.
  - Training begins with principal components of photos (`training/tasks/rate_distortion`).
  - gamma is not symmetric, as in the later implementation.
  - Images of any size: sides are extended to multiples of 16 by their edges, and cut off again.
    Large ones go through the transforms in strips, which overlap as far as convolutions reach.

q is the same on every machine. g_s is float32, so that decoders on other machines may differ by 1
in a pixel.

A file is that of `codecs/qualities.py`, magic "BLS7"; after the id comes what
`entropy/latents/adaptive.py` makes of q.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from compression.codecs import strips
from compression.codecs.qualities import QualityCodec
from compression.codecs.registry import register_models
from compression.common.npz import assign
from compression.entropy.latents import tables
from compression.entropy.latents.adaptive import AdaptiveCoder
from compression.entropy.latents.tables import LatentTables
from compression.formats.stepped import SteppedFormat

KIND = "balle2017"
BLOCK = 16
"""Pixels along a side of what a place of the latent stands for."""

_REACH_OF_ANALYSIS = 2  # rows of the latent: (9 + 4 * 5 + 8 * 5) / 2 pixels, about, in blocks of 16
_REACH_OF_SYNTHESIS = 4  # the same, and one more for what convolutions of even strides begin with


@register_models(KIND)
class Balle2017(QualityCodec):
  """The codec; its setting is the quality, from 1, one of the lambdas of its model."""

  kind = KIND
  suffix = ".bls"
  file_format = SteppedFormat(
    name="balle2017",
    magic=b"BLS7",
    version=1,
    parts=1,
    bytes_per_pixel=100,
    granularity=BLOCK,
  )

  def make_coder(self, arrays: Mapping[str, np.ndarray], where: str) -> Balle2017Coder:
    """The networks with the weights of a quality."""
    return Balle2017Coder(arrays, where)


class Balle2017Coder:
  """One quality.

  Args:
    arrays: of its archive.
    where: that is, for messages.

  Raises:
    ModelError: if they do not fit.
  """

  def __init__(self, arrays: Mapping[str, np.ndarray], where: str):
    from compression.codecs.balle2017.network import Balle2017Network

    self._prior = LatentTables(tables.in_archive(arrays), where)
    self._coder = AdaptiveCoder(self._prior)
    network = Balle2017Network(self._prior.channels)
    network.build()
    assign(network.named_variables(), tables.without(arrays), where)
    self._network = network

  def encode(self, image: np.ndarray) -> bytes:
    """x -> q -> bytes."""
    return self._coder.encode(self._prior.quantize(self.analyse(image)))

  def decode(self, data: bytes, height: int, width: int) -> np.ndarray:
    """Bytes -> q -> x^; raises FormatError."""
    q = self._coder.decode(data, -(-height // BLOCK), -(-width // BLOCK))
    return self.synthesise(self._prior.dequantize(q))[:height, :width]

  def analyse(self, image: np.ndarray) -> np.ndarray:
    """g_a of an image, uint8 [H, W, 3] -> y, float32 [ceil(H/16), ceil(W/16), N]."""
    return strips.analyse(self._network.g_a, image, BLOCK, _REACH_OF_ANALYSIS)

  def synthesise(self, y_hat: np.ndarray) -> np.ndarray:
    """g_s of float32 [h, w, N] -> x^, uint8 [16 h, 16 w, 3]."""
    return strips.synthesise(self._network.g_s, [y_hat], BLOCK, _REACH_OF_SYNTHESIS)
