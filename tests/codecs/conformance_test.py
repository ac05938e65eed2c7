"""The contract of a codec, for every codec that the registry has."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import skimage.data
from PIL import Image

import compression
from compression.codecs import registry
from compression.codecs.base import Codec, MissingCodecError, ProgressiveCodec
from compression.common.errors import CompressionError, ImageError

NAMES = registry.names()
TINY = ((1, 1), (1, 9), (17, 33))
ODD = ((1, 1), (1, 37), (37, 1), (33, 47))


@functools.cache
def find(name: str) -> Codec:
  """One codec for all tests: a network takes seconds to load."""
  return registry.find(name)


def is_progressive(name: str) -> bool:
  """Whether the claims of progressive codecs are made for this one."""
  try:
    return isinstance(registry.find(name), ProgressiveCodec)  # weights are not read for that
  except MissingCodecError:
    return False


@pytest.fixture(scope="module", autouse=True)
def _forget() -> Iterator[None]:
  """TensorFlow's functions complain if they are still there when Python ends."""
  yield
  find.cache_clear()


@pytest.fixture(params=NAMES)
def codec(request: pytest.FixtureRequest) -> Codec:
  """Each that is installed."""
  try:
    return find(request.param)
  except MissingCodecError as error:
    pytest.skip(str(error))


def crop(height: int, width: int) -> np.ndarray:
  """A part of a photo."""
  return np.ascontiguousarray(skimage.data.astronaut()[60 : 60 + height, 180 : 180 + width])


def chosen(codec: Codec) -> list[float]:
  """The ends of the settings and the middle."""
  settings = list(codec.settings)
  return [settings[0], settings[len(settings) // 2], settings[-1]]


@functools.cache
def small_file(name: str) -> bytes:
  """A file of each codec."""
  codec = find(name)
  return codec.compress(crop(17, 33), codec.settings[0])


def files_of_all(names: list[str]) -> dict[str, str]:
  """Digests of the files of some codecs."""
  return {name: hashlib.sha256(small_file(name)).hexdigest() for name in names}


def is_refused(codec: Codec, data: bytes) -> bool:
  """Whether it is, and in one line."""
  try:
    codec.decompress(data)
  except CompressionError as error:
    return bool(str(error)) and "\n" not in str(error)
  return False


def test_images_of_odd_sizes_come_back_at_their_settings(codec: Codec) -> None:
  assert len(codec.settings)
  for height, width in TINY if codec.learned else ODD:
    image = crop(height, width)
    for setting in chosen(codec):
      decoded = codec.decompress(codec.compress(image, setting))
      assert decoded.shape == image.shape and decoded.dtype == np.uint8


def test_what_is_no_image_is_refused_and_nothing_is_cast(codec: Codec) -> None:
  image = crop(4, 5)
  for wrong in (
    image.astype(np.float32),
    (image / 255).tolist(),
    image.tolist(),
    image.astype(np.int64),
    image[..., 0],
    image[:0],
    [[1, 2], [3]],
  ):
    with pytest.raises(ImageError, match=r"^an image is a uint8 array [^\n]* Received: [^\n]*$"):
      codec.compress(wrong, codec.settings[0])  # type: ignore[arg-type]


def test_better_settings_take_no_fewer_bytes(codec: Codec) -> None:
  image = crop(64, 64)
  settings = chosen(codec) if codec.learned else codec.settings  # steps of networks take long
  sizes = [len(codec.compress(image, setting)) for setting in settings]
  assert sizes == sorted(sizes) and sizes[0] < sizes[-1]


def test_another_process_makes_the_same_files() -> None:
  names = []
  for name in NAMES:
    try:
      find(name)
    except MissingCodecError:
      continue
    names.append(name)
  assert names
  root = pathlib.Path(compression.__file__).parents[1]
  code = (
    "import json, sys; from tests.codecs import conformance_test as test;"
    "print(json.dumps(test.files_of_all(json.loads(sys.argv[1]))))"
  )
  command = [sys.executable, "-c", code, json.dumps(names)]
  run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
  assert json.loads(run.stdout.splitlines()[-1]) == files_of_all(names)


def test_cut_files_are_refused(codec: Codec) -> None:
  """Within the first half; of a progressive codec, whose cut files may be of use, the header."""
  data = small_file(codec.name)
  for end in (
    {0, 1, 3, len(data) // 8}
    if isinstance(codec, ProgressiveCodec)
    else {
      0,
      1,
      len(data) // 8,
      len(data) // 2,
    }
  ):
    assert is_refused(codec, data[:end]), end


def test_files_of_others_are_refused(codec: Codec) -> None:
  buffer = io.BytesIO()
  Image.fromarray(crop(8, 8)).save(buffer, "PNG")
  other = "dct" if codec.name != "dct" else "jpeg420"
  for data in (b"", b"a text\n", bytes(1000), buffer.getvalue(), small_file(other)):
    assert is_refused(codec, data)
    assert not codec.recognises(data)


def test_hostile_bytes_are_refused_or_give_an_image(codec: Codec) -> None:
  data = small_file(codec.name)
  rng = np.random.default_rng(0)
  for _ in range(20):
    wrong = bytearray(data)
    for at in rng.integers(0, len(wrong), 3):
      wrong[at] = rng.integers(0, 256)
    try:
      assert codec.decompress(bytes(wrong)).dtype == np.uint8
    except CompressionError as error:
      assert "\n" not in str(error)


def test_a_file_says_what_it_is(codec: Codec) -> None:
  found = codec.describe(small_file(codec.name))
  assert (found.height, found.width) == (17, 33)


@pytest.mark.parametrize("name", [name for name in NAMES if is_progressive(name)])
def test_progressive_files_begin_with_those_of_lower_settings(name: str) -> None:
  codec = find(name)
  assert isinstance(codec, ProgressiveCodec)
  image = crop(17, 33)
  data = codec.compress(image, codec.settings[-1])
  ends, images = codec.ends(data), list(codec.progressive(data))
  assert list(codec.written(data)) == list(codec.settings)
  assert len(ends) == len(images) == len(codec.settings)
  assert ends == sorted(set(ends)) and ends[-1] == len(data)
  for setting in chosen(codec):
    file = codec.prefix(data, setting)
    assert file == codec.compress(image, setting)
    at = list(codec.settings).index(setting)
    assert len(file) == ends[at]
    assert np.abs(codec.decompress(file).astype(int) - images[at]).max() <= 1
