"""The perceptron: its fit, its integers, its bytes."""

from __future__ import annotations

import numpy as np

from compression.codecs.dpcm.perceptron import BYTES, Perceptron
from compression.codecs.dpcm.window import COLUMNS, PLANES, Layout, seen
from compression.images.colour import to_ycocg

LOSSLESS = np.array([1, 1, 1])


def test_predictions_are_whole_numbers_as_the_formula_says():
  rng = np.random.default_rng(0)
  coefficients = [rng.integers(-(2**15), 2**15, seen(p) + 1).astype(np.int16) for p in range(3)]
  perceptron = Perceptron(coefficients)
  windows = rng.integers(-255, 256, (50, COLUMNS)).astype(np.int32)
  for plane in range(PLANES):
    found = perceptron.predict(plane, windows)
    for window, prediction in zip(windows, found):
      *weights, bias = coefficients[plane].tolist()
      total = sum(w * v for w, v in zip(weights, window.tolist())) + (bias << 9)
      assert prediction == total + 2**11 >> 12


def test_bytes_come_back(odd_photo):
  perceptron = Perceptron.fitted(to_ycocg(odd_photo), LOSSLESS)
  data = perceptron.to_bytes()
  assert len(data) == BYTES and Perceptron.from_bytes(data).to_bytes() == data


def test_the_fit_is_better_than_any_single_neighbour_and_foresees_noise(odd_photo):
  planes = to_ycocg(odd_photo)
  layout = Layout(*planes.shape[1:])
  exact = Perceptron.fitted(planes, LOSSLESS)
  coarse = Perceptron.fitted(planes, np.array([33, 65, 65]))
  noise = np.random.default_rng(0).integers(-16, 17, layout.blank().shape)
  for plane in range(PLANES):
    cells = layout.spread(10**6) + layout.offset(0, 0, plane)
    values = layout.bordered(planes)
    windows, wanted = layout.windows(values, cells), values[cells]
    error = np.square(exact.predict(plane, windows) - wanted).mean()
    assert error < np.square(windows[:, : seen(plane)] - wanted[:, None]).mean(0).min()
    noisy = layout.windows(values + noise, cells)
    errors = [np.square(p.predict(plane, noisy) - wanted).mean() for p in (coarse, exact)]
    assert errors[0] < errors[1]


def test_plain_images_have_a_fit():
  for value in (0, 128, 255):
    planes = to_ycocg(np.full([5, 7, 3], value, np.uint8))
    values = Layout(5, 7).bordered(planes)
    cells = Layout(5, 7).spread(100)[7:]
    found = Perceptron.fitted(planes, LOSSLESS).predict(0, Layout(5, 7).windows(values, cells))
    assert np.abs(found - value).max() <= 1
