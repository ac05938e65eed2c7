"""Lines and TensorBoard's scalars of a run, and the end of one that has gone astray."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from compression.common.errors import CompressionError
from compression.training import callbacks, reports
from compression.training.callbacks import Plan
from compression.training.schedule import WarmUpCosine
from tests.training.processes import read_events
from tests.training.tiny import TinyTrainer, tiny_trainer


def make_report(
  folder: pathlib.Path, trainer: TinyTrainer, plan: Plan, lines: list[str]
) -> reports.Report:
  writer = reports.make_writer(folder, "train")
  saved = callbacks.Checkpoints(plan, callbacks.make_manager(trainer, folder))
  report = reports.Report(plan, WarmUpCosine(0.5, 100), saved, writer, lines.append)
  report.set_model(trainer)
  return report


def run(report: reports.Report, trainer: TinyTrainer, losses: dict[int, float]) -> None:
  """Steps with these losses."""
  for step, loss in losses.items():
    report.on_train_batch_begin(step - 1)
    trainer.mean.update_state(loss)
    report.on_train_batch_end(step - 1)


def test_report_tells_what_was_measured_with_rate_and_speed(tmp_path: pathlib.Path) -> None:
  trainer, lines = tiny_trainer(), []
  report = make_report(tmp_path, trainer, Plan(0, 100, 25), lines)
  run(report, trainer, {step: 0.25 if step <= 25 else 0.5 for step in range(1, 51)})
  assert len(lines) == 2
  for line, start in zip(lines, ("step 25/100  loss 0.2500", "step 50/100  loss 0.5000")):
    assert line.startswith(f"{start}  lr ") and line.endswith(" steps/s")
  assert "  lr 4.2e-02  " in lines[0]
  events = read_events(tmp_path)
  assert events["loss", 50] == pytest.approx(0.5)  # the mean since the report before
  assert events["learning_rate", 25] == pytest.approx(0.5 * 25 / 300)
  assert events["steps_per_second", 50] > 0


def test_the_step_that_is_traced_has_no_speed(tmp_path: pathlib.Path) -> None:
  trainer, lines = tiny_trainer(), []
  report = make_report(tmp_path, trainer, Plan(0, 100, 2), lines)
  for step in range(1, 7):
    if step in (1, 4):
      trainer.train_function = object()  # what Keras makes when it traces
    run(report, trainer, {step: 1.0})
  assert [line.endswith(" steps/s") for line in lines] == [True, False, True]


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: pathlib.Path) -> None:
  trainer = tiny_trainer()
  report = make_report(tmp_path, trainer, Plan(0, 100, 1), [])
  with pytest.raises(CompressionError, match="step 3: the loss is not finite; nothing was saved"):
    run(report, trainer, {3: np.inf})


def test_only_who_writes_leaves_files(tmp_path: pathlib.Path) -> None:
  for writes in (False, True):
    with reports.make_writer(tmp_path, "train", writes).as_default(step=1):
      tf.summary.scalar("loss", 1.0)
      tf.summary.flush()
    assert len(read_events(tmp_path)) == writes
