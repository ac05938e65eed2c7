"""Factorised priors in integers: what a model keeps of them, and the codes of latents.

    arrays = export(weights)                       # once, after training; saved with the model
    prior = LatentTables(arrays, "weights.npz")
    q = prior.quantize(y)                          # float32 [h, w, C] -> int32
    data = prior.encode(q)
    prior.decode(data, h, w) == q                  # on every machine
    y_hat = prior.dequantize(q)

exp and tanh differ from machine to machine in their last bits, and a table that does loses all that
follows. So tables are made once and never again: all that decodes is integers.

y is rounded around an offset for each channel, the median of its distribution, as the most likely
value then need not be a whole number away from it:

    q = round(y - offset)      y_hat = q + offset

Values that are hardly ever seen have no place in a table: the last symbol stands for them all, and
`symbols.py` codes how far they are beyond its ends: lengths of at most 32 bits by a table that
adapts, then the bits. The coder is that of `symbols.py`, too; all latents are one batch.

    array        dtype, shape
    offset       float32 [C]
    minimum      int16 [C]       the least value of each channel's table
    symbols      int16 [C]       how many it has, with the escape
    cumulative   uint16 [sum]    of each table the frequencies of all symbols before each, of 2^16
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from compression.common.errors import FormatError, ModelError
from compression.entropy.symbols import TOTAL, Decoder, Encoder, Tables, fold, unfold

NAMES = ("offset", "minimum", "symbols", "cumulative")

PART, TRAINED = "prior/", "training/prior/"
"""What the names of integers and of weights begin with in the archives of models."""

MAX_VALUE = 2**20
"""The largest q, up or down; beyond that of any trained model."""

_MEAN_BITS = 8
_TAIL = 2.0**-12  # of a distribution, on each side, that has no places in its table
_MAX_SYMBOLS = 2**12
_BISECTIONS = 80  # of float64
_FARTHEST = 2.0**14


def logits(weights: Mapping[str, np.ndarray], values: np.ndarray) -> np.ndarray:
  """f_K of `factorized.py` in float64: [C, n] -> the same shape.

  Args:
    weights: by the names there.
    values: of each channel.
  """
  depth = sum(name.startswith("matrix") for name in weights)
  f = np.asarray(values, np.float64)[:, np.newaxis]
  for k in range(1, depth + 1):
    f = np.logaddexp(0, weights[f"matrix{k}"].astype(np.float64)) @ f + weights[f"bias{k}"]
    if k < depth:
      f = f + np.tanh(weights[f"factor{k}"].astype(np.float64)) * np.tanh(f)
  return f[:, 0]


def export(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """The integers of a trained prior, by NAMES.

  Args:
    weights: float, by the names of `factorized.py`.
  """
  channels = len(weights["bias1"])
  # Offsets are what decoders add: as they are saved, so that tables are of the same distributions.
  offset = _where(weights, np.zeros(channels)).astype(np.float32)
  tail = np.full(channels, np.log(_TAIL))
  low = np.floor(_where(weights, tail) - offset).astype(np.int64)
  high = np.ceil(_where(weights, -tail) - offset).astype(np.int64)
  most = _MAX_SYMBOLS // 2 - 1
  low, high = np.clip(low, -most, 0), np.clip(high, 0, most)
  rows = []
  for channel in range(channels):
    own = {name: values[channel : channel + 1] for name, values in weights.items()}
    edges = np.arange(low[channel], high[channel] + 2) - 0.5 + np.float64(offset[channel])
    chances = np.diff(_sigmoid(logits(own, edges[np.newaxis])[0]))
    rows.append(_frequencies(np.append(chances, max(1 - chances.sum(), 0.0))))
  return {
    "offset": offset,
    "minimum": low.astype(np.int16),
    "symbols": np.array([len(row) for row in rows], np.int16),
    "cumulative": np.concatenate([np.cumsum(row) - row for row in rows]).astype(np.uint16),
  }


def of_training(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """`export` of the prior in an archive: its weights are TRAINED..., its integers PART..."""
  weights = {n[len(TRAINED) :]: a for n, a in arrays.items() if n.startswith(TRAINED)}
  return {PART + name: array for name, array in export(weights).items()}


def in_archive(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """The integers in an archive, by NAMES."""
  return {n[len(PART) :]: array for n, array in arrays.items() if n.startswith(PART)}


def without(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """An archive but for them."""
  return {name: array for name, array in arrays.items() if not name.startswith(PART)}


class LatentTables:
  """A prior that codes.

  Args:
    arrays: of `export`.
    where: they are from, for messages.

  Attributes:
    channels: C.

  Raises:
    ModelError: if they are not.
  """

  def __init__(self, arrays: Mapping[str, np.ndarray], where: str):
    for name, kind in zip(NAMES, ("f4", "i2", "i2", "u2")):
      if name not in arrays or arrays[name].ndim != 1 or arrays[name].dtype.str[1:] != kind:
        raise ModelError(f"{where}: has no {name} of {kind}, [n]: no tables of a prior")
    self._offset = arrays["offset"].astype(np.float32)
    self._minimum, symbols = (arrays[name].astype(np.int64) for name in NAMES[1:3])
    cumulative = arrays["cumulative"].astype(np.int64)
    self.channels = len(symbols)
    fits = len(self._offset) == len(self._minimum) == self.channels > 0
    if not fits or (symbols < 2).any() or symbols.sum() != len(cumulative):
      raise ModelError(f"{where}: the tables of its prior do not fit together")
    self._most = self._minimum + symbols - 2
    if not np.isfinite(self._offset).all() or (self._minimum > 0).any() or (self._most < 0).any():
      raise ModelError(f"{where}: the tables of its prior leave 0 out")
    rows = np.split(cumulative, np.cumsum(symbols)[:-1])
    try:
      self._tables = Tables([np.append(row, TOTAL) for row in rows])
    except ValueError as error:
      raise ModelError(f"{where}: a table of its prior does not increase to {TOTAL}") from error

  def quantize(self, y: np.ndarray) -> np.ndarray:
    """float32 [h, w, C] -> int32, within MAX_VALUE."""
    return np.clip(np.rint(y - self._offset), -MAX_VALUE, MAX_VALUE).astype(np.int32)

  def dequantize(self, q: np.ndarray) -> np.ndarray:
    """int32 [h, w, C] -> float32."""
    return q.astype(np.float32) + self._offset

  def mean_magnitudes(self) -> np.ndarray:
    """What |q| is on average by each channel's table, without escapes: int64 [C], in 1/256."""
    starts = self._tables.first
    symbols = np.arange(len(self._tables.widths))
    own = np.repeat(np.arange(self.channels), self._tables.last + 1)
    values = symbols - starts[own] + self._minimum[own]
    values[starts + self._tables.last] = 0
    sums = np.add.reduceat(np.abs(values) * self._tables.widths, starts)
    return (sums << _MEAN_BITS) // TOTAL

  def encode(self, q: np.ndarray) -> bytes:
    """The latents, int32 [h, w, C] within MAX_VALUE, as a stream."""
    encoder = Encoder()
    self.put(encoder, q)
    return encoder.finish()

  def put(self, encoder: Encoder, q: np.ndarray) -> None:
    """Adds them to a stream that goes on."""
    contexts = self._contexts(q.shape[0] * q.shape[1])
    values = q.ravel().astype(np.int64)
    least, most = self._minimum[contexts], self._most[contexts]
    beyond = np.where(values < least, values - least, values - most - 1)
    inside = (values >= least) & (values <= most)
    found = np.where(inside, values - least, most - least + 1 + fold(beyond))
    encoder.encode(self._tables, contexts, found)

  def decode(self, data: bytes, height: int, width: int) -> np.ndarray:
    """What `encode` was given: int32 [height, width, C].

    Raises:
      FormatError: if the bytes are not the stream of such latents; some damage gives other ones.
    """
    decoder = Decoder(data)
    q = self.take(decoder, height, width)
    decoder.finish()
    return q

  def take(self, decoder: Decoder, height: int, width: int) -> np.ndarray:
    """The next of a stream: what `put` was given; raises FormatError."""
    contexts = self._contexts(height * width)
    found = decoder.decode(self._tables, contexts)
    least, most = self._minimum[contexts], self._most[contexts]
    values = found + least
    escaped = np.flatnonzero(values > most)
    beyond = unfold(values[escaped] - most[escaped] - 1)
    if len(beyond) and np.abs(beyond).max() > 2 * MAX_VALUE:
      raise FormatError("the coded data are damaged: a latent is out of range")
    side = np.where(beyond < 0, least[escaped], most[escaped] + 1)
    values[escaped] = beyond + side
    if len(values) and np.abs(values).max() > MAX_VALUE:
      raise FormatError("the coded data are damaged: a latent is out of range")
    return values.reshape(height, width, self.channels).astype(np.int32)

  def _contexts(self, places: int) -> np.ndarray:
    """The channel of each value."""
    return np.tile(np.arange(self.channels), places)


def _where(weights: Mapping[str, np.ndarray], wanted: np.ndarray) -> np.ndarray:
  """The values, [C], whose logits are these, by bisection: logits increase."""
  low, high = (np.full(len(wanted), end) for end in (-_FARTHEST, _FARTHEST))
  for _ in range(_BISECTIONS):
    middle = (low + high) / 2
    below = logits(weights, middle[:, np.newaxis])[:, 0] < wanted
    low, high = np.where(below, middle, low), np.where(below, high, middle)
  return (low + high) / 2


def _sigmoid(x: np.ndarray) -> np.ndarray:
  return np.exp(-np.logaddexp(0, -x))


def _frequencies(chances: np.ndarray) -> np.ndarray:
  """Integers of at least 1 with the sum TOTAL: int64."""
  shares = chances / chances.sum() * (TOTAL - len(chances))
  frequencies = np.floor(shares).astype(np.int64) + 1
  left = TOTAL - frequencies.sum()
  frequencies[np.argsort(shares - np.floor(shares), kind="stable")[::-1][:left]] += 1
  return frequencies
