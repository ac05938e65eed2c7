"""The progress bar on a terminal: tensorflow-addons' TQDMProgressBar.

The only module that imports tensorflow-addons, which has ended its development: replace it here.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import tensorflow as tf

from compression.training.callbacks import Plan

_FORMAT = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}] {desc}"
_SMOOTHING = 0.05
"""Share of the newest step in the loss that the bar shows."""


def write_line(line: str) -> None:
  """A line on stdout, above the bar."""
  import tqdm

  tqdm.tqdm.write(line)


def progress_bar(plan: Plan) -> tf.keras.callbacks.Callback:
  """A Keras callback that shows a bar on stderr: steps made and left, and the loss.

  Call its `close` when `fit` has ended, even by an exception.
  """
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import says at length that it has ended
    from tensorflow_addons.callbacks import TQDMProgressBar

  class ProgressBar(TQDMProgressBar):
    """The bar of an epoch, counting from the step where the run goes on."""

    def __init__(self) -> None:
      super().__init__(epoch_bar_format=_FORMAT, show_overall_progress=False)
      self.loss: float | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
      with contextlib.redirect_stdout(io.StringIO()):  # it prints "Epoch 1/1"
        super().on_epoch_begin(epoch, logs)
      self.total_steps = plan.steps
      self.steps_so_far = plan.start
      bar = self.epoch_progress_tqdm
      bar.total, bar.initial, bar.n = plan.steps, plan.start, plan.start
      bar.unit = "step"
      bar.refresh()

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
      loss = float((logs or {})["loss"])
      self.loss = loss if self.loss is None else self.loss + _SMOOTHING * (loss - self.loss)
      super().on_batch_end(batch, {})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
      self.total_steps = self.steps_so_far  # fewer than planned after a signal
      super().on_epoch_end(epoch, logs)

    def format_metrics(self, logs: Any = None, factor: float = 1) -> str:
      return self.model.describe(self.loss or 0.0)

    def close(self) -> None:
      if self.epoch_progress_tqdm is not None:
        self.epoch_progress_tqdm.close()

  return ProgressBar()
