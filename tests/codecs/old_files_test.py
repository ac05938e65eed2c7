"""Files that earlier versions wrote decode as ever; those of recurrent codecs have a test there.

`tests/golden/files` holds `<codec>_<setting>`: the file, and a PNG of what it looked like.
"""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from compression.codecs import registry
from compression.codecs.pillow import PillowCodec
from compression.codecs.recurrent.codec import RecurrentCodec as Recurrent
from compression.images.photos import read_photo
from tests.near import assert_near_pixels

FILES = pathlib.Path(__file__).resolve().parents[1] / "golden/files"

OF_INTEGERS = ["dpcm_2.dpcm", "dpcm_mlp_2.dmlp"]
"""All that makes their pixels is integers."""

OF_FLOATS = ["dct_8.dct", "dwt_8.dwt", "balle2017_2.bls", "hu2020_2.hyl"]


@pytest.mark.parametrize("name", OF_INTEGERS + OF_FLOATS)
def test_it_decodes_as_ever(name: str) -> None:
  data = (FILES / name).read_bytes()
  expected = read_photo((FILES / name).with_suffix(".png")).image
  decoded = registry.of_file(data).decompress(data)
  if name in OF_INTEGERS:
    np.testing.assert_array_equal(decoded, expected)
  else:
    assert_near_pixels(decoded, expected)


def test_each_codec_of_this_project_has_a_file() -> None:
  names = {name.rpartition("_")[0] for name in OF_INTEGERS + OF_FLOATS}
  codecs = {name: registry.find(name) for name in registry.names()}
  ours = {name for name, each in codecs.items() if not isinstance(each, (PillowCodec, Recurrent))}
  assert names == ours
