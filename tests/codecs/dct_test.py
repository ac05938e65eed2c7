"""The DCT codec: what comes back, how good it is for its bytes, and what damaged files do."""

from __future__ import annotations

import pathlib
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compression.codecs import dct, registry
from compression.codecs.base import Description
from compression.codecs.dct import DCT
from compression.common.errors import FormatError, ImageError, RangeError
from compression.metrics import psnr
from tests.codecs.examples import bd_rate_of_crops

SHAPES = [(1, 1), (1, 19), (19, 1), (8, 8), (33, 47)]


def file(height, width, payload=b"", sixteenths=16, version=1):
  """A file whose checksum is right."""
  fields = struct.pack("<4sBHHH", b"RDCT", version, sixteenths, height, width)
  return fields + struct.pack("<I", zlib.crc32(payload, zlib.crc32(fields))) + payload


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", DCT.settings[::3])
def test_the_error_is_what_the_step_implies(shape, step, photo):
  """Decisions leave an error of up to about one step in a coefficient, so in a mean over pixels.

  That of R, G and B is up to sqrt(1.1) of that of Y, Cb and Cr; edges count for the pixels beyond
  them, so that a narrow image may bear more than its part.
  """
  image = photo[100 : 100 + shape[0], 200 : 200 + shape[1]]
  decoded = DCT().decompress(DCT().compress(image, step))
  assert decoded.shape == image.shape and decoded.dtype == np.uint8
  error = decoded.astype(float) - image
  assert np.sqrt(np.mean(error**2)) < 1.1 * step + 0.5
  if step == DCT.settings[-1]:
    assert psnr(image, decoded) > 30


@pytest.mark.parametrize("shape", SHAPES)
def test_the_finest_steps_lose_nothing_to_speak_of(shape):
  image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
  for step in (1 / 16, 0.5):
    decoded = DCT().decompress(DCT().compress(image, step))
    assert np.abs(decoded.astype(int) - image).max() <= 1


def test_a_plain_image_is_nearly_exact_and_takes_next_to_nothing():
  for value in (0, 1, 128, 255):
    image = np.full([64, 80, 3], value, np.uint8)
    data = DCT().compress(image, 24)
    assert len(data) < 100
    assert np.abs(DCT().decompress(data).astype(int) - value).max() <= 2  # 12 of DC, over 8


def test_smaller_steps_take_more_bytes_and_give_better_images(odd_photo):
  codec = DCT()
  files = [codec.compress(odd_photo, step) for step in codec.settings]
  sizes = [len(data) for data in files]
  quality = [psnr(odd_photo, codec.decompress(data)) for data in files]
  assert sizes == sorted(sizes) and sizes[0] < sizes[-1] / 5
  assert quality == sorted(quality)


def test_steps_between_the_settings_are_in_the_header(odd_photo):
  codec = DCT()
  for step in (10.0625, 15, 4095.9375):
    data = codec.compress(odd_photo[:16, :24], step)
    assert codec.describe(data) == Description(16, 24, [("step", f"{step:g}")])
    assert codec.decompress(data).shape == (16, 24, 3)
  for step in (0, -8, 1 / 32, 4096, 8.03, float("nan"), float("inf"), True):
    with pytest.raises(RangeError, match="^dct has no step .*multiples of 1/16 below 4096$"):
      codec.compress(odd_photo, step)


def test_it_is_registered_and_knows_its_files(odd_photo):
  codec = registry.find("dct")
  data = codec.compress(odd_photo[:9, :9], 24)
  assert isinstance(codec, DCT) and codec.recognises(data) and not codec.recognises(b"RNIC")
  assert isinstance(registry.of_file(data), DCT)


def test_another_process_makes_the_same_file_without_tensorflow(odd_photo, tmp_path):
  np.save(tmp_path / "image.npy", odd_photo)
  code = (
    "import sys, numpy as np; from compression.codecs.dct import DCT;"
    "data = DCT().compress(np.load(sys.argv[1]), 20); DCT().decompress(data);"
    "assert 'tensorflow' not in sys.modules; sys.stdout.buffer.write(data)"
  )
  root = pathlib.Path(dct.__file__).parents[2]
  command = [sys.executable, "-c", code, str(tmp_path / "image.npy")]
  run = subprocess.run(command, cwd=root, capture_output=True, check=True)
  assert run.stdout == DCT().compress(odd_photo, 20)


def test_a_cut_or_changed_file_is_refused(photo):
  data = DCT().compress(photo[:24, :40], 20)
  for end in range(len(data)):
    with pytest.raises(FormatError, match="^[^\n]+$"):
      DCT().decompress(data[:end])
  for bit in range(8 * len(data)):
    wrong = bytearray(data)
    wrong[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FormatError, match="^[^\n]+$"):
      DCT().decompress(bytes(wrong))
  with pytest.raises(FormatError, match="damaged"):
    DCT().decompress(data + b"\0")


@given(st.binary(max_size=300), st.integers(1, 50), st.integers(1, 50))
@settings(max_examples=50)
def test_payloads_that_were_never_written_end_in_one_line(payload, height, width):
  try:
    assert DCT().decompress(file(height, width, payload)).shape == (height, width, 3)
  except FormatError as error:
    assert "\n" not in str(error)


def test_a_changed_payload_with_the_right_checksum_ends_in_an_image_or_one_line(photo):
  data = DCT().compress(photo[:24, :40], 20)[15:]
  refused = 0
  for bit in range(0, 8 * len(data), 7):
    wrong = bytearray(data)
    wrong[bit // 8] ^= 1 << bit % 8
    try:
      DCT().decompress(file(24, 40, bytes(wrong)))
    except FormatError as error:
      refused += "\n" not in str(error)
  assert refused > len(data) / 4


def test_headers_that_no_encoder_writes_are_refused():
  for data, reason in (
    (b"", "not a .dct file"),
    (b"RDCT", "cut short in the header: 4 of 15 bytes"),
    (file(1, 1, version=2), "version 2 is not what this program reads"),
    (file(0, 1), "no image"),
    (file(1, 0), "no image"),
    (file(1, 1, sixteenths=0), "no image"),
    (file(65535, 65535), "needs about 600 GiB to decode"),
  ):
    for read in (DCT().decompress, DCT().describe):
      with pytest.raises(FormatError, match=reason):
        read(data)


def test_what_the_decoder_would_refuse_is_not_written():
  for shape in ((65536, 1), (65535, 65535)):
    with pytest.raises(ImageError, match="^dct "):
      DCT().compress(np.broadcast_to(np.uint8(0), (*shape, 3)), 24)


def test_it_needs_a_quarter_fewer_bits_than_jpeg(kodak_dir):
  """On three crops: on all 24 images it is more than that."""
  assert bd_rate_of_crops(DCT(), kodak_dir) < -25
