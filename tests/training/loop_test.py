"""One loop, whatever it trains; here it is the smallest task that there is."""

from __future__ import annotations

import os
import pathlib
import signal

import numpy as np
import pytest
import tensorflow as tf

from compression.common.errors import CompressionError, ConfigError, ModelError, OutputError
from compression.training import loop
from compression.training.callbacks import Plan, StepCallback
from compression.training.config import LoopConfig
from compression.training.console import Console
from compression.training.loop import train
from tests.training.processes import assert_close, last_checkpoint, read_events
from tests.training.tiny import CONFIG_FILE, RESULT_FILE, TinyTask

QUIET = Console(str, str)


def task(**settings: object) -> TinyTask:
  return TinyTask(LoopConfig(**{"steps": 6, "checkpoint_steps": 4, **settings}))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, list[str]]:
  """The folder of a run in one piece, and what it said."""
  folder = tmp_path_factory.mktemp("runs") / "new" / "whole"
  lines: list[str] = []
  assert train(task(), folder, Console(lines.append, str)) is None
  return folder, lines


def test_a_run_says_how_it_goes_and_leaves_all_that_belongs_to_it(
  whole: tuple[pathlib.Path, list[str]],
) -> None:
  folder, lines = whole
  assert lines[0] == "line: 0.00 M parameters; endless points; steps 0 to 6"
  assert [line.split("  ")[0] for line in lines[1:]] == ["step 4/6", "step 6/6"]
  assert lines[1].split("  ")[2] == "lr 1.0e-01" and lines[2].split("  ")[2] == "lr 1.0e-02"
  names = {path.name for path in folder.iterdir()}
  assert names == {CONFIG_FILE, RESULT_FILE, "checkpoints", "tensorboard"}
  assert LoopConfig.from_json((folder / CONFIG_FILE).read_text()) == task().config
  events = read_events(folder)
  assert f"loss {events['loss', 6]:.4f}" in lines[2]
  assert events["learning_rate", 4] == pytest.approx(0.1)


def test_a_run_that_goes_on_is_the_run_in_one_piece(
  tmp_path: pathlib.Path, whole: tuple[pathlib.Path, list[str]]
) -> None:
  class Stop(StepCallback):
    def before_step(self, step: int) -> None:
      if step == 2:
        os.kill(os.getpid(), signal.SIGTERM)

  lines: list[str] = []
  console = Console(lines.append, str)
  cut = task()
  cut.before = [Stop(Plan(0, 6, 4))]
  assert train(cut, tmp_path, console) == signal.SIGTERM
  assert lines[-1] == "stopped by SIGTERM; saved at step 3"
  assert train(task(), tmp_path, console) is None
  assert "; steps 3 to 6" in lines[2]
  assert_close(last_checkpoint(whole[0]), last_checkpoint(tmp_path), 1e-5)

  # Once more: there is nothing left to do, but the result is written should it be missing.
  (tmp_path / RESULT_FILE).unlink()
  lines.clear()
  assert train(task(), tmp_path, console) is None
  assert lines == [f"{tmp_path}: has made 6 steps already; a larger --steps goes on"]
  assert (tmp_path / RESULT_FILE).is_file()


def test_only_a_new_run_starts_from_other_weights(tmp_path: pathlib.Path) -> None:
  far = str(tmp_path / "far.npz")
  np.savez(far, kernel=np.full([2, 1], 50.0, np.float32), bias=np.zeros(1, np.float32))
  folder = tmp_path / "run"
  train(task(init=far, steps=1), folder, QUIET)
  assert (np.load(folder / RESULT_FILE)["kernel"] > 40).all()
  train(task(init="gone", steps=2), folder, QUIET)  # goes on from its own checkpoint


def test_tasks_are_called_before_the_step_and_after_the_checkpoint(tmp_path: pathlib.Path) -> None:
  seen: list[tuple[str, int, bool]] = []

  class Watch(StepCallback):
    def note(self, what: str, step: int) -> None:
      saved = (tmp_path / "checkpoints" / f"ckpt-{step}.index").exists()
      seen.append((what, step, saved))

  class Before(Watch):
    def before_step(self, step: int) -> None:
      self.note("before", step)

  class After(Watch):
    def after_step(self, step: int) -> None:
      self.note("after", step)

  watched = task(steps=2, checkpoint_steps=2)
  watched.before, watched.after = [Before(Plan(0, 2, 2))], [After(Plan(0, 2, 2))]
  train(watched, tmp_path, QUIET)
  assert seen == [
    ("before", 0, False), ("after", 1, False), ("before", 1, False), ("after", 2, True)
  ]  # fmt: skip


def test_on_a_terminal_a_bar_takes_the_place_of_the_lines(
  tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
  lines: list[str] = []
  train(task(steps=2), tmp_path, Console(lines.append, str, on_terminal=True))
  assert len(lines) == 1
  last = capsys.readouterr().err.split("\r")[-1]
  assert last.startswith("100%|") and " 2/2 [" in last and "] loss " in last
  assert read_events(tmp_path).keys() >= {("loss", 2)}


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path: pathlib.Path) -> None:
  class Spoil(StepCallback):
    def before_step(self, step: int) -> None:
      if step == 4:
        self.model.network.weights[0].assign([[np.nan], [0.0]])

  spoiled = task()
  spoiled.before = [Spoil(Plan(0, 6, 4))]
  with pytest.raises(CompressionError, match="step 6: the loss is not finite; .* step 4 is kept"):
    train(spoiled, tmp_path, QUIET)


def test_what_cannot_be_written_or_joined_is_named(
  tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
  (tmp_path / "file").write_text("")
  with pytest.raises(OutputError, match="file: cannot be made"):
    train(task(), tmp_path / "file", QUIET)
  monkeypatch.delenv("TF_CONFIG", raising=False)
  for distribution in ("multi_worker", "parameter_server"):
    with pytest.raises(ConfigError, match="TF_CONFIG"):
      train(task(distribution=distribution), tmp_path / "run", QUIET)
  assert not (tmp_path / "run").exists()


def test_a_run_of_something_else_is_refused(
  tmp_path: pathlib.Path, whole: tuple[pathlib.Path, list[str]]
) -> None:
  checkpoints = tmp_path / "checkpoints"
  checkpoints.mkdir()
  for file in (whole[0] / "checkpoints").iterdir():
    (checkpoints / file.name).write_bytes(file.read_bytes())
  for file in checkpoints.glob("ckpt-6.*"):
    file.write_bytes(file.read_bytes()[:100])
  with pytest.raises(ModelError, match="ckpt-6: cannot be restored"):
    train(task(steps=8), tmp_path, QUIET)


def test_settings_of_tensorflow_are_put_back() -> None:
  options = tf.config.optimizer.get_experimental_options
  before = options().get("disable_meta_optimizer", False)
  with loop.settings(LoopConfig(), str):
    assert options()["disable_meta_optimizer"] is not bool(tf.config.list_physical_devices("GPU"))
  assert options()["disable_meta_optimizer"] == before


def test_first_weights_follow_from_the_seed() -> None:
  weights = []
  for seed in (1, 1, 2):
    with loop.settings(LoopConfig(seed=seed), str):
      weights.append(task(seed=seed).make_trainer(None, "").network.weights[0].numpy())
  np.testing.assert_array_equal(weights[0], weights[1])  # drawn by one thread from one generator
  assert not np.array_equal(weights[0], weights[2])
