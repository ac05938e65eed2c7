"""How good the result so far is on photos that are not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from compression.codecs.recurrent.config import BLOCK
from compression.codecs.recurrent.runner import Runner
from compression.common.errors import ImageError
from compression.images.photos import read_photo
from compression.metrics import psnr
from compression.training.callbacks import Plan, StepCallback
from compression.training.console import Say

_SHOWN_ITERATIONS = (1, 2, 4, 8, 16)
_CROPS = 8
_CROP_SIDE = 256
_WHITE = 255


class Validate(StepCallback):
  """PSNR of each iteration and a grid of images, with the averaged weights, at each checkpoint.

  The path is that of `compress` and `decompress`: rounded to pixels, the binarizer without draws.
  The PSNR is the mean over the images.

  Args:
    plan: when.
    images: uint8 [H, W, 3] each, sides multiples of 16.
    writer: of TensorBoard.
    say: takes a line.
  """

  def __init__(
    self,
    plan: Plan,
    images: Sequence[np.ndarray],
    writer: tf.summary.SummaryWriter,
    say: Say,
  ):
    super().__init__(plan)
    self._images = list(images)
    self._writer, self._say = writer, say
    self._runner: Runner | None = None

  def after_step(self, step: int) -> None:
    if self.plan.is_checkpoint(step) and self._images:
      self._validate(step)

  def _validate(self, step: int) -> None:
    if self._runner is None:
      self._runner = Runner(self.model.averaged)
    iterations = self.model.network.config.iterations
    qualities = np.zeros([len(self._images), iterations])
    shown = [t for t in _SHOWN_ITERATIONS if t <= iterations]
    columns = []
    for row, image in enumerate(self._images):
      cells = [image]
      for t, layer in enumerate(self._runner.encode(image, iterations, keep_last=True), 1):
        assert layer.state is not None
        reconstruction = self._runner.pixels(layer.state)
        qualities[row, t - 1] = psnr(image, reconstruction)
        if t in shown:
          cells.append(reconstruction)
      columns.append(cells)
    means = qualities.mean(axis=0)
    values = "  ".join(f"{t}: {means[t - 1]:.2f}" for t in shown)
    self._say(f"step {step}/{self.plan.steps}  validation PSNR by iteration  {values}")
    with self._writer.as_default(step=step):
      for number, value in enumerate(means, 1):
        tf.summary.scalar(f"psnr/iteration_{number:02}", value)
      rows = ", ".join(f"iteration {t}" for t in shown)
      description = f"rows: original, {rows}"
      grid = image_grid(columns)[np.newaxis]
      tf.summary.image("reconstructions", grid, description=description)
    self._writer.flush()


def image_grid(columns: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
  """Images side by side, uint8 [rows H, columns W, 3]; smaller ones are filled up with white."""
  height = max(image.shape[0] for column in columns for image in column)
  width = max(image.shape[1] for column in columns for image in column)

  def cell(image: np.ndarray) -> np.ndarray:
    missing = [(0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)]
    return np.pad(image, missing, constant_values=_WHITE)

  return np.concatenate([np.concatenate([cell(i) for i in column]) for column in columns], axis=1)


def validation_crops(paths: Sequence[str], warn: Say) -> list[np.ndarray]:
  """The centres of the first 8 images that can be read: sides multiples of 16, at most 256."""
  crops: list[np.ndarray] = []
  for path in paths:
    if len(crops) == _CROPS:
      break
    try:
      image = read_photo(path).image
      height, width = (min(side // BLOCK * BLOCK, _CROP_SIDE) for side in image.shape[:2])
      if not height or not width:
        raise ImageError(f"{path}: is smaller than {BLOCK}x{BLOCK} pixels")
    except ImageError as error:
      warn(f"{error}; left out of the validation")
      continue
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    crops.append(np.ascontiguousarray(image[top : top + height, left : left + width]))
  return crops
