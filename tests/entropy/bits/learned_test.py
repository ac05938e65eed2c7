"""Entropy coder 1: bytes and back, sizes, damaged folders, bytes that are none."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from compression.codecs.recurrent import folders
from compression.common.errors import (
  CompressionError,
  ConfigError,
  FormatError,
  ModelError,
  RangeError,
)
from compression.entropy import range_coder, range_decoder
from compression.entropy.bits import learned
from compression.entropy.fixed_point import probabilities
from compression.formats import rnic
from tests.entropy.bits.examples import make_coder, make_model, random_bits
from tests.entropy.bits.reference import Reference

GOLDEN_FILES = pathlib.Path(__file__).resolve().parents[2] / "golden/files"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  folder = tmp_path_factory.mktemp("made")
  make_coder(make_model(), folder)
  return folder


@pytest.fixture
def folder(made, tmp_path):
  """A copy, which a test may damage."""
  return pathlib.Path(shutil.copytree(made, tmp_path / "coder"))


@pytest.fixture
def coder(folder):
  return learned.load(folder)


def likely_bits(coder, layers, height, width, seed=0):
  """Bits drawn with the model's own probabilities: random bytes, decoded."""
  rng = np.random.default_rng(seed)
  payloads = [rng.bytes(height * width * 8) for _ in range(layers)]
  return coder.decode(payloads, (height, width, 8))


@pytest.mark.parametrize("height, width", [(1, 1), (1, 9), (7, 1), (6, 8), (13, 11)])
@pytest.mark.parametrize("layers", [1, 3, 5])
def test_the_bits_come_back(coder, layers, height, width):
  bits = random_bits(layers, height, width)
  payloads = coder.encode(bits)
  assert len(payloads) == layers
  found = coder.decode(payloads, bits.shape[1:])
  assert found.dtype == bool
  np.testing.assert_array_equal(found, bits)


def test_a_layer_depends_on_earlier_ones_alone(coder):
  bits = random_bits(5, 6, 7)
  payloads = coder.encode(bits)
  assert coder.encode(bits[:3]) == payloads[:3]
  np.testing.assert_array_equal(coder.decode(payloads[:3], bits.shape[1:]), bits[:3])


def test_the_size_is_the_estimate(coder):
  bits = likely_bits(coder, 5, 40, 40)
  estimates = coder.code_lengths(bits) / 8
  assert (estimates < 0.97 * bits[0].size / 8).all()
  for payload, estimate in zip(coder.encode(bits), estimates):
    assert abs(len(payload) - estimate) <= 0.005 * estimate + 64


def test_tensorflow_decodes_the_same_file(coder, folder):
  bits = likely_bits(coder, 3, 5, 6)
  payloads = coder.encode(bits)
  config, arrays = make_model().config, dict(np.load(folder / learned.WEIGHTS_FILE))
  lookup = range_coder.make_lookup(arrays["probabilities"])

  def reader(payload):
    handle = range_coder.start_decoding(lookup, payload)

    def read(indexes):
      nonlocal handle
      handle, found = range_coder.decode(handle, indexes)
      return found.numpy()

    return read

  found = Reference(config, arrays).decode(bits.shape[1:], map(reader, payloads))
  np.testing.assert_array_equal(list(found), bits)


def test_any_bytes_decode_to_some_bits(coder):
  rng = np.random.default_rng(0)
  for size in (1, 10, 1000):
    assert coder.decode([rng.bytes(size)] * 2, (4, 5, 8)).shape == (2, 4, 5, 8)


def test_other_layers_than_those_it_knows_are_refused(coder):
  with pytest.raises(RangeError, match="knows 5 layers of 8 bits; here are 6 of 8"):
    coder.encode(random_bits(6, 2, 2))
  with pytest.raises(RangeError, match="here are 2 of 4"):
    coder.encode(random_bits(2, 2, 2, depth=4))
  with pytest.raises(FormatError, match="here are 6 of 8"):
    coder.decode([b"x"] * 6, (2, 2, 8))


def test_a_large_image_in_few_bytes_is_refused_before_it_is_decoded(coder):
  with pytest.raises(FormatError, match="layer 2 has 3 bytes, too few for so large an image"):
    coder.decode([bytes(10**7), b"abc"], (10**4, 10**4, 8))


def test_the_shortest_layer_is_as_short_as_allowed(coder):
  # All of its bits are as likely as can be.
  count = 100 * 100 * 8
  nothing = np.zeros(count, np.int32)
  lookup = range_coder.make_lookup(probabilities()[:1])
  payload = range_coder.encode(lookup, nothing, nothing)
  assert coder.decode([payload], (100, 100, 8)).shape == (1, 100, 100, 8)
  with pytest.raises(FormatError, match="too few"):
    coder.decode([payload[: len(payload) * 9 // 10]], (100, 100, 8))


def test_the_memory_grows_with_the_image(coder):
  small, large = (coder.memory_bytes(5, (side, side, 8)) for side in (10, 1000))
  assert large == 10**4 * small > 5 * 8 * 10**6


# Without TensorFlow


def test_without_the_ops_the_same_bits_are_decoded_and_none_are_encoded(coder, folder):
  plain = learned.load(folder, range_decoder)
  bits = likely_bits(coder, 5, 13, 11)
  payloads = coder.encode(bits)
  np.testing.assert_array_equal(plain.decode(payloads, bits.shape[1:]), bits)
  damaged = [payload[: len(payload) // 2] + b"?" for payload in payloads]
  np.testing.assert_array_equal(
    plain.decode(damaged, bits.shape[1:]), coder.decode(damaged, bits.shape[1:])
  )
  np.testing.assert_allclose(plain.code_lengths(bits), coder.code_lengths(bits), rtol=1e-12)
  with pytest.raises(CompressionError, match="entropy coding needs TensorFlow"):
    plain.encode(bits)


# A process that cannot import TensorFlow decodes a file; it prints what happens when it encodes.
_DECODE = """
import pathlib, sys

class Blocked:
  def find_spec(self, name, path=None, target=None):
    if name.partition(".")[0] in ("tensorflow", "keras", "tensorflow_compression"):
      raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Blocked())
import numpy as np
from compression.formats import rnic
from compression.entropy.bits import learned
from compression.common.errors import CompressionError

folder, file, output = map(pathlib.Path, sys.argv[1:])
coder = learned.load(folder)
contents = rnic.read(file.read_bytes())
header = contents.header
assert (header.entropy_coder, header.tables_id) == (coder.coder_id, coder.tables_id)
bits = coder.decode(contents.payloads, (header.blocks_high, header.blocks_wide, 32))
np.save(output, bits)
try:
  coder.encode(bits)
except CompressionError as error:
  print(error)
"""


def test_where_tensorflow_is_not_installed_a_file_of_the_released_model_decodes(tmp_path):
  file = GOLDEN_FILES / "residual_gru_16.rnic"
  model = folders.find_by_id(rnic.read_header(file.read_bytes()).model_id)
  folder = folders.entropy_coder_folder(model)
  done = subprocess.run(
    [sys.executable, "-c", _DECODE, folder, file, tmp_path / "bits.npy"],
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  assert done.stdout == "entropy coding needs TensorFlow; without it files are only decoded\n"
  found = np.load(tmp_path / "bits.npy")
  expected = learned.load(folder).decode(rnic.read(file.read_bytes()).payloads, (4, 5, 32))
  assert found.shape == (16, 4, 5, 32)
  np.testing.assert_array_equal(found, expected)


def test_importing_it_imports_no_tensorflow():
  script = "import sys, compression.entropy.bits.learned; sys.exit('tensorflow' in sys.modules)"
  assert subprocess.run([sys.executable, "-c", script]).returncode == 0


# Files


def test_the_version_is_that_of_the_tables(folder, coder):
  assert 0 < coder.tables_id < 2**16
  assert learned.load(folder).tables_id == coder.tables_id
  arrays = dict(np.load(folder / learned.WEIGHTS_FILE))
  arrays["probabilities"][7] += 1
  np.savez(folder / learned.WEIGHTS_FILE, **arrays)
  assert learned.load(folder).tables_id != coder.tables_id


def test_the_version_is_that_of_the_configuration_as_saved(folder):
  version = learned.load(folder).tables_id
  values = json.loads((folder / learned.CONFIG_FILE).read_text())
  assert values["config"].pop("raster_layers") == 1  # the default, as a later setting's would be
  (folder / learned.CONFIG_FILE).write_text(json.dumps(values))
  without = learned.load(folder).tables_id
  values["config"]["raster_layers"] = 1
  (folder / learned.CONFIG_FILE).write_text(json.dumps(values))
  assert learned.load(folder).tables_id == version != without


@pytest.mark.parametrize(
  "text, error, message",
  [
    ("{", ConfigError, "is not JSON"),
    ('{"model": "zip", "config": {}}', ConfigError, "probability model 'zip' is unknown; known: i"),
    ('{"model": "interlaced", "config": {"depth": 3}}', ConfigError, "unknown key 'depth'"),
    ('{"model": "interlaced", "colour": 3}', ConfigError, "unknown key 'colour'"),
    ('{"model": "interlaced"}', ModelError, "weights.npz: does not fit config.json"),
  ],
)
def test_a_configuration_that_is_wrong(folder, text, error, message):
  (folder / learned.CONFIG_FILE).write_text(text)
  with pytest.raises(error, match=message):
    learned.load(folder)


def test_weights_that_are_damaged(folder):
  file = folder / learned.WEIGHTS_FILE
  whole = file.read_bytes()
  for damaged in (b"", whole[:1000], b"x" * 100):
    file.write_bytes(damaged)
    with pytest.raises(ModelError, match="weights.npz: is not an archive of weights"):
      learned.load(folder)
  np.savez(file, weights=np.zeros(3))
  with pytest.raises(ModelError, match="weights does not hold integers"):
    learned.load(folder)
  file.unlink()
  with pytest.raises(ModelError, match="weights.npz"):
    learned.load(folder)


@pytest.mark.parametrize("name", ["probabilities", "kernels1/hidden/kernel", "biases4/state"])
def test_weights_that_are_missing(folder, name):
  arrays = dict(np.load(folder / learned.WEIGHTS_FILE))
  del arrays[name]
  np.savez(folder / learned.WEIGHTS_FILE, **arrays)
  with pytest.raises(ModelError, match="weights.npz: does not fit config.json"):
    learned.load(folder)


def test_the_configuration_is_what_was_saved(folder):
  values = json.loads((folder / learned.CONFIG_FILE).read_text())
  assert values == {"model": "interlaced", "config": make_model().config.to_dict()}
