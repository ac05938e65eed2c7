"""The benchmark runs, and compares what is the same but for speed; that itself is not tested."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from compression.layers.gru import ConvResidualGRU
from compression.training import bench
from compression.training.bench import PRECISIONS, Batch, Candidate
from compression.training.tasks.recurrent.curriculum import Curriculum

_WIDTH = 1 / 32
_ADAM = "adam"  # whose steps are traced sooner than the default's
_BATCH = Batch(2, 16)


def two_losses(made: Candidate) -> list[float]:
  return [made.step() for _ in range(2)]


@pytest.fixture(scope="module")
def expected() -> list[float]:
  return two_losses(bench.candidate(_WIDTH, 2, batch=_BATCH, optimizer=_ADAM))


@pytest.mark.slow
@pytest.mark.parametrize("cell", [bench.SeparateConvolutions, bench.StackedGates])
def test_gates_written_otherwise_train_the_same(
  cell: type[ConvResidualGRU], expected: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
  called = []
  update = cell.update
  monkeypatch.setattr(cell, "update", lambda *args: called.append(args) or update(*args))
  made = bench.candidate(_WIDTH, 2, batch=_BATCH, optimizer=_ADAM, cell=cell)
  np.testing.assert_allclose(two_losses(made), expected, rtol=1e-5)
  assert called


@pytest.mark.slow
def test_bfloat16_trains_nearly_the_same_and_leaves_no_option(expected: list[float]) -> None:
  before = tf.config.optimizer.get_experimental_options()
  made = bench.candidate(_WIDTH, 2, PRECISIONS["oneDNN's bfloat16"], _BATCH, _ADAM)
  np.testing.assert_allclose(two_losses(made), expected, rtol=0.02)
  assert made.start > 0
  after = tf.config.optimizer.get_experimental_options()
  assert {name for name, on in after.items() if on} == {name for name, on in before.items() if on}


def test_all_take_turns() -> None:
  calls: list[str] = []
  made = [Candidate(0.0, lambda name=name: calls.append(name) or 0.0) for name in "ab"]
  assert len(bench.steps_per_second(made, 2)) == 2
  assert calls == ["a", "b", "a", "b"]


def test_the_share_of_a_curriculum() -> None:
  curriculum = Curriculum.parse("4:0.5,8:0.75,16:1")
  assert bench.curriculum_share(curriculum, {4: 1.0, 8: 2.0, 16: 4.0}) == pytest.approx(0.5)
  assert bench.curriculum_share(Curriculum.parse("16:1"), {4: 1.0, 16: 4.0}) == 1.0


def test_the_input_is_measured(tmp_path: pathlib.Path, photo: np.ndarray) -> None:
  Image.fromarray(photo).save(tmp_path / "photo.png")
  assert bench.input_batches([str(tmp_path / "photo.png")], _BATCH, 3) > 0
