"""Steps of Muon beside a singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.training.muon import ADAM_SHARE, Muon, orthogonalize


def _random(*shape: int, seed: int = 0) -> np.ndarray:
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(8, 8), (5, 40), (40, 5), (3, 6, 20)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_singular_values_come_near_one_and_vectors_stay(
  shape: tuple[int, ...], scale: float
) -> None:
  x = _random(*shape) * scale
  result = orthogonalize(tf.constant(x)).numpy()
  u, values, v = np.linalg.svd(x, full_matrices=False)
  inside = np.swapaxes(u, -1, -2) @ result @ np.swapaxes(v, -1, -2)
  pulled = np.diagonal(inside, axis1=-2, axis2=-1)
  far_from_zero = values / np.linalg.norm(values, axis=-1, keepdims=True) > 0.01
  assert ((pulled > 0.6) & (pulled < 1.3))[far_from_zero].all()
  assert np.abs(inside - pulled[..., None] * np.eye(inside.shape[-1])).max() < 1e-3


def test_zeros_stay_zeros() -> None:
  assert not orthogonalize(tf.zeros([4, 6])).numpy().any()


def _stepped(optimizer: Muon, start: np.ndarray, gradients: list[np.ndarray]) -> np.ndarray:
  variable = tf.Variable(start)
  for gradient in gradients:
    optimizer.apply_gradients([(tf.constant(gradient), variable)])
  return variable.numpy()


@pytest.mark.parametrize("gates", [1, 3])
def test_each_gate_is_a_matrix_of_its_own(gates: int) -> None:
  """Two steps, with momentum and its look ahead, written out for every gate alone."""
  start = _random(3, 3, 2, 6)
  gradients = [_random(3, 3, 2, 6, seed=1), _random(3, 3, 2, 6, seed=2)]
  expected = start.copy()
  momentum = np.zeros_like(start)
  for gradient in gradients:
    momentum = 0.95 * momentum + 0.05 * gradient
    ahead = 0.95 * momentum + 0.05 * gradient
    for gate in np.split(np.arange(6), gates):
      matrix = ahead[..., gate].reshape(18, -1).T
      update = orthogonalize(tf.constant(matrix)).numpy()
      expected[..., gate] -= 0.01 * update.T.reshape(3, 3, 2, -1)
  result = _stepped(Muon(0.01, [gates]), start, gradients)
  np.testing.assert_allclose(result, expected, atol=1e-5)


def test_matrices_with_more_rows_than_columns_take_longer_steps() -> None:
  start, gradient = _random(1, 1, 2, 8), _random(1, 1, 2, 8, seed=1)
  update = orthogonalize(tf.constant(gradient.reshape(2, 8).T)).numpy().T
  result = _stepped(Muon(0.01, [1]), start, [gradient])
  np.testing.assert_allclose(result, start - 0.02 * update.reshape(1, 1, 2, 8), atol=1e-5)


def test_what_is_no_matrix_is_adams() -> None:
  start, gradients = _random(7), [_random(7, seed=seed) for seed in range(1, 4)]
  variable = tf.Variable(start)
  adam = tf.keras.optimizers.Adam(0.01 * ADAM_SHARE, epsilon=1e-3)
  for gradient in gradients:
    adam.apply_gradients([(tf.constant(gradient), variable)])
  result = _stepped(Muon(0.01, [0], epsilon=1e-3), start, gradients)
  np.testing.assert_allclose(result, variable.numpy(), atol=1e-6)


def test_clips_all_gradients_together() -> None:
  """The momentum of a step depends on the ratio of the gradients, so a huge one is scaled down."""
  start, gradients = _random(4, 4), [_random(4, 4, seed=1), 1e6 * _random(4, 4, seed=2)]
  clipped = _stepped(Muon(0.01, [1], global_clipnorm=0.5), start, gradients)
  gradients = [0.5 * gradient / np.linalg.norm(gradient) for gradient in gradients]
  np.testing.assert_allclose(clipped, _stepped(Muon(0.01, [1]), start, gradients), atol=1e-5)


def test_serializes() -> None:
  optimizer = Muon(0.01, [3, 0, 1], epsilon=1e-3, global_clipnorm=0.5)
  again = tf.keras.optimizers.deserialize(tf.keras.optimizers.serialize(optimizer))
  assert isinstance(again, Muon) and again.get_config() == optimizer.get_config()


@pytest.mark.parametrize("matrices", [[], [1, 1], [4]])
def test_matrices_must_fit_the_variables(matrices: list[int]) -> None:
  with pytest.raises(ValueError, match="matrices"):
    Muon(0.01, matrices).build([tf.Variable(_random(2, 6))])
