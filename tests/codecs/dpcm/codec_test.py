"""Both DPCM codecs: no loss at step 1, errors of no more than the step, and refused files."""

from __future__ import annotations

import io
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import compression
from compression.codecs import registry
from compression.codecs.base import Codec
from compression.codecs.dpcm.codec import DPCM, DPCMNetwork, steps_of
from compression.codecs.model_folders import Model
from compression.common.errors import FormatError, ModelError, RangeError
from compression.entropy.symbols import Encoder
from compression.formats.stepped import HEADER_BYTES
from compression.images.colour import to_ycocg
from tests.codecs.dpcm.examples import write_model

SHAPES = [(1, 1), (1, 19), (19, 1), (2, 2), (33, 47)]


@pytest.fixture(params=["dpcm", "dpcm_mlp"])
def codec(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Codec:
  """Each, the second with weights that nothing trained."""
  if request.param == "dpcm":
    return DPCM()
  return DPCMNetwork(Model("random", write_model(tmp_path / "random")))


@pytest.mark.parametrize("shape", SHAPES)
def test_step_1_loses_nothing(codec, shape, photo):
  noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
  for image in (photo[100 : 100 + shape[0], 200 : 200 + shape[1]], noise, noise // 255 * 255):
    np.testing.assert_array_equal(codec.decompress(codec.compress(image, 1)), image)


@pytest.mark.parametrize("step", [2, 3, 16, 64, 65535])
def test_errors_are_at_most_half_a_step(codec, step, odd_photo):
  """Errors are those of Y, Co and Cg before they end in RGB, where a pixel may be cut to 0..255."""
  image = odd_photo[:40, :50]
  decoded = codec.decompress(codec.compress(image, step))
  errors = np.abs(decoded.astype(int) - image)
  light, orange, green = steps_of(step) // 2
  assert errors.max() <= light + orange + green
  if step > 16:
    return
  inside = ((decoded > 0) & (decoded < 255)).all(-1)
  for plane, other, most in zip(to_ycocg(image), to_ycocg(decoded), steps_of(step) // 2):
    assert np.abs(plane - other)[inside].max() <= most


def test_photos_take_a_sixth_less_than_png(odd_photo):
  buffer = io.BytesIO()
  Image.fromarray(odd_photo).save(buffer, "PNG", optimize=True)
  assert len(DPCM().compress(odd_photo, 1)) < 0.83 * len(buffer.getvalue())


@pytest.mark.parametrize("kind", ["Nehalem", "Haswell", "SkylakeX"])
def test_files_are_the_same_on_other_instruction_sets_and_threads(kind, tmp_path, odd_photo):
  """OpenBLAS multiplies matrices with the instructions of the processor that it is told of."""
  np.save(tmp_path / "image.npy", odd_photo)
  code = (
    "import sys, numpy as np; from compression.codecs import registry;"
    "image = np.load(sys.argv[1]);"
    "codec = registry.find('dpcm_mlp'); data = codec.compress(image, 3);"
    "sys.stdout.buffer.write(data + codec.decompress(data).tobytes())"
  )
  root = pathlib.Path(compression.__file__).parents[1]
  command = [sys.executable, "-c", code, str(tmp_path / "image.npy")]
  environment = {**os.environ, "OPENBLAS_CORETYPE": kind, "OPENBLAS_NUM_THREADS": "2"}
  run = subprocess.run(command, cwd=root, capture_output=True, env=environment)
  if run.returncode in (-4, -11):  # illegal instruction
    pytest.skip(f"this processor has not the instructions of {kind}")
  codec = registry.find("dpcm_mlp")
  data = codec.compress(odd_photo, 3)
  assert run.stdout == data + codec.decompress(data).tobytes(), run.stderr.decode()


def test_changed_payloads_with_a_right_checksum_end_in_one_line_or_an_image(codec, odd_photo):
  data = codec.compress(odd_photo[:12, :16], 8)
  payload = data[HEADER_BYTES:]
  refused = 0
  for at in range(0, len(payload), 3):
    wrong = bytearray(payload)
    wrong[at] ^= 0x55
    try:
      changed = codec.file_format.write(12, 16, 8, bytes(wrong))
      assert codec.decompress(changed).shape == (12, 16, 3)
    except (FormatError, ModelError) as error:
      refused += "\n" not in str(error)
  assert refused > len(payload) / 6


def test_cut_payloads_and_steps_in_parts_are_refused(codec, odd_photo):
  payload = codec.compress(odd_photo[:12, :16], 8)[HEADER_BYTES:]
  for end in range(0, len(payload), 5):
    with pytest.raises((FormatError, ModelError), match="^[^\n]+$"):
      codec.decompress(codec.file_format.write(12, 16, 8, payload[:end]))
  with pytest.raises(FormatError, match="too many or too few"):
    codec.decompress(codec.file_format.write(12, 16, 8, payload + b"\0"))
  with pytest.raises(RangeError, match="multiples of 1 below 65536"):
    codec.compress(odd_photo, 1.5)


def test_a_file_says_which_network_made_it(tmp_path, odd_photo):
  first, second = (
    DPCMNetwork(Model(name, write_model(tmp_path / name, seed)))
    for seed, name in enumerate(("first", "second"))
  )
  data = first.compress(odd_photo[:9, :9], 4)
  with pytest.raises(ModelError, match="made with model .*; this is second"):
    second.decompress(data)
  with pytest.raises(ModelError, match="which is not installed"):
    registry.of_file(data)
  assert DPCMNetwork.describe(data).rows == [("step", "4"), ("model", "not installed")]


def test_the_released_network_is_found_by_its_files_and_beats_the_perceptron(photo):
  codec = registry.find("dpcm_mlp")
  image = photo[:256, :256]
  data = codec.compress(image, 1)
  assert registry.of_file(data).name == "dpcm_mlp"
  assert len(data) < len(DPCM().compress(image, 1))


def test_residuals_that_no_image_has_are_refused():
  predictor = DPCM().compress(np.zeros([1, 1, 3], np.uint8), 1)[HEADER_BYTES:]
  from compression.codecs.dpcm.codec import _tables
  from compression.codecs.dpcm.perceptron import BYTES

  encoder, tables = Encoder(), _tables()
  for context in (0, 19, 38):
    encoder.encode(tables, np.array([context]), np.array([5000]))
  wrong = predictor[:BYTES] + encoder.finish()
  with pytest.raises(FormatError, match="a residual is out of range"):
    DPCM().decompress(DPCM().file_format.write(1, 1, 1, wrong))
