"""The exported page: what it says of the networks is so."""

from __future__ import annotations

import json
import pathlib
import shutil
import struct

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from compression.codecs.recurrent import litert
from compression.codecs.recurrent.codec import RecurrentCodec
from compression.codecs.recurrent.config import UNITS
from compression.common.errors import ModelError, OutputError
from compression.entropy.bits import learned
from compression.entropy.bits.configs import ProgressiveConfig
from compression.entropy.bits.networks import arrays_of, make
from compression.exporting import WEB_FOLDER, tflite, tflite_player, web, web_files
from tests.entropy.bits.examples import make_coder, make_model
from tests.exporting.examples import small_codec


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
  """Some files in place of LiteRT.js, which is looked at in `web_files_test` and in browsers."""
  files = {"litert.js": b"export {};\n", "litert.wasm": b"\0asm"}
  monkeypatch.setattr(web_files, "runtime", lambda: files)
  return files


def _export(codec: RecurrentCodec, folder: pathlib.Path, variant: str = "float32") -> pathlib.Path:
  web.export(codec, folder, variant)
  return folder / WEB_FOLDER


def test_the_folder_has_all_that_a_server_needs(
  tmp_path: pathlib.Path, runtime: dict[str, bytes]
) -> None:
  codec = small_codec(bits=8)
  codec.coder_folder = tmp_path / "coder"
  coder = make_coder(make_model(layer_depth=8), codec.coder_folder)
  folder = _export(codec, tmp_path)
  for file in web_files.page():
    assert (folder / file.name).read_bytes() == file.read_bytes()
  for name, content in runtime.items():
    assert (folder / "runtime" / name).read_bytes() == content
  assert sorted(path.name for path in (folder / "model").iterdir()) == [
    "decoder.json",
    "decoder.tflite",
    "encoder.json",
    "encoder.tflite",
    "entropy_coder",
  ]
  assert (folder / "model/entropy_coder/weights.npz").is_file()
  found = json.loads((folder / "model/decoder.json").read_text())
  assert found["model_id"] == codec.model_id.hex()
  assert found["tables_id"] == coder.tables_id
  assert found["bits"] == 8 and found["iterations"] == codec.config.iterations


@pytest.mark.parametrize("framework", ["one_shot", "additive"])
def test_the_network_takes_the_size_that_is_written_into_it(
  tmp_path: pathlib.Path, runtime: dict[str, bytes], framework: str
) -> None:
  """Loaded then, it needs no resizing, and its images are those of a network that was resized."""
  codec = small_codec(framework=framework)
  model = _export(codec, tmp_path) / "model"
  description = json.loads((model / "decoder.json").read_text())
  states = [litert.State(**state) for state in description["states"]]
  assert len({each["offset"] for each in description["shapes"]}) == 4 * len(states) + 4
  for high, wide in ((3, 5), (4, 4)):
    content = bytearray((model / "decoder.tflite").read_bytes())
    for each in description["shapes"]:
      sides = high * each["scale"], wide * each["scale"]
      struct.pack_into("<2i", content, each["offset"], *sides)
    loaded = Interpreter(model_content=bytes(content))
    runner = loaded.get_signature_runner()
    bits = np.random.default_rng(high).random([3, high, wide, codec.config.bits]) < 0.5
    zeros = litert.zero_states(states, high, wide)
    before = {name: list(each["shape"]) for name, each in runner.get_input_details().items()}
    assert before.pop("bits") == [1, *bits.shape[1:]]
    assert before == {name: list(values.shape) for name, values in zeros.items()}
    after = {name: list(each["shape"]) for name, each in runner.get_output_details().items()}
    assert after == {**before, "image": [1, 16 * high, 16 * wide, 3]}
    found = list(litert.play(runner, bits, zeros))
    resized = tflite_player.load(model / "decoder.tflite")
    np.testing.assert_array_equal(found, list(litert.play(resized, bits, zeros)))


@pytest.mark.parametrize("unit", UNITS)
def test_an_iteration_looks_no_further_than_it_is_said_to(unit: str) -> None:
  codec = small_codec(unit=unit)
  step = tflite.DecoderStep(codec)
  given = litert.State("bits", 16, codec.config.bits)
  reach = web.reach(step.decode_step, given, step.states)
  assert reach in (2, 3)
  side = 2 * reach + 3
  rng = np.random.default_rng(6)
  inputs = {
    name: rng.uniform(-1, 1, values.shape).astype(np.float32)
    for name, values in litert.zero_states(step.states, side, side).items()
  }
  inputs["bits"] = rng.uniform(-1, 1, [1, side, side, codec.config.bits]).astype(np.float32)

  def middle(far: float, first: int) -> dict[str, np.ndarray]:
    """The outputs in the middle block, where all blocks from `first` on are changed by `far`."""
    changed = {}
    for name, values in inputs.items():
      scale = values.shape[1] // side
      changed[name] = values.copy()
      changed[name][:, :, (side // 2 + first) * scale :] += far
    out = step.decode_step(**changed)
    places = {name: values.shape[1] // side for name, values in out.items()}
    return {
      name: values.numpy()[
        :, side // 2 * n : (side // 2 + 1) * n, side // 2 * n : (side // 2 + 1) * n
      ]
      for (name, values), n in zip(out.items(), places.values())
    }

  before = middle(0, reach + 1)
  for name, values in middle(5, reach + 1).items():
    np.testing.assert_array_equal(values, before[name], name)
  changed = middle(5, reach)
  assert any((values != before[name]).any() for name, values in changed.items())


def test_a_model_without_an_entropy_coder_and_in_8_bits(
  tmp_path: pathlib.Path, runtime: dict[str, bytes]
) -> None:
  model = _export(small_codec(unit="gru"), tmp_path, "dynamic") / "model"
  found = json.loads((model / "decoder.json").read_text())
  assert found["reach"] in (2, 3) and found["tables_id"] == 0
  assert not (model / "entropy_coder").exists()


def test_a_decoder_in_int8_that_the_model_has_is_taken_as_it_is(
  tmp_path: pathlib.Path, runtime: dict[str, bytes]
) -> None:
  codec = small_codec()
  codec.folder = tmp_path / "of_the_model"
  (codec.folder / litert.FOLDER).mkdir(parents=True)
  tflite.export_int8(codec, codec.folder / litert.FOLDER, [np.zeros([32, 32, 3], np.uint8)])
  networks = (codec.folder / litert.FOLDER / litert.NETWORKS).read_bytes()
  model = _export(codec, tmp_path, "dynamic") / "model"
  assert (model / "decoder.tflite").read_bytes() == networks
  shutil.rmtree(model.parent)
  codec.model_id = b"weights2"
  with pytest.raises(ModelError, match="the weights are 7765696768747332;.* makes it anew"):
    _export(codec, tmp_path, "dynamic")
  assert not (tmp_path / WEB_FOLDER).exists()


def test_an_entropy_coder_that_the_page_does_not_know_is_refused(
  tmp_path: pathlib.Path, runtime: dict[str, bytes]
) -> None:
  codec = small_codec(bits=8)
  config = ProgressiveConfig(layer_depth=8, layer_count=2)
  learned.save(tmp_path / "coder", "progressive", config, arrays_of(make("progressive", config)))
  codec.coder_folder = tmp_path / "coder"
  with pytest.raises(ModelError, match="^small: the page knows no entropy coder 'progressive'$"):
    web.export(codec, tmp_path, "float32")
  assert not (tmp_path / WEB_FOLDER).exists()


def test_gains_that_cover_more_than_a_block_are_refused(
  tmp_path: pathlib.Path, runtime: dict[str, bytes]
) -> None:
  with pytest.raises(ModelError, match="^small: the page runs no networks of residual_scaling$"):
    web.export(small_codec(framework="residual_scaling"), tmp_path, "float32")
  assert not (tmp_path / WEB_FOLDER).exists()


def test_a_folder_that_cannot_be_written_is_one_line(
  tmp_path: pathlib.Path, runtime: dict[str, bytes]
) -> None:
  with pytest.raises(OutputError, match="cannot be written"):
    web.export(small_codec(), tmp_path / "gone", "float32")
