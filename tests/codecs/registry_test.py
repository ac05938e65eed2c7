"""Names and files lead to codecs, or to a line that says what there is."""

from __future__ import annotations

import importlib.metadata
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from compression.codecs import model_folders, registry
from compression.codecs.base import Codec, MissingCodecError, Options
from compression.codecs.pillow import PillowCodec
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.common.errors import CompressionError, FormatError, ModelError
from tests import shared
from tests.codecs.examples import Planes, Quantizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGE = np.random.default_rng(0).integers(0, 256, [13, 17, 3], np.uint8)

MINE = """
from __future__ import annotations
import dataclasses, zlib
import numpy as np
from compression.codecs.base import Codec

@dataclasses.dataclass
class Size:  # looks its own module up
  height: int
  width: int

class Mine(Codec):
  name, settings = "mine", (1, 2)
  def compress(self, image, setting, /):
    return np.array(image.shape[:2], "<u2").tobytes() + zlib.compress(image.tobytes())
  def decompress(self, data, /):
    size = Size(*np.frombuffer(data[:4], "<u2"))
    pixels = np.frombuffer(zlib.decompress(data[4:]), np.uint8)
    return pixels.reshape(size.height, size.width, 3)
"""


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
  """What a test registers is forgotten after it."""
  registry.names()  # all that is ours is registered by now
  monkeypatch.setattr(registry, "_codecs", dict(registry._codecs))
  monkeypatch.setattr(registry, "_model_codecs", dict(registry._model_codecs))


@pytest.fixture(params=["3.9", "3.10"])
def install(
  request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
  """A function that installs entry points, name=value; as Python 3.9 tells them, and as others."""

  class Selectable(list):
    def select(self, group: str) -> list[importlib.metadata.EntryPoint]:
      return [point for point in self if point.group == group]

  def install(**values: str) -> None:
    group = registry.ENTRY_POINTS
    points = [importlib.metadata.EntryPoint(*item, group) for item in values.items()]
    other = importlib.metadata.EntryPoint("not_a_codec", "os:path", "another.group")
    found = {group: points, "another.group": [other]}
    every = found if request.param == "3.9" else Selectable([*points, other])
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda: every)
    registry._entry_points.cache_clear()

  yield install
  monkeypatch.undo()
  registry._entry_points.cache_clear()


# Names.


def test_every_released_model_and_library_has_a_name() -> None:
  names = registry.names()
  assert names[0] == model_folders.models()[0].name
  assert {"residual_gru", "jpeg420", "jpeg444", "webp", "jpeg2000", "avif", "jxl"} < set(names)
  assert isinstance(registry.find("residual_gru"), RecurrentCodec)
  assert isinstance(registry.find("jpeg420"), PillowCodec)


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
  with pytest.raises(ModelError, match="^jpg: no such .*residual_gru.*; other codecs: .*jpeg4"):
    registry.find("jpg")


def test_a_class_is_registered_under_its_name(own: None) -> None:
  assert registry.register(Quantizer) is Quantizer
  registry.register(Quantizer)  # as a module that is imported twice
  assert "quantizer" in registry.names()
  assert isinstance(registry.find("quantizer"), Quantizer)

  class Other(Quantizer):
    pass

  with pytest.raises(CompressionError, match="^two codecs are called quantizer$"):
    registry.register(Other)


def test_a_codec_takes_the_options(own: None) -> None:
  taken = []

  class Choosy(Quantizer):
    name = "choosy"

    def configure(self, options: Options) -> None:
      taken.append(options)

    def recognises(self, data: bytes) -> bool:
      return data == b"choosy"

  registry.register(Choosy)
  options = Options("mixed_bfloat16", 3, "none")
  registry.find("choosy", options)
  registry.find("choosy")
  registry.of_file(b"choosy", options)
  assert taken == [options, Options(), options]


def test_what_is_missing_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
  monkeypatch.setitem(sys.modules, "pillow_jxl", None)
  with pytest.raises(MissingCodecError):
    registry.find("jxl")
  found, missing = registry.find_all(["jxl", "jpeg420", "jpeg420"])
  assert list(found) == ["jpeg420"]
  assert missing == ["jxl needs the package pillow-jxl-plugin"]
  with pytest.raises(CompressionError, match="^no codec is left: jxl needs"):
    registry.find_all(["jxl"])


def test_two_codecs_of_one_name_are_refused(tmp_path: pathlib.Path) -> None:
  folder = tmp_path / "residual_gru"
  shutil.copytree(model_folders.find("residual_gru").folder, folder)
  with pytest.raises(CompressionError, match="another of the codecs is called residual_gru, too"):
    registry.find_all(["residual_gru", str(folder)])


def test_a_folder_names_the_codec_that_its_weights_are_for(
  own: None, tmp_path: pathlib.Path
) -> None:
  (tmp_path / "config.json").write_text('{"codec": "quantum"}')
  with pytest.raises(ModelError, match="is of a codec that is not installed: quantum$"):
    registry.find(tmp_path)

  @registry.register_models("quantum")
  class Quantum(Quantizer):
    def __init__(self, model: model_folders.Model):
      self.name, self.model = model.name, model

  found = registry.find(tmp_path)
  assert isinstance(found, Quantum)
  assert (found.name, found.model.folder) == (tmp_path.name, tmp_path)


# Other packages.


def test_entry_points_are_codecs(install: Callable[..., None]) -> None:
  install(planes="tests.codecs.examples:Planes")
  assert registry.names()[-1] == "planes" and "not_a_codec" not in registry.names()
  assert isinstance(registry.find("planes"), Planes)
  found = registry.of_file(Planes().compress(IMAGE, 2))
  assert isinstance(found, Planes)


def test_a_broken_entry_point_is_one_line_and_hides_nothing(install: Callable[..., None]) -> None:
  install(
    gone="no_such_module:Codec",
    number="math:pi",
    abstract="compression.codecs.base:Codec",
    planes="tests.codecs.examples:Planes",
  )
  for name, message in (
    ("gone", "^gone: no_such_module:Codec cannot be loaded: ModuleNotFoundError: No module"),
    ("number", "^number: is no class that derives from compression.codecs.base.Codec$"),
    ("abstract", "^abstract: TypeError: Can't instantiate abstract class Codec"),
  ):
    with pytest.raises(CompressionError, match=message):
      registry.find(name)
  assert {"gone", "planes", "jpeg420"} < set(registry.names())
  assert isinstance(registry.of_file(Planes().compress(IMAGE, 2)), Planes)
  with pytest.raises(FormatError, match="^no codec knows such a file"):
    registry.of_file(b"what is this?")


# Files of classes.


def test_a_class_in_a_file_is_a_codec(tmp_path: pathlib.Path) -> None:
  (tmp_path / "mine.py").write_text(MINE)
  codec = registry.find(f"{tmp_path}/mine.py:Mine")
  assert isinstance(codec, Codec) and codec.name == "mine"
  np.testing.assert_array_equal(codec.decompress(codec.compress(IMAGE, 1)), IMAGE)
  assert "mine" not in registry.names()


def test_a_file_may_register_its_class_as_well(own: None, tmp_path: pathlib.Path) -> None:
  registering = MINE.replace(
    "class Mine", "from compression import register\n@register\nclass Mine"
  )
  (tmp_path / "mine.py").write_text(registering)
  for name in (f"{tmp_path}/mine.py:Mine", f"{tmp_path}/mine.py:Mine", "mine"):
    assert registry.find(name).name == "mine"


@pytest.mark.parametrize(
  "text,message",
  [
    (None, "mine.py: no such file$"),
    ("", "mine.py: has no Mine$"),
    ("raise ValueError('of two\\nlines')", "mine.py: ValueError: of two$"),
    ("class Mine: name, settings = 'mine', (1,)", "mine.py:Mine: is no class that derives from"),
    ("Mine = 3", "mine.py:Mine: is no class that derives from compression.codecs.base.Codec"),
    ("def Mine(:", "mine.py: SyntaxError: "),
    ("from compression import Codec as Mine", "mine.py:Mine: TypeError: Can't instantiate"),
    (MINE.replace('"mine"', '""'), "mine.py:Mine: has no name$"),
    (MINE.replace("(1, 2)", "()"), "mine.py:Mine: has no settings$"),
    (
      f"{MINE}\n  def __init__(self): raise KeyError('no key')",
      "mine.py:Mine: KeyError: 'no key'$",
    ),
  ],
)
def test_what_is_wrong_in_a_file_is_one_line(
  tmp_path: pathlib.Path, text: str | None, message: str
) -> None:
  if text is not None:
    (tmp_path / "mine.py").write_text(text)
  with pytest.raises(CompressionError, match=message) as error:
    registry.find(f"{tmp_path}/mine.py:Mine")
  assert "\n" not in str(error.value)


# Files that codecs made.


@pytest.mark.parametrize("name", ["jpeg420", "webp", "jpeg2000", "avif"])
def test_a_library_knows_its_files(name: str) -> None:
  try:
    made = registry.find(name)
  except MissingCodecError as error:
    pytest.skip(str(error))
  data = made.compress(IMAGE, made.settings[-1])
  codec = registry.of_file(data)
  np.testing.assert_array_equal(codec.decompress(data), made.decompress(data))


def test_a_network_s_file_names_its_weights() -> None:
  data = shared.mobile().compress(IMAGE, 1)
  codec = registry.of_file(data)
  assert isinstance(codec, RecurrentCodec)
  assert (codec.name, codec.model_id) == ("mobile", shared.mobile().model_id)
  assert registry.of_file(data) is codec  # whose weights are read once
  assert registry.kind_of_file(data) is RecurrentCodec
  with pytest.raises(ModelError, match="^made with model 0102030405060708, which is not among: "):
    registry.of_file(RecurrentCodec.of_network("x", shared.mobile().network, bytes(range(1, 9)))
                     .compress(IMAGE, 1))  # fmt: skip


@pytest.mark.parametrize("data", [b"", b"R", b"\x89PNG\r\n", b"not a photo"])
def test_a_file_of_nobody_is_refused(data: bytes) -> None:
  with pytest.raises(FormatError, match="^no codec knows such a file: it starts with b"):
    registry.of_file(data)


def test_nothing_of_this_needs_tensorflow(tmp_path: pathlib.Path) -> None:
  (tmp_path / "photo.rnic").write_bytes(shared.mobile().compress(IMAGE, 1))
  code = f"""
import sys
from compression.codecs import registry
for name in registry.names():
  try:
    codec = registry.find(name)
  except registry.MissingCodecError:
    continue
  codec.identity, codec.settings
data = open({str(tmp_path / "photo.rnic")!r}, "rb").read()
codec = registry.of_file(data)
codec.describe(data), codec.ends(data), codec.damage(data), codec.prefix(data, 1)
assert codec.name == "mobile"
assert "tensorflow" not in sys.modules
"""
  subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
