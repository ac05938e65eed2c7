"""The entropy model beside the networks: what each bit sees, and what it learns."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression.training.tasks.recurrent.rate_model import RateModel


def make_model(bits: int = 8, iterations: int = 4, **options: str) -> RateModel:
  tf.keras.utils.set_random_seed(3)
  model = RateModel(bits, iterations, **options)
  model.build()
  for variable in model.weights:  # else much of it is zero, and nothing is seen through it
    if not tf.reduce_any(variable != 0) or "logit" in variable.name:
      variable.assign(tf.random.normal(variable.shape, stddev=0.3))
  return model


def codes_of(shape: list[int], seed: int = 0) -> np.ndarray:
  return np.random.default_rng(seed).choice(np.float32([-1, 1]), shape)


def test_bits_are_estimated_for_each_iteration_and_image() -> None:
  model = make_model(bits=24)
  codes = codes_of([3, 2, 4, 5, 24])
  bits = model(codes)
  assert bits.shape == [3, 2] and bits.dtype == tf.float32 and (bits.numpy() > 0).all()
  np.testing.assert_allclose(model(codes[:2]), bits[:2], rtol=1e-5)
  np.testing.assert_allclose(model(codes[:, 1:]), bits[:, 1:], rtol=1e-5)


def test_a_new_model_gives_about_a_bit_to_a_bit() -> None:
  model = RateModel(32, 16)
  codes = codes_of([16, 1, 4, 4, 32])
  np.testing.assert_allclose(model(codes), 16 * 32, rtol=0.02)


def test_no_bit_sees_itself_or_what_is_coded_after_it() -> None:
  """A sum over all bits is a code length only if each is conditional on earlier ones alone."""
  bits, layers, height, width = 8, 3, 3, 4
  model = make_model(bits, layers)
  shape = [layers, 1, height, width, bits]
  # Iterations come one after another; then groups of two bits in blocks in raster order.
  layer, _, row, column, bit = np.indices(shape)
  order = ((layer * height + row) * width + column) * (bits // 2) + bit // 2
  # With the sign of a bit given, its cost is a function of its logit: softplus(-b z).
  for place in [(0, 0, 0, 0, 0), (1, 0, 1, 2, 3), (1, 0, 0, 3, 7), (2, 0, 2, 3, 6)]:
    codes = codes_of(shape)
    changed = codes.copy()
    changed[place] *= -1
    before, after = (np.asarray(model.logits(tf.constant(each))) for each in (codes, changed))
    moved = np.abs(before - after) > 1e-5
    assert not moved[order <= order[place]].any(), place
    if place[0] < layers - 1:
      assert moved[place[0] + 1, 0, place[2], place[3]].any(), place
    assert moved.any() == (place != (2, 0, 2, 3, 6)), place


def test_what_can_be_predicted_becomes_cheap() -> None:
  """Bits that repeat those of the iteration before cost nothing once that is learned."""
  model = RateModel(8, 3)
  model.build()
  optimizer = tf.keras.optimizers.Adam(5e-3)

  def codes(seed: int) -> tf.Tensor:
    first = codes_of([1, 16, 3, 3, 8], seed)
    return tf.constant(np.concatenate([first, first, -first]))

  @tf.function
  def step(codes: tf.Tensor) -> None:
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(model(codes))
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

  for seed in range(60):
    step(codes(seed))
  bits = model(codes(100)).numpy().mean(axis=1)
  assert bits[0] == pytest.approx(72, rel=0.1)
  assert (bits[1:] < 15).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_gradient_reaches_the_bits(sign: float) -> None:
  model = make_model()
  codes = tf.constant(sign * codes_of([2, 1, 2, 2, 8]))
  with tf.GradientTape() as tape:
    tape.watch(codes)
    bits = model(codes)
  gradient = tape.gradient(bits, codes)
  assert np.isfinite(gradient).all() and (np.abs(gradient) > 0).mean() > 0.9


def test_mixed_precision_keeps_sums_and_variables_float32() -> None:
  tf.keras.utils.set_random_seed(1)
  models = [RateModel(8, 4, dtype=policy) for policy in ("float32", "mixed_bfloat16")]
  codes = codes_of([4, 2, 3, 3, 8])
  for model in models:
    model.build()
  models[1].set_weights(models[0].get_weights())
  exact, mixed = (model(codes) for model in models)
  assert mixed.dtype == tf.float32 and {v.dtype for v in models[1].weights} == {tf.float32}
  np.testing.assert_allclose(mixed, exact, rtol=0.02)
