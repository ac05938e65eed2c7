"""The terms of losses: what they measure is what `compression.metrics` does, and has gradients."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from compression import metrics
from compression.training import distortion
from compression.training.distortion import Distortion
from compression.training.terms import NAMES


def noisy(image: np.ndarray, deviation: float) -> np.ndarray:
  noise = np.random.default_rng(0).normal(0, deviation, image.shape)
  return np.clip(np.round(image + noise), 0, 255).astype(np.uint8)


def unit(*images: np.ndarray) -> tf.Tensor:
  """In 0..1: float32 [N, H, W, 3]."""
  return tf.constant(np.stack(images) / 255, tf.float32)


# One scale, two, three, three of other sides, four, five.
@pytest.mark.parametrize("shape", [(16, 32), (32, 48), (48, 48), (64, 80), (96, 128), (176, 176)])
def test_ms_ssim_is_that_of_the_metrics(shape: tuple[int, int], photo: np.ndarray) -> None:
  first = photo[: shape[0], : shape[1]]
  second = photo[200 : 200 + shape[0], 100 : 100 + shape[1]]
  pairs = [(first, noisy(first, 12)), (second, noisy(second, 2)), (first, first)]
  found = distortion.ms_ssim(unit(*(a for a, _ in pairs)), unit(*(b for _, b in pairs)))
  expected = [metrics.ms_ssim(a, b) for a, b in pairs]
  # float32 variances of pixels in 0..1 are right to some 1e-7, and C2 is 9e-4.
  np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("deviation", [2, 12, 40])
def test_psnr_hvs_is_that_of_the_metrics(deviation: float, photo: np.ndarray) -> None:
  image = photo[:128, :200]
  other = noisy(image, deviation)
  square = distortion.hvs_square(unit(image), unit(other))
  found = -10 * np.log10(square[0])
  # The metric rounds luma to whole numbers: it adds up to 1/6 to the mean square.
  error = 10 ** (-metrics.psnr_hvs(image, other) / 10) * 255**2
  assert found == pytest.approx(-10 * np.log10(error / 255**2), abs=10 * np.log10(1 + 0.5 / error))


def test_psnr_hvs_sees_the_frequencies_as_the_metric_does() -> None:
  """A low and a high frequency, which weigh 1.6 and 0.26: hardly any rounding beside them."""
  base = np.full([8, 8, 3], 100, np.uint8)
  for pattern in (np.ones([8, 8]), (-1) ** np.add.outer(np.arange(8), np.arange(8))):
    other = (base + 60 * pattern[..., np.newaxis]).astype(np.uint8)
    found = -10 * np.log10(distortion.hvs_square(unit(base), unit(other))[0])
    assert found == pytest.approx(
      metrics.psnr_hvs(base, other), abs=0.1
    )  # 51.5 steps of luma, or 51


def test_weights_of_ssim_are_of_each_pixel_and_its_window(photo: np.ndarray) -> None:
  image = photo[:40, :56]
  other = noisy(image, 12)
  found = distortion.dissimilarity(unit(image), unit(other))[0, ..., 0].numpy()
  assert found.shape == (40, 56)
  inner, full = (
    (1 - tf.image.ssim(tf.constant(a), tf.constant(b), 255).numpy()) / 2
    for a, b in [(image[3:14, 5:16], other[3:14, 5:16]), (image[20:31, 40:51], other[20:31, 40:51])]
  )
  assert found.mean() == pytest.approx(1, abs=1e-5)
  assert found[8, 10] / found[25, 45] == pytest.approx(inner / full, rel=1e-3)
  assert found.min() > 0


def test_where_structure_is_lost_l1_counts_more(photo: np.ndarray) -> None:
  """Equal differences: in flat sky SSIM minds them, in texture hardly."""
  rng = np.random.default_rng(0)
  x = np.full([1, 32, 64, 3], 0.5, np.float32)
  x[:, :, 32:] += rng.uniform(-0.4, 0.4, [1, 32, 32, 3])
  noise = 0.02 * rng.choice([-1, 1], x.shape).astype(np.float32)
  weights = distortion.dissimilarity(tf.constant(x), tf.constant(x + noise))[0, ..., 0].numpy()
  assert weights[:, :26].mean() > 20 * weights[:, 38:].mean()


def mean(values: tf.Tensor) -> tf.Tensor:
  return tf.reduce_mean(values, -1)


@pytest.mark.parametrize("pixel_range", [1.0, 0.9])
def test_terms_are_of_the_whole_batch(pixel_range: float, photo: np.ndarray) -> None:
  images = np.stack([photo[:48, :64], photo[100:148, 100:164]])
  others = np.stack([noisy(images[0], 3), noisy(images[1], 15)])
  x, y = (pixel_range * (2 * unit(*each) - 1) for each in (images, others))
  squares = np.mean(np.square(images / 255 - others / 255))
  similarity = np.mean(metrics.ms_ssim(images, others))
  hvs = np.mean(10 ** (-metrics.psnr_hvs(images, others) / 10))
  expected = {
    "l1": np.mean(np.abs(x - y)),
    "ssim_l1": np.mean(distortion.dissimilarity(unit(*images), unit(*others)) * np.abs(x - y)),
    "mse": np.mean(np.square(x - y)),
    "log_mse": 10 * np.log10(squares),
    "ms_ssim": 10 * np.log10(1 - similarity),
    "psnr_hvs": 10 * np.log10(hvs),
  }
  assert set(expected) == set(NAMES)
  for name, value in expected.items():
    term = Distortion.parse(name)
    found = term.combine(term.errors(x, y, pixel_range), mean, pixel_range)
    assert float(found) == pytest.approx(value, rel=1e-3, abs=0.02 * (name == "psnr_hvs")), name
  total = Distortion.parse("psnr_hvs:0.5,l1:3,log_mse:0.25")
  found = total.combine(total.errors(x, y, pixel_range), mean, pixel_range)
  of_parts = 0.5 * expected["psnr_hvs"] + 3 * expected["l1"] + 0.25 * expected["log_mse"]
  assert float(found) == pytest.approx(of_parts, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_lead_towards_the_original(name: str, photo: np.ndarray) -> None:
  x = 2 * unit(photo[:64, :64]) - 1
  y = tf.Variable(2 * unit(noisy(photo[:64, :64], 20)) - 1)
  term = Distortion.parse(name)

  def loss() -> tf.Tensor:
    return term.combine(term.errors(x, y, 1.0), mean, 1.0)

  before = float(loss())
  with tf.GradientTape() as tape:
    value = loss()
  gradient = tape.gradient(value, y)
  assert np.isfinite(gradient).all()
  y.assign_sub(0.1 * gradient / tf.norm(gradient))
  assert float(loss()) < before


@pytest.mark.parametrize("name", NAMES)
def test_equal_images_have_a_finite_loss_and_gradient(name: str) -> None:
  x = tf.zeros([1, 32, 32, 3])
  y = tf.Variable(x)
  term = Distortion.parse(name)
  with tf.GradientTape() as tape:
    value = term.combine(term.errors(x, y, 1.0), mean, 1.0)
  assert np.isfinite(value)
  assert np.isfinite(tape.gradient(value, y)).all()
