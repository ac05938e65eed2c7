"""One step of training a probability model: its loss, its limits, its average, where it starts."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.codecs.recurrent.folders import ENTROPY_CODER_FOLDER
from compression.common.errors import ModelError
from compression.entropy.bits import learned, networks
from compression.entropy.bits.configs import InterlacedConfig, ProgressiveConfig
from compression.entropy.fixed_point import WEIGHT_LIMIT
from compression.training.tasks.bits.config import (
  EntropyExperiment,
  EntropyTrainConfig,
  InputConfig,
)
from compression.training.tasks.bits.trainer import EntropyTrainer

LAYERS = 3
MODELS = {
  "interlaced": InterlacedConfig(2, LAYERS, hidden=4, state=3, groups=2, group_hidden=4),
  "progressive": ProgressiveConfig(2, LAYERS),
}


def make_trainer(name="interlaced", learning_rate=0.01, **changes):
  experiment = EntropyExperiment(name, MODELS[name], EntropyTrainConfig(**changes), InputConfig())
  trainer = EntropyTrainer(experiment, LAYERS)
  trainer.prepare(tf.keras.optimizers.SGD(learning_rate))
  return trainer


@pytest.fixture
def codes():
  bits = np.random.default_rng(1).random([2, 5, 6, LAYERS * 2]) < 0.8
  return np.where(bits, 1, -1).astype(np.int8)


def step(trainer, codes):
  return trainer.train_on_batch(codes, reset_metrics=False, return_dict=True)["loss"]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_loss_is_the_mean_code_length(name, codes):
  trainer = make_trainer(name)
  lengths = trainer(codes).code_lengths.numpy()
  assert lengths.shape == (LAYERS,)
  assert step(trainer, codes) == pytest.approx(lengths.mean(), rel=1e-5)
  measures = trainer.pop_measures()
  assert measures.loss == measures.scalars["code_length"] == pytest.approx(lengths.mean(), rel=1e-5)
  for layer, length in enumerate(lengths, 1):
    assert measures.scalars[f"code_length/layer_{layer:02}"] == pytest.approx(length, rel=1e-5)
  assert measures.text.startswith(f"bits per bit {measures.loss:.4f}  by layer 1: ")
  assert trainer.describe(0.25) == "bits per bit 0.2500"


def test_a_step_follows_the_gradient_and_codes_shorter(codes):
  trainer = make_trainer(learning_rate=0.05)
  losses = [step(trainer, codes) for _ in range(20)]
  assert losses[-1] < losses[0]


def test_weights_end_where_their_integer_form_does(codes):
  trainer = make_trainer(learning_rate=0.0)
  for variable in trainer.network.trainable_variables:
    variable.assign(tf.fill(variable.shape, -3.0 * WEIGHT_LIMIT))
  step(trainer, codes)
  for array in networks.arrays_of(trainer.network).values():
    assert (array == -WEIGHT_LIMIT).all()


def test_the_average_is_what_is_exported(tmp_path):
  trainer = make_trainer()
  for variable in trainer.averaged.weights:
    variable.assign(variable + 0.25)
  trainer.export(tmp_path)
  averaged = networks.arrays_of(trainer.averaged)
  learned.save(tmp_path / "expected", "interlaced", MODELS["interlaced"], averaged)
  folders = [tmp_path / ENTROPY_CODER_FOLDER, tmp_path / "expected"]
  exported, expected = ((folder / learned.CONFIG_FILE).read_text() for folder in folders)
  assert exported == expected
  exported, expected = (np.load(folder / learned.WEIGHTS_FILE) for folder in folders)
  assert exported.files == expected.files
  assert all((exported[key] == expected[key]).all() for key in exported.files)


def test_it_starts_from_weights_of_the_same_architecture_only(tmp_path, codes):
  first, second = make_trainer(), make_trainer()
  for variable in first.averaged.weights:
    variable.assign(variable + 0.125)
  first.export(tmp_path)
  second.start_from(tmp_path / ENTROPY_CODER_FOLDER)
  inputs = tf.cast(codes, tf.float32)
  expected = first.averaged(inputs).code_lengths
  found = second.network(inputs).code_lengths
  np.testing.assert_allclose(found, expected, rtol=1e-3)  # up to the rounding to integers
  averaged = networks.arrays_of(second.averaged)
  for name, array in networks.arrays_of(second.network).items():
    np.testing.assert_array_equal(array, averaged[name])
  second.experiment = second.experiment._replace(model=InterlacedConfig())
  with pytest.raises(ModelError, match="has another architecture"):
    second.start_from(tmp_path / ENTROPY_CODER_FOLDER)


def test_names_are_those_of_the_archives():
  trainer = make_trainer()
  names = trainer.named_variables()
  assert list(names) == list(networks.named_variables(trainer.network))
  assert {id(v) for v in names.values()} == {id(v) for v in trainer.network.trainable_variables}
