"""Claims about `tools/tflite_decode.py`: the images of the API, in a process without TensorFlow."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

import compression
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.tiling import Tiling
from compression.exporting import tflite
from compression.formats import rnic
from tests import programs
from tests.entropy.bits.examples import make_coder, make_model
from tests.exporting.examples import small_codec
from tests.near import assert_near_pixels

ROOT = pathlib.Path(__file__).parents[2]
TOOL = ROOT / "tools" / "tflite_decode.py"
BITS = 8

TENSORFLOW = ("tensorflow", "keras", "tensorflow_compression")
RUNTIMES = ("ai_edge_litert", "tflite_runtime")

# Runs a program where some packages, by their names in $BLOCKED, are not installed.
RUN = """
import os, runpy, sys

class Blocked:
  def find_spec(self, name, path=None, target=None):
    if name.partition(".")[0] in os.environ["BLOCKED"].split():
      raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Blocked())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Result(NamedTuple):
  """What a program left."""

  status: int
  out: str
  err: str

  def fails(self, *words: str, status: int = 1) -> None:
    """Asserts a failure as it has to be: the status, and one line with these words."""
    assert (self.status, self.out) == (status, ""), self
    assert self.err.startswith("error: ") and self.err.count("\n") == 1, self.err
    for word in words:
      assert word in self.err, (word, self.err)


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: pathlib.Path) -> Run:
  """Runs the tool in an empty folder, as from a checkout: this package is not installed there.

  (An editable installation is made by `site`, which -S leaves out.)
  """

  def run(*arguments: object, blocked: tuple[str, ...] = TENSORFLOW) -> Result:
    packages = pathlib.Path(np.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(packages), "BLOCKED": " ".join(blocked)}
    done = subprocess.run(
      [sys.executable, "-S", "-c", RUN, str(TOOL), *map(str, arguments)],
      cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)

  return run


@pytest.fixture
def refused(tmp_path: pathlib.Path) -> Run:
  """As `run`, sooner: in this process, where what is said of wrong files and flags is the same."""

  def refused(*arguments: object) -> Result:
    return Result(*programs.call("tools/tflite_decode.py", tmp_path, *map(str, arguments)))

  return refused


class Exported(NamedTuple):
  """A codec and the folder `tflite` of its export."""

  codec: RecurrentCodec
  folder: pathlib.Path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
  """A small model with an entropy coder, neither of them trained."""
  folder = tmp_path_factory.mktemp("small")
  codec = small_codec(bits=BITS)
  codec.coder_folder = folder / "coder"
  make_coder(make_model(layer_depth=BITS), codec.coder_folder)
  tflite.export(codec, folder, ["float32"])
  return Exported(codec, folder / "tflite")


@pytest.fixture
def crop(photo: np.ndarray) -> np.ndarray:
  """No multiple of a block high nor wide."""
  return np.ascontiguousarray(photo[100:145, 200:273])


@pytest.fixture
def file(exported: Exported, crop: np.ndarray, tmp_path: pathlib.Path) -> pathlib.Path:
  """Three iterations."""
  path = tmp_path / "photo.rnic"
  path.write_bytes(exported.codec.compress(crop, 3))
  return path


def images(folder: pathlib.Path) -> dict[str, np.ndarray]:
  """The images there, by name."""
  return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))}


def assert_as_the_api(
  found: dict[str, np.ndarray], codec: RecurrentCodec, data: bytes, count: int
) -> None:
  """The images of iterations 1 to `count`, up to rounding."""
  assert list(found) == [f"photo_{number:02d}.png" for number in range(1, count + 1)]
  for image, expected in zip(found.values(), codec.progressive(data)):
    assert_near_pixels(image, expected)


def forged(data: bytes, **fields: object) -> bytes:
  """The file with other header fields and checksums that fit."""
  header, payloads, *_ = rnic.read(data)
  return rnic.write(header._replace(**fields), payloads)


# Images


def test_the_images_are_those_of_the_api(run, exported, file):
  done = run(file, f"--decoder={exported.folder}", "--threads=2")
  assert done.status == 0, done.err
  found = images(file.parent)
  assert_as_the_api(found, exported.codec, file.read_bytes(), 3)
  assert done.out.splitlines() == [
    f"{file} -> {file.parent / name}: iteration {number} of 3"
    for number, name in enumerate(found, 1)
  ]


@pytest.mark.parametrize("height, width", [(1, 1), (16, 33)])
def test_images_of_all_sizes_and_without_entropy_coding(
  run, exported, photo, tmp_path, height, width
):
  data = exported.codec.compress(photo[:height, :width], 2, entropy_coder="none")
  (tmp_path / "photo.rnic").write_bytes(data)
  arguments = ["photo.rnic", f"--decoder={exported.folder}", "--output_dir=a/b", "--iterations=1"]
  assert run(*arguments).status == 0
  assert_as_the_api(images(tmp_path / "a/b"), exported.codec, data, 1)


def test_images_in_tiles(run, exported, photo, tmp_path, monkeypatch):
  monkeypatch.setattr(exported.codec, "_tiling", lambda image: Tiling(3, 2))
  data = exported.codec.compress(photo[:100, :150], 3)
  assert rnic.read_header(data).tile == 3
  (tmp_path / "photo.rnic").write_bytes(data)
  assert run("photo.rnic", f"--decoder={exported.folder}").status == 0
  assert_as_the_api(images(tmp_path), exported.codec, data, 3)


def test_a_cut_file_gives_the_iterations_that_are_whole(run, exported, file):
  data = file.read_bytes()
  file.write_bytes(data[:-1])
  done = run(file, f"--decoder={exported.folder}")
  assert done.status == 0
  assert f"warning: {file}: cut short: 2 of 3 layers are whole\n" in done.err
  assert_as_the_api(images(file.parent), exported.codec, data, 2)


@pytest.mark.slow
def test_tensorflows_own_interpreter_will_do(run, exported, file):
  done = run(file, f"--decoder={exported.folder}", "--iterations=1", blocked=RUNTIMES)
  assert done.status == 0, done.err
  assert_as_the_api(images(file.parent), exported.codec, file.read_bytes(), 1)


@pytest.mark.slow
def test_the_released_model_on_a_photo(run, photo, tmp_path):
  codec = compression.load("mobile")
  tflite.export(codec, tmp_path, ["float32"])
  data = codec.compress(photo[:150, 170:400], 16)
  (tmp_path / "photo.rnic").write_bytes(data)
  assert run("photo.rnic", "--decoder=tflite").status == 0
  assert_as_the_api(images(tmp_path), codec, data, 16)


# Errors


def test_nothing_is_overwritten_without_being_asked(run, exported, file):
  last = file.parent / "photo_03.png"
  last.write_bytes(b"precious")
  run(file, f"--decoder={exported.folder}").fails("photo_03.png: exists already; --overwrite")
  assert last.read_bytes() == b"precious"
  assert not (file.parent / "photo_01.png").exists()
  assert run(file, f"--decoder={exported.folder}", "--overwrite").status == 0
  assert images(file.parent)["photo_03.png"].shape == (45, 73, 3)


def test_where_there_is_no_runtime_it_is_named(run, exported, file):
  done = run(file, f"--decoder={exported.folder}", blocked=TENSORFLOW + RUNTIMES)
  done.fails("TensorFlow Lite is not installed", "ai-edge-litert")


def test_files_that_do_not_fit(refused, exported, file):
  data = file.read_bytes()
  flag = f"--decoder={exported.folder}"
  tables = rnic.read_header(data).tables_id
  ends = rnic.layer_ends(data)
  flipped = bytearray(data)
  flipped[ends[1] + 8] ^= 1
  for content, *words in (
    (b"", "not an .rnic file"),
    (data[:20], "cut short in the header"),
    (data[: ends[0] - 1], "no layer is whole"),
    (bytes(flipped), "layer 3 of 3 is damaged", "only with --iterations=2 or less"),
    (forged(data, model_id=bytes(8)), f"made with model {'0' * 16}; this is the decoder of small"),
    (forged(data, tables_id=tables ^ 1), "entropy coder of small", f"this is version {tables:04x}"),
    (forged(data, height=2**15, width=2**15), "too few for so large an image"),
    (forged(data, height=2**15, width=2**15, tile=3, halo=2), "GiB to decode"),
  ):
    file.write_bytes(content)
    refused(file, flag).fails(f"error: {file}: ", *words)
  file.write_bytes(bytes(flipped))
  refused(file, flag, "--iterations=3").fails(
    "3 iterations were asked for; layer 3 of 3 is damaged"
  )
  refused(file, flag, "--iterations=4").fails("has 3 iterations; 4 were asked for")
  refused("none.rnic", flag).fails("none.rnic: no such file")
  assert images(file.parent) == {}
  assert refused(file, flag, "--iterations=2").status == 0


def test_folders_that_do_not_fit(refused, exported, file, tmp_path):
  folder = tmp_path / "tflite"
  refused(file, f"--decoder={folder}").fails("decoder.json: cannot be read")
  shutil.copytree(exported.folder, folder)
  (folder / "decoder_int8.tflite").write_bytes(b"not one")
  refused(file, f"--decoder={folder}", "--variant=int4").fails("'int4'; there are: float32, int8")
  refused(file, f"--decoder={folder}", "--variant=int8").fails("int8.tflite: cannot be loaded")
  description = (folder / "decoder.json").read_text()
  (folder / "decoder.json").write_text(description.replace('"depth": 16', '"depth": 17'))
  refused(file, f"--decoder={folder}").fails("does not fit decoder.json")
  (folder / "decoder.json").write_text("{}")
  refused(file, f"--decoder={folder}").fails("decoder.json: is damaged")
  (folder / "decoder.json").write_text(description)
  shutil.rmtree(folder / "entropy_coder")
  refused(file, f"--decoder={folder}").fails("entropy_coder/config.json: cannot be read")


def test_wrong_usage(refused, exported, file):
  refused(file).fails("--decoder is missing", status=2)
  refused(f"--decoder={exported.folder}").fails("name one .rnic file", status=2)
  refused(file, file, f"--decoder={exported.folder}").fails("name one .rnic file", status=2)
  refused("-", f"--decoder={exported.folder}").fails("name one .rnic file", status=2)


def test_help_needs_no_runtime(run):
  done = run("--help", blocked=TENSORFLOW + RUNTIMES)
  assert (done.status, done.err) == (0, "")
  assert "--variant" in done.out
