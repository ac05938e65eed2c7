"""The DWT codec: what comes back, how good it is for its bytes, and what damaged files do.

What it shares with `dct` is tested where that stands, and in `conformance_test`.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compression.codecs import registry
from compression.codecs.base import Description
from compression.codecs.dwt import _FORMAT, DWT
from compression.common.errors import FormatError, ImageError, RangeError
from compression.formats.stepped import HEADER_BYTES
from compression.metrics import psnr
from tests.codecs.examples import bd_rate_of_crops

SHAPES = [(1, 1), (1, 19), (19, 1), (2, 3), (8, 8), (33, 47), (65, 64)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", [160, 24, 8])
def test_the_error_is_what_the_step_implies(shape, step, photo):
  """Decisions leave up to about one step in a coefficient, so in a mean over pixels."""
  image = photo[100 : 100 + shape[0], 200 : 200 + shape[1]]
  decoded = DWT().decompress(DWT().compress(image, step))
  assert decoded.shape == image.shape and decoded.dtype == np.uint8
  assert np.sqrt(np.mean((decoded.astype(float) - image) ** 2)) < 1.1 * step + 0.5


@pytest.mark.parametrize("shape", SHAPES)
def test_the_finest_steps_lose_nothing_to_speak_of(shape):
  image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
  for step in (1 / 16, 0.5):
    decoded = DWT().decompress(DWT().compress(image, step))
    assert np.abs(decoded.astype(int) - image).max() <= 2


def test_a_plain_image_is_nearly_exact_and_takes_next_to_nothing():
  for value in (0, 1, 128, 255):
    image = np.full([300, 400, 3], value, np.uint8)
    data = DWT().compress(image, 24)
    assert len(data) < 100
    assert np.abs(DWT().decompress(data).astype(int) - value).max() <= 1


def test_it_takes_fewer_bytes_than_the_dct_for_a_better_image(photo):
  dct = registry.find("dct")
  for step in (64, 24, 8):
    files = DWT().compress(photo, step), dct.compress(photo, step)
    quality = [psnr(photo, codec.decompress(data)) for codec, data in zip((DWT(), dct), files)]
    assert len(files[0]) < 0.95 * len(files[1]) and quality[0] > quality[1]


def test_it_is_registered_knows_its_files_and_says_what_they_are(odd_photo):
  data = registry.find("dwt").compress(odd_photo[:16, :24], 10.0625)
  assert isinstance(registry.of_file(data), DWT)
  assert DWT().describe(data) == Description(16, 24, [("step", "10.0625")])
  with pytest.raises(RangeError, match="^dwt has no step 8.03; .*multiples of 1/16 below 4096$"):
    DWT().compress(odd_photo, 8.03)
  with pytest.raises(ImageError, match="^dwt "):
    DWT().compress(np.broadcast_to(np.uint8(0), (65536, 1, 3)), 24)


@given(st.binary(max_size=300), st.integers(1, 70), st.integers(1, 70))
@settings(max_examples=50)
def test_payloads_that_were_never_written_end_in_one_line(payload, height, width):
  try:
    decoded = DWT().decompress(_FORMAT.write(height, width, 1, payload))
    assert decoded.shape == (height, width, 3)
  except FormatError as error:
    assert "\n" not in str(error)


def test_changed_payloads_with_a_right_checksum_end_in_one_line_or_an_image(photo):
  payload = DWT().compress(photo[:24, :40], 20)[HEADER_BYTES:]
  refused = 0
  for bit in range(0, 8 * len(payload), 23):
    wrong = bytearray(payload)
    wrong[bit // 8] ^= 1 << bit % 8
    try:
      assert DWT().decompress(_FORMAT.write(24, 40, 20, bytes(wrong))).shape == (24, 40, 3)
    except FormatError as error:
      refused += "\n" not in str(error)
  assert refused > len(payload) / 12


def test_it_needs_a_third_fewer_bits_than_jpeg(kodak_dir):
  """On three crops, which are less than the images for a wavelet."""
  assert bd_rate_of_crops(DWT(), kodak_dir) < -33
