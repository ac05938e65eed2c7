"""Residuals come back, in fewer bytes where scales are right; damage is refused."""

from __future__ import annotations

import numpy as np
import pytest

from compression.codecs.hu2020 import residuals
from compression.codecs.hu2020.integers import SCALES, UNITS
from compression.codecs.hu2020.residuals import MAX_VALUE, ResidualCoder, Residuals
from compression.common.errors import FormatError, ModelError
from compression.entropy import magnitudes
from compression.entropy.symbols import Decoder, Encoder

_CHANNELS = 6


def drawn(height: int, width: int, seed: int = 0, least: int = 4, most: int = 24) -> Residuals:
  rng = np.random.default_rng(seed)
  scales = rng.integers(least, most, [height, width, _CHANNELS]).astype(np.int16)
  q = np.rint(rng.normal(0, 2.0 ** (scales / 4 - 3))).astype(np.int32)
  return Residuals(q, scales)


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
  return residuals.count([drawn(30, 30, seed) for seed in range(3)])


def coded(coder: ResidualCoder, given: Residuals) -> bytes:
  encoder = Encoder()
  return magnitudes.finish(encoder, coder.encode(encoder, given))


def decoded(coder: ResidualCoder, data: bytes, scales: np.ndarray) -> np.ndarray:
  decoder = Decoder(data)
  found = coder.decode(decoder, scales)
  return coder.signed(found, magnitudes.read_signs(decoder, np.count_nonzero(found)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (13, 8)])
def test_residuals_of_any_size_come_back(arrays, shape):
  coder = ResidualCoder(arrays, _CHANNELS, "here")
  for given in (drawn(*shape, seed=5), drawn(*shape, least=0, most=SCALES)):
    found = decoded(coder, coded(coder, given), given.scales)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, given.q)


def test_residuals_beyond_their_tables_come_back(arrays):
  coder = ResidualCoder(arrays, _CHANNELS, "here")
  given = drawn(2, 2)
  given.q[0, 0] = MAX_VALUE, -MAX_VALUE, 70000, 15, -15, -16
  np.testing.assert_array_equal(decoded(coder, coded(coder, given), given.scales), given.q)


def test_signs_within_a_stream_come_back(arrays):
  coder = ResidualCoder(arrays, _CHANNELS, "here")
  given, encoder = drawn(3, 4), Encoder()
  residuals.put_signs(encoder, coder.encode(encoder, given))
  decoder = Decoder(encoder.finish())
  found = coder.decode(decoder, given.scales)
  np.testing.assert_array_equal(coder.signed(found, residuals.take_signs(decoder, found)), given.q)


def test_it_takes_about_the_entropy_and_more_where_scales_are_wrong(arrays):
  coder = ResidualCoder(arrays, _CHANNELS, "here")
  given = drawn(40, 40, seed=9)
  sigma = 2.0 ** (given.scales / 4 - 3)
  # Of a Gaussian with a variance of 1/12 more, in bits: near enough from 0.3 on.
  bits = 0.5 * np.log2(2 * np.pi * np.e * (sigma**2 + 1 / 12))
  assert 8 * len(coded(coder, given)) < 1.1 * np.maximum(bits, 0.02).sum() + 200
  flat = given._replace(scales=np.full_like(given.scales, 14))
  assert len(coded(coder, flat)) > 1.1 * len(coded(coder, given))


def test_what_lies_around_is_of_use(arrays):
  """The same scale everywhere, but half of the image has nearly nothing."""
  coder = ResidualCoder(arrays, _CHANNELS, "here")
  given = drawn(24, 24, seed=3, least=15, most=16)
  given.q[:, :12] = 0
  mixed = np.random.default_rng(0).permutation(given.q.ravel()).reshape(given.q.shape)
  assert len(coded(coder, given)) < 0.9 * len(coded(coder, given._replace(q=mixed)))


def test_values_are_rounded_around_mu_and_down_where_that_saves_bits(arrays):
  coder = ResidualCoder(arrays, _CHANNELS, "here")
  rng = np.random.default_rng(0)
  values = rng.normal(0, 3, [20, 20, _CHANNELS]).astype(np.float32)
  mu = rng.integers(-40, 40, values.shape)
  lowered = []
  for index in (5, 20):
    scales = np.full(values.shape, index, np.int16)
    off = np.abs(coder.rounded(values, mu, scales)) - np.abs(residuals.nearest(values, mu))
    assert set(np.unique(off)) <= {-1, 0}
    lowered.append(-off.mean())
  assert lowered[0] > 2 * lowered[1]
  expected = np.rint(values - mu / UNITS)
  np.testing.assert_array_equal(residuals.nearest(values, mu), expected)
  far = np.array([[[3e38, -3e38]]], np.float32)
  np.testing.assert_array_equal(
    residuals.nearest(far, np.zeros([1, 1, 2])).ravel(), [2**20, -(2**20)]
  )


def test_damaged_bytes_end_in_one_line_or_other_residuals(arrays):
  coder = ResidualCoder(arrays, _CHANNELS, "here")
  given = drawn(9, 9)
  data = coded(coder, given)
  rng = np.random.default_rng(0)
  refused = 0
  for _ in range(60):
    wrong = bytearray(data)
    wrong[rng.integers(0, len(wrong))] = rng.integers(0, 256)
    try:
      found = decoded(coder, bytes(wrong), given.scales)
      assert found.shape == given.q.shape and np.abs(found).max() <= MAX_VALUE
    except FormatError as error:
      assert "\n" not in str(error)
      refused += 1
  assert refused
  for end in range(0, len(data), 9):
    with pytest.raises(FormatError, match="^[^\n]+$"):
      decoded(coder, data[:end], given.scales)


def test_arrays_that_are_none_are_refused(arrays):
  for name, wrong in (
    ("order", arrays["order"][:-1]),
    ("order", arrays["order"] * 0),
    ("expected", arrays["expected"] + np.int16(300)),
    ("counts", arrays["counts"].astype(np.int64)),
    ("counts", arrays["counts"] - arrays["counts"].min()),
  ):
    with pytest.raises(ModelError, match="^here: [^\n]+$"):
      ResidualCoder({**arrays, name: wrong}, _CHANNELS, "here")
