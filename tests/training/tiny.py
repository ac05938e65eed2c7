"""The smallest task, numbers -> a line: for what the loop does whatever it trains.

  python -m tests.training.tiny PLACE/CONFIG.json FOLDER

trains it as a program would. Before step 4 it waits while there is a file PLACE/pause-4, and so on.
"""

from __future__ import annotations

import pathlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from compression.common import program
from compression.common.files import atomic_write
from compression.training import console
from compression.training.callbacks import Plan, StepCallback
from compression.training.config import LoopConfig
from compression.training.console import Console, Say
from compression.training.loop import train
from compression.training.pipeline import Source
from compression.training.tasks.base import Task
from compression.training.trainer import Measures, Trainer

CONFIG_FILE, RESULT_FILE = "config.json", "line.npz"


class Numbers:
  """Batches of points: a function of their number alone."""

  shape = (1, 1, 2)
  dtype = np.float32

  def __init__(self, batch_size: int = 4):
    self.batch_size = batch_size

  def batch(self, step: int, begin: int = 0, end: int | None = None) -> np.ndarray:
    points = np.random.default_rng(step).normal(size=[self.batch_size, *self.shape])
    return points.astype(np.float32)[begin:end]


class TinyTrainer(Trainer):
  """Brings a x + b y + c near 2 x - y + 0.5."""

  def __init__(self, ema: float = 0.9):
    super().__init__(_line("line"), _line("averaged"), ema)
    self.mean = tf.keras.metrics.Mean("loss")

  def measure(self, batch: tf.Tensor) -> tuple[tf.Tensor, Any]:
    wanted = 2 * batch[..., :1] - batch[..., 1:] + 0.5
    loss = tf.reduce_mean(tf.abs(self.network(batch) - wanted))
    return loss, loss

  def note(self, measured: Any) -> None:
    self.mean.update_state(measured)

  def measures(self) -> Measures:
    loss = float(self.mean.result().numpy())
    return Measures(loss, f"loss {loss:.4f}", {"loss": loss})

  def names(self, network: tf.keras.Model) -> dict[str, tf.Variable]:
    kernel, bias = network.weights
    return {"kernel": kernel, "bias": bias}

  def export(self, folder: pathlib.Path) -> None:
    with atomic_write(folder / RESULT_FILE) as file:
      np.savez(file, **{name: value.numpy() for name, value in self.names(self.averaged).items()})


class Pause(StepCallback):
  """Stops a process at a step, however fast it is."""

  def __init__(self, place: pathlib.Path):
    super().__init__(Plan(0, 1, 1))
    self.place = place

  def on_train_begin(self, logs: Any = None) -> None:
    self.made = int(self.model.optimizer.iterations.numpy())

  def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
    while (self.place / f"pause-{self.made + batch}").exists():
      time.sleep(0.01)


class TinyTask(Task):
  """What a third task has to write."""

  title = "line"

  def __init__(self, config: LoopConfig, batch_size: int = 4):
    self.config = config
    self.batch_size = batch_size
    self.before: Sequence[StepCallback] = ()
    self.after: Sequence[StepCallback] = ()

  def save(self, folder: pathlib.Path) -> None:
    with atomic_write(folder / CONFIG_FILE) as file:
      file.write(self.config.to_json().encode())

  def source(self, warn: Say) -> tuple[Source, str]:
    return Numbers(self.batch_size), "endless points"

  def rate(self) -> tf.keras.optimizers.schedules.LearningRateSchedule:
    return tf.keras.optimizers.schedules.PiecewiseConstantDecay([4], [0.1, 0.01])

  def make_trainer(self, source: Source, init: str) -> TinyTrainer:
    trainer = TinyTrainer(self.config.ema)
    if init:
      with np.load(init) as arrays:
        for name, variable in trainer.named_variables().items():
          variable.assign(arrays[name])
    trainer.prepare(tf.keras.optimizers.Adam(self.rate(), global_clipnorm=self.config.clip_norm))
    return trainer

  def before_steps(self, plan: Plan) -> Sequence[StepCallback]:
    return self.before

  def validation(
    self, plan: Plan, folder: pathlib.Path, console: Console
  ) -> Sequence[StepCallback]:
    return self.after


def tiny_trainer(**settings: Any) -> TinyTrainer:
  """Ready for `fit`."""
  return TinyTask(LoopConfig(**settings)).make_trainer(Numbers(), "")


def _line(name: str) -> tf.keras.Model:
  network = tf.keras.Sequential([tf.keras.layers.Dense(1)], name=name)
  network.build([None, *Numbers.shape])
  return network


def main(argv: list[str]) -> int:
  config, folder = map(pathlib.Path, argv)
  task = TinyTask(LoopConfig.from_json(config.read_text("utf-8")))
  task.before = [Pause(config.parent)]
  return console.exit_status(train(task, folder, Console(console.say, program.warn)))


if __name__ == "__main__":
  program.run(main)
