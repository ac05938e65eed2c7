"""Neural predictive coding (DPCM): a network predicts a pixel from those before it.

The oldest way that neural networks compress images, as the surveys that this project started from
describe it: with f the pixel, L the network and Q a quantiser,

    f^ = L(window of what was decoded)    e_q = Q(f - f^)    f_r = f^ + e_q

         f --(-)-- e --- Q --- e_q ----> entropy coder          decoder: e_q --(+)-- f_r
              |                 |                                               |
              f^ <-- L <-- f_r (+) f^                                     L --> f^

The window holds f_r, not f, so that errors of Q do not add up. No published network or curve was
found; these are ours, and what each part does:

  - R, G, B -> Y, Co, Cg by YCoCg-R, whole numbers that come back unchanged (`images/colour.py`).
  - L sees 12 pixels around and 4 of each earlier plane (`window.py`). `dpcm`: a perceptron, whose
    weights are fitted to each image and are in its file (`perceptron.py`). `dpcm_mlp`: a
    perceptron with a hidden layer, learned from many photos (`network.py`).
  - e_q = D round(e / D), D a whole number: 1 is lossless. Co and Cg have 2 D - 1, as the square of
    an error of one in Y, Co or Cg adds 3, 1/2 or 3/4 to those of R, G and B.
  - e_q is coded with tables that adapt (`entropy/symbols.py`), chosen by the plane and by how much
    there is to expect: sums of |e_q| around, also in earlier planes, and of differences in the
    window, in steps.

One prediction that differs by one changes all pixels after it. So L computes with whole numbers,
held in float64, which are the same on every machine; and a decoder takes all pixels of a batch at
once, not one after the other (`window.py`).

Where it belongs: at 1.5 bits per pixel and more, and without loss. Below that, a symbol for each
sample is too much; transforms leave most samples out.

A file is the header of `formats/stepped.py`, magic "DPCM" or "DMLP", with whole steps; the
coefficients of the perceptron, or 8 bytes that say which model; what `symbols.Encoder` makes.
"""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable
from typing import Protocol

import numpy as np

from compression.codecs import model_folders
from compression.codecs.base import Description, ModelCodec, SteppedCodec
from compression.codecs.dpcm import network
from compression.codecs.dpcm.network import MODEL_ID_BYTES, Network
from compression.codecs.dpcm.perceptron import BYTES, Perceptron
from compression.codecs.dpcm.window import LEAST, MOST, OWN, PLANES, Layout
from compression.codecs.model_folders import Model
from compression.codecs.registry import register, register_models
from compression.common.errors import FormatError, ModelError
from compression.entropy.magnitudes import Classes
from compression.entropy.symbols import AdaptiveTables, Decoder, Encoder, fold, unfold
from compression.formats.stepped import SteppedFormat
from compression.images.colour import from_ycocg, to_ycocg
from compression.images.photos import check_image

_BYTES_PER_PIXEL = 120
_PERCEPTRON_FORMAT = SteppedFormat("dpcm", b"DPCM", 1, 1, _BYTES_PER_PIXEL)
_NETWORK_FORMAT = SteppedFormat("dpcm_mlp", b"DMLP", 1, 1, _BYTES_PER_PIXEL)
SETTINGS = (64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)

_MOST_STEPS = 2 * 255  # that a residual can have, of Co and Cg
_SYMBOLS = 128

# |e_q| around, in steps: weight, row, column, and how many planes before.
_RESIDUALS = (
  *((2, 0, -1, 0), (2, -1, 0, 0), (1, -1, -1, 0), (1, -1, 1, 0), (1, 0, -2, 0), (1, -2, 0, 0)),
  *((2, 0, 0, 1), (1, 0, 1, 1), (1, 1, 0, 1), (2, 0, 0, 2), (1, 0, 1, 2), (1, 1, 0, 2)),
)
# Pixels of the window whose differences count, in steps.
_DIFFERENCES = (
  *(((0, -1), (-1, -1)), ((-1, 0), (-1, -1)), ((-1, 0), (-1, 1))),
  *(((0, -1), (0, -2)), ((-1, 0), (-2, 0))),
)
_LARGEST = 255
_MOST_ACTIVITY = 450
_CLASSES = Classes(
  least=(0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64, 90, 130, 200, 300, _MOST_ACTIVITY),
  unit=10,
  max_sum=_MOST_ACTIVITY,
)


class Predictor(Protocol):
  """Says what pixels are likely to be; whole numbers, the same on every machine."""

  def predict(self, plane: int, window: np.ndarray) -> np.ndarray:
    """int32 [n, COLUMNS] -> float64 [n]."""


class _DPCM(SteppedCodec):
  """The loop that both have in common."""

  settings = SETTINGS
  default_setting = 1

  def compress(self, image: np.ndarray, setting: float, /) -> bytes:
    """The file of an image."""
    image = check_image(image)
    height, width, _ = image.shape
    step = self.file_format.check_step(setting)
    self.file_format.check_size(height, width)
    planes = to_ycocg(image)
    predictor, head = self._predictor_of(planes, steps_of(step))
    layout, encoder = Layout(height, width), Encoder()
    tables, wanted = _tables(), layout.bordered(planes)

    def encode(cells: np.ndarray, contexts: np.ndarray, errors_of: _ErrorsOf) -> np.ndarray:
      errors = errors_of(wanted[cells])
      encoder.encode(tables, contexts, fold(errors))
      return errors

    _code(layout, step, predictor, encode)
    return self.file_format.write(height, width, setting, head + encoder.finish())

  def decompress(self, data: bytes, /) -> np.ndarray:
    """The image of a file."""
    header, payload = self.file_format.read(data)
    predictor, rest = self._predictor_in(payload, steps_of(int(header.step)))
    decoder, tables = Decoder(rest), _tables()

    def decode(cells: np.ndarray, contexts: np.ndarray, errors_of: _ErrorsOf) -> np.ndarray:
      del cells, errors_of
      errors = unfold(decoder.decode(tables, contexts))
      if len(errors) and np.abs(errors).max() > _MOST_STEPS:
        raise FormatError("the coded data are damaged: a residual is out of range")
      return errors

    layout = Layout(header.height, header.width)
    values = _code(layout, int(header.step), predictor, decode)
    decoder.finish()
    return from_ycocg(layout.inside(values).astype(np.int16))

  @abc.abstractmethod
  def _predictor_of(self, planes: np.ndarray, steps: np.ndarray) -> tuple[Predictor, bytes]:
    """For an image, int16 [plane, row, column]; and what the payload of its file begins with."""

  @abc.abstractmethod
  def _predictor_in(self, payload: bytes, steps: np.ndarray) -> tuple[Predictor, bytes]:
    """That of a file, and the rest of its payload; raises FormatError, ModelError."""


@register
class DPCM(_DPCM):
  """The perceptron; its setting is the step, 1 for no loss."""

  name = "dpcm"
  suffix = ".dpcm"
  identity = f"YCoCg-R, least squares, adaptive coding; version {_PERCEPTRON_FORMAT.version}"
  file_format = _PERCEPTRON_FORMAT

  def _predictor_of(self, planes: np.ndarray, steps: np.ndarray) -> tuple[Predictor, bytes]:
    predictor = Perceptron.fitted(planes, steps)
    return predictor, predictor.to_bytes()

  def _predictor_in(self, payload: bytes, steps: np.ndarray) -> tuple[Predictor, bytes]:
    del steps  # they were in what it was fitted to
    if len(payload) < BYTES:
      raise FormatError("the coded data are cut short")
    return Perceptron.from_bytes(payload[:BYTES]), payload[BYTES:]


@register_models("dpcm_mlp")
class DPCMNetwork(_DPCM, ModelCodec):
  """The network of a model's folder; its setting is the step, 1 for no loss."""

  suffix = ".dmlp"
  file_format = _NETWORK_FORMAT

  @functools.cached_property
  def _network(self) -> Network:
    return network.read(self.folder)

  @property
  def identity(self) -> str:  # type: ignore[override]
    """The format's version and the weights."""
    version = _NETWORK_FORMAT.version
    return f"YCoCg-R, network {self._network.model_id.hex()}, adaptive coding; version {version}"

  def load(self) -> None:
    """Reads the weights; raises ModelError."""
    _ = self._network

  @classmethod
  def describe(cls, data: bytes) -> Description:
    """Its size, the step and the model."""
    description = super().describe(data)
    try:
      model = cls.model_of(data).name
    except (FormatError, ModelError):
      model = "not installed"
    return description._replace(rows=[*description.rows, ("model", model)])

  @classmethod
  def model_of(cls, data: bytes) -> Model:
    """The model, released now or earlier, whose id a file carries."""
    _, payload = cls.file_format.read(data)
    wanted = payload[:MODEL_ID_BYTES]
    installed = [*model_folders.models(), *model_folders.earlier()]
    for model in model_folders.of_codec(network.KIND, installed):
      if network.read(model.folder).model_id == wanted:
        return model
    raise ModelError(f"made with model {wanted.hex()}, which is not installed")

  def _predictor_of(self, planes: np.ndarray, steps: np.ndarray) -> tuple[Predictor, bytes]:
    return self._network.at(steps), self._network.model_id

  def _predictor_in(self, payload: bytes, steps: np.ndarray) -> tuple[Predictor, bytes]:
    made_with = payload[:MODEL_ID_BYTES]
    if made_with != self._network.model_id:
      ours = f"this is {self.name} ({self._network.model_id.hex()})"
      raise ModelError(f"made with model {made_with.hex()}; {ours}")
    return self._network.at(steps), payload[MODEL_ID_BYTES:]


_ErrorsOf = Callable[[np.ndarray], np.ndarray]
"""Pixels int32 [n] -> errors of their predictions in steps, rounded."""


def steps_of(step: int) -> np.ndarray:
  """The steps of the three planes."""
  return np.array([step, 2 * step - 1, 2 * step - 1])


def _tables() -> AdaptiveTables:
  return _CLASSES.tables(PLANES, _SYMBOLS)


def _code(
  layout: Layout,
  step: int,
  predictor: Predictor,
  exchange: Callable[[np.ndarray, np.ndarray, _ErrorsOf], np.ndarray],
) -> np.ndarray:
  """Goes through an image as encoder and decoder both do.

  Args:
    exchange: (cells, contexts, how errors follow from pixels) -> errors in steps, int [n], which an
      encoder writes and a decoder reads.

  Returns: what is decoded, int32, flat.
  """
  values, known = layout.blank(), layout.zeros(np.uint8)
  of_plane = [np.array(numbers, np.int32) for numbers in (steps_of(step), LEAST, MOST)]
  first, second = np.transpose([[OWN.index(place) for place in pair] for pair in _DIFFERENCES])
  around = np.array([layout.offset(row, column, -before) for _, row, column, before in _RESIDUALS])
  # Planes that have no such earlier ones see what is anything there, with no weight.
  weights = np.array(
    [
      [weight * (before <= plane) for weight, _, _, before in _RESIDUALS] for plane in range(PLANES)
    ],
    np.int32,
  )
  for batch in layout.batches():
    planes = np.repeat(np.arange(PLANES), [part.stop - part.start for part in batch.parts])
    steps, least, most = (numbers[planes] for numbers in of_plane)
    window = layout.windows(values, batch.cells)
    predicted = np.concatenate(
      [predictor.predict(plane, window[part]) for plane, part in enumerate(batch.parts)]
    )
    predicted = np.clip(predicted, least, most).astype(np.int32)
    activity = np.abs(window[:, first] - window[:, second]).sum(1) // steps
    activity += np.einsum("ij,ij->i", known[batch.cells[:, None] + around], weights[planes])
    contexts = _CLASSES.contexts(planes, np.minimum(activity, _MOST_ACTIVITY))

    def errors_of(pixels: np.ndarray) -> np.ndarray:
      errors = pixels - predicted  # noqa: B023
      return np.sign(errors) * ((np.abs(errors) + steps // 2) // steps)  # noqa: B023

    errors = exchange(batch.cells, contexts, errors_of)
    layout.set(values, batch, np.clip(predicted + errors * steps, least, most))
    known[batch.cells] = np.minimum(np.abs(errors), _LARGEST)
  return values
