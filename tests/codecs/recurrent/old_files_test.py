"""Files that earlier versions of this project wrote: the same bits for ever, and the same pixels.

`tests/golden/files` holds them, those of 2017's networks from before codecs had a contract of their
own; `facts.json` tells what was in each, and the PNG files what it looked like: every n-th pixel of
every n-th row.
"""

from __future__ import annotations

import functools
import hashlib
import json
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image

from compression.codecs import model_folders
from compression.codecs.recurrent import folders
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.formats import rnic
from tests.near import assert_near_pixels

FILES = pathlib.Path(__file__).resolve().parents[2] / "golden/files"
FACTS = json.loads((FILES / "facts.json").read_text())


@pytest.fixture(params=sorted(FACTS))
def name(request: pytest.FixtureRequest) -> str:
  return request.param


@pytest.fixture
def facts(name: str) -> dict:
  return FACTS[name]


@pytest.fixture
def data(name: str) -> bytes:
  return (FILES / f"{name}.rnic").read_bytes()


@pytest.fixture(scope="module")
def load() -> Iterator[Callable[[str], RecurrentCodec]]:
  """The codec of an id, released now or before, loaded when it is first needed."""

  @functools.cache
  def cached(model_id: str) -> RecurrentCodec:
    return RecurrentCodec(folders.find_by_id(bytes.fromhex(model_id)))

  yield cached
  cached.cache_clear()


@pytest.fixture
def codec(facts: dict, load: Callable[[str], RecurrentCodec]) -> RecurrentCodec:
  return load(facts["model_id"])


def test_there_are_files_of_each_kind() -> None:
  assert {facts["model"] for facts in FACTS.values()} == {each.name for each in folders.released()}
  assert {bool(facts["tile"]) for facts in FACTS.values()} == {True, False}
  ids = {facts["model_id"] for facts in FACTS.values()}
  models = [*folders.released(), *model_folders.earlier()]
  assert ids == {folders.model_id(model).hex() for model in models}, "a model lacks a file"
  headers = [rnic.read_header((FILES / f"{name}.rnic").read_bytes()) for name in FACTS]
  assert {header.entropy_coder for header in headers} == set(rnic.ENTROPY_CODERS)


def test_the_models_have_kept_their_ids(facts: dict, data: bytes, codec: RecurrentCodec) -> None:
  assert rnic.read_header(data).model_id.hex() == facts["model_id"] == codec.model_id.hex()


def test_the_bits_are_those_of_then(facts: dict, data: bytes, codec: RecurrentCodec) -> None:
  header = rnic.read_header(data)
  assert [header.height, header.width, 3] == facts["shape"]
  assert header.tile == facts["tile"]
  coder = codec.entropy_coder(rnic.ENTROPY_CODERS[header.entropy_coder])
  assert coder.tables_id == header.tables_id
  shape = (header.blocks_high, header.blocks_wide, codec.config.bits)
  bits = coder.decode(rnic.read(data).payloads, shape)
  assert bits.shape == (facts["iterations"], *shape)
  assert hashlib.sha256(np.packbits(bits).tobytes()).hexdigest() == facts["bits_sha256"]


def test_the_pixels_are_those_of_then(
  name: str, facts: dict, data: bytes, codec: RecurrentCodec
) -> None:
  image = codec.decompress(data)
  assert list(image.shape) == facts["shape"]
  every = facts["every"]
  with Image.open(FILES / f"{name}.png") as then:
    assert_near_pixels(image[::every, ::every], np.asarray(then))
