"""Tests of compression/datasets/synthetic_codes.py."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from compression.datasets.synthetic_codes import (
  ENTROPY,
  SHAPE,
  from_flips,
  synthetic_code,
  synthetic_codes,
)


def expected_bit(code: np.ndarray, y: int, x: int, d: int) -> int:
  """What a bit of {0, 1} [h, w, D] would be without a flip, written out place by place."""
  pattern = {
    (y - 1, x - 2, d): 0, (y - 1, x - 1, d): 1, (y - 1, x, d): 0,
    (y - 2, x - 2, d): 1, (y - 2, x - 1, d): 1, (y - 2, x, d): 0,
    (y - 3, x - 2, d): 1, (y - 3, x - 1, d): 0, (y - 3, x, d): 0,
    (y, x, d - 1): 1, (y, x, d - 2): 1, (y, x, d - 3): 0, (y, x, d - 4): 1,
  }  # fmt: skip
  inside = {place: bit for place, bit in pattern.items() if min(place) >= 0}
  return int(sum(code[place] != bit for place, bit in inside.items()) >= 6)


def one_after_the_other(flips: np.ndarray) -> np.ndarray:
  high, wide, depth = flips.shape
  code = np.zeros(flips.shape, int)
  for d, y, x in itertools.product(range(depth), range(high), range(wide)):
    code[y, x, d] = expected_bit(code, y, x, d) ^ int(flips[y, x, d])
  return 2 * code - 1


@pytest.mark.parametrize(
  "shape", [(9, 11, 8), (1, 1, 1), (1, 1, 9), (2, 1, 3), (5, 2, 2), (1, 7, 6), (6, 3, 1)]
)
@pytest.mark.parametrize("probability", [0.2, 0.5, 1.0])
def test_whole_rows_give_the_same_as_one_bit_after_the_other(
  shape: tuple[int, int, int], probability: float
) -> None:
  flips = np.random.default_rng(5).random((3, *shape)) < probability
  codes = from_flips(flips)
  assert codes.dtype == np.int8 and codes.shape == flips.shape
  for code, flipped in zip(codes, flips):
    np.testing.assert_array_equal(code, one_after_the_other(flipped))
    np.testing.assert_array_equal(code, from_flips(flipped))


def test_the_share_of_flips_is_one_in_five() -> None:
  bits = (synthetic_code(1) + 1) // 2
  flips = [expected_bit(bits, *place) != bits[place] for place in np.ndindex(SHAPE)]
  deviation = np.sqrt(0.2 * 0.8 / len(flips))
  assert np.mean(flips) == pytest.approx(0.2, abs=4 * deviation)
  assert bits.mean() == pytest.approx(0.5, abs=0.3)  # no flip, and all would be 0


def test_the_entropy_is_that_of_a_flip() -> None:
  assert pytest.approx(0.7219, abs=1e-4) == ENTROPY


def test_a_code_depends_on_its_seed_alone() -> None:
  code = synthetic_code(3)
  assert code.shape == (35, 48, 8) and code.dtype == np.int8
  assert set(np.unique(code)) == {-1, 1}
  np.testing.assert_array_equal(code, synthetic_code(3))
  assert not np.array_equal(code, synthetic_code(4))
  generator = np.random.default_rng(3)
  np.testing.assert_array_equal(code, synthetic_code(generator))
  assert not np.array_equal(code, synthetic_code(generator))


def test_fewer_codes_are_the_first_of_more() -> None:
  shape = (4, 5, 6)
  many = list(synthetic_codes(130, 7, shape))  # made in several parts
  few = list(synthetic_codes(3, 7, shape))
  assert len(many) == 130 and all(code.shape == shape for code in many)
  np.testing.assert_array_equal(few, many[:3])
  assert len({code.tobytes() for code in many}) == 130
  assert not np.array_equal(few, list(synthetic_codes(3, 8, shape)))
  assert not list(synthetic_codes(0))
