"""Tests of compression/training/progress.py."""

from __future__ import annotations

import pathlib
import re
import warnings

import pytest
import tensorflow as tf

from compression.training.callbacks import Plan, StepCallback
from compression.training.progress import progress_bar
from tests.forks import Fork
from tests.training.tiny import tiny_trainer

_ROOT = pathlib.Path(__file__).resolve().parents[2]


class Stop(StepCallback):
  def after_step(self, step: int) -> None:
    self.model.stop_training = step == 15


def shown(capsys: pytest.CaptureFixture[str], *others: tf.keras.callbacks.Callback) -> str:
  """What is left on the terminal after steps 10 to 20."""
  trainer = tiny_trainer()
  trainer.train_step = lambda data: {"loss": tf.constant(0.125)}
  plan = Plan(10, 20, 100)
  with warnings.catch_warnings():
    warnings.simplefilter("error")  # tensorflow-addons warns when it is imported
    bar = progress_bar(plan)
  data = tf.data.Dataset.range(10)
  trainer.fit(data, steps_per_epoch=10, verbose=0, callbacks=[bar, *others])
  bar.close()
  output = capsys.readouterr()
  assert output.out == ""
  return output.err.split("\r")[-1]


def test_bar_counts_from_the_step_where_the_run_goes_on(
  capsys: pytest.CaptureFixture[str],
) -> None:
  line = shown(capsys)
  assert line.startswith("100%|") and " 20/20 [" in line
  assert line.rstrip().endswith("] loss 0.1250")


def test_bar_stays_where_the_run_was_stopped(capsys: pytest.CaptureFixture[str]) -> None:
  line = shown(capsys, Stop(Plan(10, 20, 100)))
  assert line.startswith(" 75%|") and " 15/20 [" in line


def test_tensorflow_addons_is_imported_here_only_and_only_when_used(
  tmp_path: pathlib.Path,
) -> None:
  importing = re.compile(r"^\s*(import|from) tensorflow_addons", re.MULTILINE)
  found = [
    file.name
    for file in (_ROOT / "compression").rglob("*.py")
    if importing.search(file.read_text("utf-8"))
  ]
  assert found == ["progress.py"]
  code = "import sys, compression.training.loop; sys.exit('tensorflow_addons' in sys.modules)"
  assert Fork(code, output=tmp_path / "out").wait() == 0
