"""What a codec has without writing it: settings that are checked, a description, steps."""

from __future__ import annotations

import numpy as np
import pytest

from compression.codecs import base
from compression.codecs.base import Description, Options
from compression.common.errors import CompressionError, FormatError, RangeError
from tests.codecs.examples import Planes, Quantizer

IMAGE = np.random.default_rng(0).integers(0, 256, [13, 17, 3], np.uint8)


def test_an_abstract_codec_cannot_be_made() -> None:
  class Half(base.Codec):
    name, settings = "half", (1,)

    def compress(self, image: np.ndarray, setting: float, /) -> bytes:
      return image.tobytes()

  with pytest.raises(TypeError, match="decompress"):
    Half()  # type: ignore[abstract]


def test_a_codec_has_all_that_programs_ask_for() -> None:
  codec = Quantizer()
  codec.configure(Options())
  codec.load()
  codec.prepare(IMAGE)
  assert codec.describe(codec.compress(IMAGE, 1)) == Description(13, 17, [])
  assert not codec.recognises(codec.compress(IMAGE, 1))
  assert codec.nominal_bpp(IMAGE, 1) is None
  assert (codec.suffix, codec.learned, codec.say(2.5)) == (".bin", False, "setting 2.5")


@pytest.mark.parametrize("wrong", [3, 0.5, 8, True, float("nan")])
def test_a_setting_is_one_of_those_that_there_are(wrong: float) -> None:
  codec = Quantizer()
  assert codec.check_setting(2.0) == 2
  shown = "1" if wrong is True else f"{wrong:g}"
  with pytest.raises(RangeError, match=f"^quantizer has no setting {shown}; it has 1, 2, 4$"):
    codec.check_setting(wrong)


def test_the_middle_setting_is_the_default_unless_the_codec_has_another() -> None:
  codec = Quantizer()
  assert base.default_setting(codec) == 2
  codec.default_setting = 1
  assert base.default_setting(codec) == 1


def test_settings_are_shown_as_users_type_them() -> None:
  assert [base.show(setting) for setting in (8, 8.0, 0.0625)] == ["8", "8", "0.0625"]


def test_a_magic_number_is_taken_off() -> None:
  assert base.check_magic(b"ABCD123", b"ABCD", "x") == b"123"
  for data in (b"", b"ABC", b"ABCE123"):
    with pytest.raises(FormatError, match="^is no file of x$"):
      base.check_magic(data, b"ABCD", "x")


def test_steps_of_a_progressive_codec_are_its_files_and_images() -> None:
  codec = Planes()
  steps = list(codec.steps(IMAGE))
  assert [step.setting for step in steps] == list(codec.settings)
  for step in steps:  # after the last: each remembers its own
    assert step.file() == codec.compress(IMAGE, step.setting)
    np.testing.assert_array_equal(step.image, codec.decompress(step.file()))


def test_a_library_that_is_missing_is_an_error_of_ours() -> None:
  assert issubclass(base.MissingCodecError, CompressionError)
