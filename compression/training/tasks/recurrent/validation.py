"""How good the result so far is on photos that are not trained on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.runner import Runner
from compression.formats import rnic
from compression.metrics import CurveError, bd_rate, ms_ssim, psnr
from compression.metrics.ms_ssim import decibels
from compression.training.callbacks import Plan
from compression.training.console import Say
from compression.training.tasks.photos import Validation
from compression.training.tasks.recurrent.rate import bits_per_pixel

_SHOWN_ITERATIONS = (1, 2, 4, 8, 16)
_WHITE = 255
_MOST_SIMILAR = 1 - 1e-9  # MS-SSIM that has decibels


class Curve(NamedTuple):
  """Means over images of each iteration, [T] each.

  Attributes:
    bpp: bits per pixel up to there, or None where nothing estimates them.
    psnr: dB.
    ms_ssim: 0 to 1.
  """

  bpp: np.ndarray | None
  psnr: np.ndarray
  ms_ssim: np.ndarray

  @classmethod
  def of(cls, bits: Sequence[np.ndarray] | None, qualities: np.ndarray) -> Curve:
    """From bits per pixel of each image, [T], and the PSNR and MS-SSIM of each, [images, T, 2]."""
    bpp = None if bits is None else np.mean(bits, axis=0)
    return cls(bpp, *np.moveaxis(qualities.mean(axis=0), -1, 0))

  def savings(self, anchor: Curve) -> tuple[float, float]:
    """BD-rates in PSNR and in MS-SSIM against another curve, percent; both must have bits.

    Raises:
      CurveError: if there is no quality that both reach.
    """
    return (
      bd_rate(anchor.bpp, anchor.psnr, self.bpp, self.psnr),
      bd_rate(anchor.bpp, anchor.similarity(), self.bpp, self.similarity()),
    )

  def similarity(self) -> Any:
    """MS-SSIM in decibels, [T]; finite where images are equal."""
    return decibels(np.minimum(self.ms_ssim, _MOST_SIMILAR))


class Validate(Validation):
  """Measures each iteration, and draws a grid of images, with the averaged weights at checkpoints.

  The path is that of `compress` and `decompress`: rounded to pixels, the binarizer without draws.
  PSNR and MS-SSIM are means over the images; so are the bits, if the trainer estimates them. With
  the files of the model that the training started from, the BD-rate says what it has gained.

  Args:
    plan, images, writer, say: as those of Validation.
    start: gives the curve of the model to compare with, or None; asked once, if at all.
  """

  def __init__(
    self,
    plan: Plan,
    images: Sequence[np.ndarray],
    writer: tf.summary.SummaryWriter,
    say: Say,
    start: Callable[[], Curve | None] = lambda: None,
  ):
    super().__init__(plan, images, writer, say)
    self._runner: Runner | None = None
    self._start = functools.cache(start)

  def measure(self, step: int) -> None:
    if self._runner is None:
      self._runner = Runner(self.model.averaged)
    iterations = self.model.network.config.iterations
    rate_model = self.model.averaged_beside
    qualities = np.zeros([len(self.images), iterations, 2])
    shown = [t for t in _SHOWN_ITERATIONS if t <= iterations]
    columns, bits = [], []
    for row, image in enumerate(self.images):
      cells, layers = [image], []
      for t, layer in enumerate(self._runner.encode(image, iterations, keep_last=True), 1):
        assert layer.state is not None
        reconstruction = self._runner.pixels(layer.state)
        qualities[row, t - 1] = _quality(image, reconstruction)
        layers.append(layer.bits)
        if t in shown:
          cells.append(reconstruction)
      columns.append(cells)
      if rate_model is not None:
        codes = np.stack(layers)[:, np.newaxis] * np.float32(2) - 1
        blocks = codes.shape[2] * codes.shape[3]
        bits.append(bits_per_pixel(rate_model(codes), blocks).numpy()[:, 0])
    self._tell(step, Curve.of(bits or None, qualities), shown)
    with self.writer.as_default(step=step):
      rows = ", ".join(f"iteration {t}" for t in shown)
      description = f"rows: original, {rows}"
      grid = image_grid(columns)[np.newaxis]
      tf.summary.image("reconstructions", grid, description=description)
    self.writer.flush()

  def _tell(self, step: int, curve: Curve, shown: Sequence[int]) -> None:
    scalars = {"psnr": curve.psnr, "ms_ssim": curve.ms_ssim, "bpp": curve.bpp}
    names = "PSNR, MS-SSIM" + ("" if curve.bpp is None else " @bpp")
    values = []
    for t in shown:
      at = "" if curve.bpp is None else f" @{curve.bpp[t - 1]:.3f}"
      values.append(f"{t}: {curve.psnr[t - 1]:.2f} {curve.ms_ssim[t - 1]:.4f}{at}")
    line = f"step {step}/{self.plan.steps}  validation {names} by iteration  {'  '.join(values)}"
    with self.writer.as_default(step=step):
      for name, means in scalars.items():
        for number, value in enumerate(() if means is None else means, 1):
          tf.summary.scalar(f"{name}/iteration_{number:02}", value)
      start = None if curve.bpp is None else self._start()
      if start is not None:
        try:
          savings = curve.savings(start)
        except CurveError:
          line += "  no quality in common with the start"
        else:
          line += "  BD-rate against the start {:+.1f} %, {:+.1f} %".format(*savings)
          tf.summary.scalar("bd_rate/psnr", savings[0])
          tf.summary.scalar("bd_rate/ms_ssim", savings[1])
    self.say(line)


def curve_of_files(codec: RecurrentCodec, images: Sequence[np.ndarray]) -> Curve:
  """What a codec's files of images take and give: their layers without headers.

  Args:
    codec: with an entropy coder, so that bits are what they are worth.
    images: uint8 [H, W, 3] each.
  """
  bits, qualities = [], []
  for image in images:
    data = codec.compress(image, codec.settings[-1])
    sizes = [len(payload) for payload in rnic.read(data).payloads]
    bits.append(8 * np.cumsum(sizes) / (image.shape[0] * image.shape[1]))
    qualities.append([_quality(image, each) for each in codec.progressive(data)])
  return Curve.of(bits, np.array(qualities))


def _quality(image: np.ndarray, reconstruction: np.ndarray) -> tuple[float, float]:
  return float(psnr(image, reconstruction)), float(ms_ssim(image, reconstruction))


def image_grid(columns: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
  """Images side by side, uint8 [rows H, columns W, 3]; smaller ones are filled up with white."""
  height = max(image.shape[0] for column in columns for image in column)
  width = max(image.shape[1] for column in columns for image in column)

  def cell(image: np.ndarray) -> np.ndarray:
    missing = [(0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)]
    return np.pad(image, missing, constant_values=_WHITE)

  return np.concatenate([np.concatenate([cell(i) for i in column]) for column in columns], axis=1)
