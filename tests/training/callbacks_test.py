"""Tests of compression/training/callbacks.py."""

from __future__ import annotations

import os
import pathlib
import signal

import numpy as np
import pytest
import tensorflow as tf

from compression.common.errors import CompressionError, ModelError, OutputError
from compression.training import callbacks
from compression.training.callbacks import Checkpoints, Plan, StopOnSignal
from compression.training.pipeline import batches
from tests.training.tiny import RESULT_FILE, Numbers, TinyTrainer, tiny_trainer


def fit(trainer: TinyTrainer, plan: Plan, *others: tf.keras.callbacks.Callback) -> None:
  data = batches(Numbers(), plan.start, plan.steps)
  trainer.fit(data, steps_per_epoch=plan.steps - plan.start, verbose=0, callbacks=list(others))


def test_plan_saves_every_so_many_steps_and_at_the_end() -> None:
  plan = Plan(0, 10, 4)
  assert [step for step in range(1, 11) if plan.is_checkpoint(step)] == [4, 8, 10]
  plan = Plan(0, 120, 100)
  assert [step for step in range(1, 121) if plan.is_report(step)] == [50, 100, 120]


def test_checkpoints_are_kept_and_restored_and_exported(tmp_path: pathlib.Path) -> None:
  first = tiny_trainer(seed=1)
  plan = Plan(0, 9, 2)
  manager = callbacks.make_manager(first, tmp_path)
  saved = Checkpoints(plan, manager)
  fit(first, plan, saved)
  assert saved.saved == 9
  names = [pathlib.Path(path).name for path in manager.checkpoints]
  assert names == ["ckpt-6", "ckpt-8", "ckpt-9"]

  again = tiny_trainer(seed=2)
  assert callbacks.restore(callbacks.make_manager(again, tmp_path)) == 9
  for part in ("network", "averaged"):
    others = again.names(getattr(again, part))
    for name, variable in first.names(getattr(first, part)).items():
      np.testing.assert_array_equal(variable, others[name])
  exported = np.load(tmp_path / RESULT_FILE)
  for name, variable in first.names(first.averaged).items():
    np.testing.assert_array_equal(exported[name], variable)


def test_only_one_process_of_a_group_writes(tmp_path: pathlib.Path) -> None:
  model = tiny_trainer()
  plan = Plan(0, 2, 1)
  fit(model, plan, Checkpoints(plan, callbacks.make_manager(model, tmp_path), writes=False))
  assert not list(tmp_path.rglob("ckpt*")) and not (tmp_path / RESULT_FILE).exists()


def test_weights_that_are_not_finite_are_not_saved(tmp_path: pathlib.Path) -> None:
  model = tiny_trainer()
  plan = Plan(0, 4, 2)
  manager = callbacks.make_manager(model, tmp_path)

  class Spoil(callbacks.StepCallback):
    def before_step(self, step: int) -> None:
      if step == 3:
        model.network.weights[0].assign([[np.nan], [0.0]])

  with pytest.raises(CompressionError, match="step 4: .* step 2 is kept") as error:
    fit(model, plan, Spoil(plan), Checkpoints(plan, manager))
  assert "\n" not in str(error.value)
  assert manager.latest_checkpoint.endswith("ckpt-2")


def test_nothing_to_restore_is_step_0(tmp_path: pathlib.Path) -> None:
  assert callbacks.restore(callbacks.make_manager(tiny_trainer(), tmp_path)) == 0


def test_damaged_checkpoints_are_named_in_one_line(tmp_path: pathlib.Path) -> None:
  model = tiny_trainer()
  plan = Plan(0, 1, 1)
  manager = callbacks.make_manager(model, tmp_path)
  fit(model, plan, Checkpoints(plan, manager))
  for file in (tmp_path / "checkpoints").glob("ckpt-1.*"):
    file.write_bytes(file.read_bytes()[:100])
  with pytest.raises(ModelError, match="ckpt-1: cannot be restored") as error:
    callbacks.restore(callbacks.make_manager(tiny_trainer(), tmp_path))
  assert "\n" not in str(error.value)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: pathlib.Path) -> None:
  model = tiny_trainer()
  plan = Plan(0, 1, 1)
  manager = callbacks.make_manager(model, tmp_path)
  (tmp_path / "checkpoints").write_text("a file")
  with pytest.raises(OutputError, match="checkpoints: cannot be written") as error:
    fit(model, plan, Checkpoints(plan, manager))
  assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_stops_after_the_step(tmp_path: pathlib.Path, number: int) -> None:
  model = tiny_trainer()
  plan = Plan(0, 10, 100)
  before = signal.getsignal(number)

  class Send(callbacks.StepCallback):
    def before_step(self, step: int) -> None:
      if step == 4:
        os.kill(os.getpid(), number)

  saved = Checkpoints(plan, callbacks.make_manager(model, tmp_path))
  with callbacks.catch_signals() as caught:
    fit(model, plan, Send(plan), saved, StopOnSignal(plan, caught, saved))
    assert signal.getsignal(number) == before  # the second of a kind is not caught
  assert caught.number == number and saved.saved == 5
  assert int(model.optimizer.iterations) == 5
  assert signal.getsignal(number) == before
