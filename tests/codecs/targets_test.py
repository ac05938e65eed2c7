"""Targets are met with the right file, and few files are made for it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compression.codecs import targets
from compression.codecs.base import Codec
from compression.common.errors import CompressionError, FormatError, RangeError
from compression.common.program import UsageError
from compression.metrics import psnr
from tests.codecs.examples import Planes

IMAGE = np.random.default_rng(0).integers(0, 256, [9, 11, 3], np.uint8)
SETTINGS = 200


class Rounder(Codec):
  """Rounds to multiples of 201 - setting, in so many bytes as the setting says; counts its work."""

  name = "rounder"
  settings = range(1, SETTINGS + 1)
  setting_name = "step"

  def __init__(self) -> None:
    self.compressed: list[float] = []
    self.decompressed = 0

  def compress(self, image: np.ndarray, setting: float, /) -> bytes:
    """The setting, the height and zeros."""
    self.compressed.append(setting)
    return bytes([int(setting), len(image)]) + bytes(10 * int(setting) - 2)

  def decompress(self, data: bytes, /) -> np.ndarray:
    """Knows the image."""
    self.decompressed += 1
    step = SETTINGS + 1 - data[0]
    return (np.round(IMAGE / step) * step).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("max_bytes", [10, 11, 19.5, 500, 1994, 2000, 10**6])
def test_the_best_file_of_a_size_is_found_with_few_tries(max_bytes: float) -> None:
  codec = Rounder()
  found = targets.to_size(codec, IMAGE, max_bytes)
  assert found.setting == min(max_bytes // 10, SETTINGS) and found.note is None
  assert found.data == Rounder().compress(IMAGE, found.setting)
  assert len(codec.compressed) <= math.ceil(math.log2(SETTINGS + 1))
  assert len(set(codec.compressed)) == len(codec.compressed) and codec.decompressed == 0


def test_where_no_file_is_so_small_the_smallest_is_taken_and_that_is_noted() -> None:
  for codec, size in ((Rounder(), 10), (Planes(), 9 + 38)):
    found = targets.to_size(codec, IMAGE, size - 0.5)
    assert (len(found.data), found.setting) == (size, 1)
    assert found.note == f"the smallest file has {size} bytes, more than the target"


@pytest.mark.parametrize("target", [0.0, 15.0, 25.0, 40.0, 50.0])
def test_the_fewest_bytes_of_a_quality_are_found_with_few_tries(target: float) -> None:
  def level(original: np.ndarray, compared: np.ndarray) -> float:
    """As PSNR, but growing with every setting."""
    assert original is IMAGE
    return 51 - float(np.abs(original.astype(int) - compared).max()) / 2

  qualities = [level(IMAGE, Rounder().decompress(bytes([s]))) for s in Rounder.settings]
  assert qualities == sorted(qualities)
  codec = Rounder()
  found = targets.to_quality(codec, IMAGE, level, target)
  assert found.note is None
  assert found.setting == 1 + sum(quality < target for quality in qualities)
  assert found.data == Rounder().compress(IMAGE, found.setting)
  assert len(codec.compressed) == codec.decompressed <= math.ceil(math.log2(SETTINGS + 1))


@pytest.mark.parametrize("codec,last", [(Rounder(), "step 200"), (Planes(), "planes 8")])
def test_where_no_image_is_so_good_the_best_is_taken_and_that_is_noted(
  codec: Codec, last: str
) -> None:
  found = targets.to_quality(codec, IMAGE, lambda original, image: 12.5, 99.25)
  assert found.setting == codec.settings[-1]
  assert found.data == codec.compress(IMAGE, codec.settings[-1])
  assert found.note == f"the target of 99.25 was not reached: 12.5 at {last}"


@pytest.mark.parametrize("setting", [1, 2, 5, 8])
@pytest.mark.parametrize("spare", [0, 37])
def test_a_progressive_file_is_cut_to_a_size(setting: int, spare: int) -> None:
  codec = Planes()
  data = codec.compress(IMAGE, setting)
  assert targets.to_size(codec, IMAGE, len(data) + spare) == (data, setting, None)
  assert codec.made == 0  # nothing is decoded for it


@pytest.mark.parametrize("setting", [1, 2, 5, 8])
def test_a_progressive_file_goes_no_further_than_its_quality(setting: int) -> None:
  codec = Planes()
  data = codec.compress(IMAGE, setting)
  target = float(psnr(IMAGE, codec.decompress(data)))
  codec.made = 0
  assert targets.to_quality(codec, IMAGE, psnr, target) == (data, setting, None)
  assert codec.made == setting


def test_what_is_asked_for_is_made() -> None:
  codec = Planes()
  assert targets.compress(codec, IMAGE, None).setting == 5
  for wanted in (("setting", 3), ("iterations", 3), ("target_bytes", 9 + 3 * 38)):
    assert targets.compress(codec, IMAGE, wanted) == (codec.compress(IMAGE, 3), 3, None)
  pixels = IMAGE.shape[0] * IMAGE.shape[1]
  found = targets.compress(codec, IMAGE, ("target_bpp", 8 * (9 + 2 * 38) / pixels))
  assert found.setting == 2
  assert targets.compress(codec, IMAGE, ("target_psnr", 20.0)).note is None


def test_what_a_codec_does_not_have_is_refused() -> None:
  targets.check(Planes(), None)
  targets.check(Planes(), ("setting", 3))
  targets.check(Rounder(), ("target_bpp", 1.0))
  with pytest.raises(RangeError, match="planes has no"):
    targets.check(Planes(), ("setting", 99))
  with pytest.raises(UsageError, match="--iterations: rounder has none; --setting is its step"):
    targets.check(Rounder(), ("iterations", 3))


def test_a_file_is_read_as_far_as_is_asked_for_and_whole() -> None:
  codec = Planes()
  data = codec.compress(IMAGE, 8)
  assert targets.readable(codec, data) == (data, None)
  assert targets.readable(codec, data, 3) == (codec.prefix(data, 3), None)
  with pytest.raises(FormatError, match="has .*; 9 were asked for"):
    targets.readable(codec, data, 9)
  with pytest.raises(CompressionError, match="files of rounder hold one quality only"):
    targets.readable(Rounder(), b"", 1)
  assert targets.readable(Rounder(), b"x") == (b"x", None)
