"""What becomes of one file: the bytes of the codec, unless they are there."""

from __future__ import annotations

import io
import pathlib

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("apache_beam", reason="Apache Beam is not installed")

from compression.archives.coding import Compress, Decompress
from compression.archives.pipeline import Folder, Report
from compression.codecs import registry
from compression.codecs.base import Options
from compression.common.errors import CompressionError, FormatError, OutputError
from tests import programs

PLANES = f"{programs.ROOT}/tests/codecs/examples.py:Planes"


@pytest.fixture
def source(tmp_path: pathlib.Path, photo: np.ndarray) -> str:
  """The name of a photo."""
  Image.fromarray(photo[:20, :30]).save(tmp_path / "a.b.png")
  return f"{tmp_path}/a.b.png"


def test_a_photo_becomes_a_file_in_its_folder(
  source: str, tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  folder = Folder(f"{tmp_path}/out")
  work = Compress(folder, ".dct", Options(), "dct", ("setting", 20))
  target = work.target("deep/a.b.png")
  assert target == "deep/a.b.dct"
  assert work.do(source, target) == Report(done=1)
  path = tmp_path / "out/deep/a.b.dct"
  assert path.read_bytes() == registry.find("dct").compress(photo[:20, :30], 20)
  with pytest.raises(OutputError, match="a.b.dct: exists already; --overwrite replaces it"):
    work.do(source, target)
  path.write_bytes(b"other")
  again = Compress(folder._replace(skip_existing=True), ".dct", Options(), "dct", None)
  assert again.do(source, target) == Report(skipped=1) and path.read_bytes() == b"other"
  path.write_bytes(b"")  # which is no result
  assert again.do(source, target) == Report(done=1)
  new = Compress(folder._replace(overwrite=True), ".dct", Options(), "dct", None)
  assert new.do(source, target) == Report(done=1)
  assert path.read_bytes() == registry.find("dct").compress(photo[:20, :30], 24)


def test_an_input_is_never_written(source: str, tmp_path: pathlib.Path) -> None:
  work = Compress(Folder(str(tmp_path), overwrite=True), ".png", Options(), "dct", None)
  with pytest.raises(OutputError, match="is the input, too"):
    work.do(source, "a.b.png")


def test_a_file_becomes_a_photo_as_far_as_it_is_whole(
  tmp_path: pathlib.Path, photo: np.ndarray
) -> None:
  codec = registry.find(PLANES)
  data = codec.compress(photo[:20, :30], codec.settings[-1])
  folder = Folder(f"{tmp_path}/out")

  def decompressed(data: bytes, iterations: int | None = None, strict: bool = False) -> np.ndarray:
    work = Decompress(folder, ".png", Options(), PLANES, iterations, strict)
    content, self_damage = work.convert(data, "a")
    assert (self_damage is None) == (codec.damage(data) is None)
    return np.asarray(Image.open(io.BytesIO(content)))

  np.testing.assert_array_equal(decompressed(data), codec.decompress(data))
  images = list(codec.progressive(data))
  np.testing.assert_array_equal(decompressed(data, 2), images[1])
  with pytest.raises(FormatError, match="99 were asked for"):
    decompressed(data, 99)
  dct = registry.find("dct").compress(photo[:20, :30], 24)
  work = Decompress(folder, ".png", Options(), None, None, True)
  np.testing.assert_array_equal(
    np.asarray(Image.open(io.BytesIO(work.convert(dct, "a")[0]))),
    registry.find("dct").decompress(dct),
  )
  with pytest.raises(CompressionError, match="files of dct hold one quality only"):
    Decompress(folder, ".png", Options(), None, 1, True).convert(dct, "a")
