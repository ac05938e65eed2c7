"""Codecs with weights for each quality: any size comes back, what is wrong is refused."""

from __future__ import annotations

import numpy as np
import pytest

from compression.codecs.balle2017.codec import Balle2017
from compression.codecs.hu2020.codec import Hu2020
from compression.codecs.model_folders import Model
from compression.codecs.qualities import ID_BYTES, QualityCodec
from compression.common.errors import CompressionError, FormatError, RangeError
from compression.formats.stepped import HEADER_BYTES
from tests.codecs.balle2017 import examples as balle2017
from tests.codecs.hu2020 import examples as hu2020


@pytest.fixture(
  scope="module", params=[(Balle2017, balle2017), (Hu2020, hu2020)], ids=["balle2017", "hu2020"]
)
def codec(request, tmp_path_factory: pytest.TempPathFactory) -> QualityCodec:
  kind, examples = request.param
  return kind(Model("random", examples.write_model(tmp_path_factory.mktemp("models") / "random")))


@pytest.mark.parametrize("shape", [(1, 1), (1, 19), (33, 17), (16, 80)])
def test_images_of_any_size_come_back_in_it(codec, shape, photo):
  image = photo[100 : 100 + shape[0], 200 : 200 + shape[1]]
  for quality in codec.settings:
    decoded = codec.decompress(codec.compress(image, quality))
    assert decoded.shape == image.shape and decoded.dtype == np.uint8


def test_damaged_payloads_with_a_right_checksum_end_in_one_line_or_an_image(codec, photo):
  data = codec.compress(photo[:24, :40], 2)
  payload = data[HEADER_BYTES:]
  refused, changed = 0, 0
  for at in range(0, len(payload), max(len(payload) // 60, 1)):
    wrong = bytearray(payload)
    wrong[at] ^= 0x55
    changed += 1
    try:
      file = codec.file_format.write(24, 40, 2, bytes(wrong))
      assert codec.decompress(file).shape == (24, 40, 3)
    except CompressionError as error:
      refused += "\n" not in str(error)
  assert refused > changed / 4
  for end in (0, 5, ID_BYTES, ID_BYTES + 3, len(payload) - 1):
    with pytest.raises(FormatError, match="^[^\n]+$"):
      codec.decompress(codec.file_format.write(24, 40, 2, payload[:end]))


def test_a_small_file_of_a_huge_image_is_refused(codec, photo):
  payload = codec.compress(photo[:16, :16], 1)[HEADER_BYTES:]
  fields = bytearray(codec.file_format.write(16, 16, 1, payload))
  fields[7:11] = b"\xff" * 4  # height and width
  with pytest.raises(FormatError, match="GiB to decode"):
    codec.decompress(bytes(fields))


def test_qualities_that_a_model_has_not_are_refused(codec, photo):
  for quality in (0, 3, 1.5, True):
    with pytest.raises(RangeError, match="random has no quality"):
      codec.compress(photo, quality)
