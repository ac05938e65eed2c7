"""web/entropy.js and all that it is made of, from the range coder to the integer network.

Their bits and bytes are those of Python, each one of them.
"""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from PIL import Image

from compression.codecs import model_folders
from compression.entropy import range_coder
from compression.entropy.bits import PackedBits, learned
from tests import shared
from tests.entropy.bits.examples import SMALL, make_coder, make_model, random_bits
from tests.web import node

pytestmark = node.needs_node

_CODE = """
const {PackedBits, readCoder} = await load("entropy.js");
const read = (name) => fs.readFileSync(`${value.folder}/${name}`);
const coder = value.folder === null ? new PackedBits() : await readCoder(
  read("config.json").toString(), Uint8Array.from(read("weights.npz")).buffer, 7);
answer(value.images.map(({payloads, blocksHigh, blocksWide, bits}) => {
  const decode = coder.start({blocksHigh, blocksWide, layers: payloads.length}, bits);
  const encode = coder.startEncoding({blocksHigh, blocksWide});
  const layers = payloads.map((payload) => decode(Buffer.from(payload, "hex")));
  for (const [index, layer] of layers.entries()) {
    const payload = Buffer.from(encode(layer)).toString("hex");
    if (payload !== payloads[index]) throw new Error(`layer ${index}`);
  }
  return layers.map((layer) => Buffer.from(layer.buffer).toString("hex"));
}));
"""


def _check(folder: pathlib.Path | None, codes: list[np.ndarray], coder: object) -> int:
  """Fails unless JavaScript decodes what Python encodes, and encodes it to the same bytes.

  Returns: how many bits these were.
  """
  images = [
    {
      "payloads": [payload.hex() for payload in coder.encode(bits)],
      "blocksHigh": bits.shape[1],
      "blocksWide": bits.shape[2],
      "bits": bits.shape[3],
    }
    for bits in codes
  ]
  found = node.run(_CODE, {"folder": folder and str(folder), "images": images})
  for bits, layers in zip(codes, found):
    signs = np.stack([np.frombuffer(bytes.fromhex(layer), np.int8) for layer in layers])
    np.testing.assert_array_equal(signs.reshape(bits.shape), np.where(bits, 1, -1))
  return sum(bits.size for bits in codes)


_SIZES = ((1, 1), (1, 5), (6, 1), (2, 2), (7, 10))


@pytest.mark.parametrize(
  "config",
  [
    {},
    {"raster_layers": 0, "shared_from": 1},
    {"raster_layers": 2, "context": 3, "shared_from": 2, "groups": 2},
    {"layer_count": 2, "shared_from": 4, "groups": 8, "hidden": 33, "state": 7},
  ],
)
def test_models_of_any_shape_and_images_of_any_size(
  tmp_path: pathlib.Path, config: dict[str, int]
) -> None:
  coder = make_coder(make_model(**config), tmp_path)
  layers = {**SMALL, **config}["layer_count"]
  codes = [random_bits(layers, *size, seed=sum(size)) for size in _SIZES]
  assert _check(tmp_path, codes, coder) > 1000


@pytest.mark.parametrize("name", shared.FOR_PHOTOS)
def test_released_coders_decode_a_photo(name: str, photo: np.ndarray) -> None:
  """Codes of a photo's brightness: with weights that were trained, which are near their limits."""
  folder = model_folders.find(name).folder / "entropy_coder"
  small = np.asarray(Image.fromarray(photo).convert("L").resize((11 * 8, 9 * 4)), int)
  bits = np.stack([small >> 7 - layer & 1 for layer in range(5)]).astype(bool)
  bits = bits.reshape(5, 9, 4, 11, 8).transpose(0, 1, 3, 2, 4).reshape(5, 9, 11, 32)
  noise = np.random.default_rng(0).random([16, 5, 3, 32]) < 0.5
  assert _check(folder, [bits, noise], learned.load(folder)) > 20000


def test_bits_that_were_not_coded() -> None:
  codes = [random_bits(2, *size, depth=depth) for size in _SIZES for depth in (8, 32)]
  codes.append(random_bits(1, 1, 3, depth=5))  # no whole bytes
  assert _check(None, codes, PackedBits()) > 2000


def test_the_range_decoder_reads_any_bytes_as_python_does() -> None:
  from compression.entropy import range_decoder

  rng = np.random.default_rng(3)
  zeros = np.concatenate([[1, 2, 2**16 - 1, 2**16 - 2, 2**15], rng.integers(1, 2**16, 300)])
  indexes = rng.integers(0, len(zeros), 5000, np.int32)
  coded = range_coder.encode(
    range_coder.make_lookup(zeros), indexes, rng.integers(0, 2, 5000, np.int32)
  )
  for payload in (coded, rng.bytes(500), b"", b"\xff", bytes(9)):
    handle = range_decoder.start_decoding(range_decoder.make_lookup(zeros), payload)
    expected = range_decoder.decode(handle, indexes)[1]
    found = node.run(
      """
      const {RangeDecoder} = await load("range_decoder.js");
      const decoder = new RangeDecoder(Buffer.from(value.payload, "hex"));
      answer(value.zeros.map((zero) => decoder.bit(zero)));
      """,
      {"payload": payload.hex(), "zeros": zeros[indexes].tolist()},
    )
    np.testing.assert_array_equal(found, expected)


def test_the_range_encoder_writes_the_bytes_of_python() -> None:
  """Also where what was written must be added to, and where it ends early."""
  rng = np.random.default_rng(5)
  zeros = np.concatenate([[1, 2, 2**16 - 1, 2**16 - 2, 2**15], rng.integers(1, 2**16, 300)])
  lookup = range_coder.make_lookup(zeros)
  tasks = []
  for count in [0, 1, 2, 3, 17, 1000] + [int(n) for n in rng.integers(1, 120, 3000)]:
    few = rng.random() < 0.5
    indexes = rng.integers(0, 5 if few else len(zeros), count, np.int32)
    likely = (zeros[indexes] < 2**15).astype(np.int32)  # long runs of carries need likely bits
    bits = np.where(rng.random(count) < 0.8, likely, rng.integers(0, 2, count)).astype(np.int32)
    tasks.append((indexes, bits))
  found = node.run(
    """
    const {RangeEncoder} = await load("range_encoder.js");
    answer(value.map(([zeros, bits]) => {
      const encoder = new RangeEncoder();
      for (const [index, bit] of bits.entries()) encoder.add(bit, zeros[index]);
      return Buffer.from(encoder.finish()).toString("hex");
    }));
    """,
    [(zeros[indexes].tolist(), bits.tolist()) for indexes, bits in tasks],
  )
  for (indexes, bits), payload in zip(tasks, found):
    assert bytes.fromhex(payload) == range_coder.encode(lookup, indexes, bits)


def test_products_are_exact_at_the_limits_of_16_bits() -> None:
  most = 2**15 - 1
  rng = np.random.default_rng(4)
  tasks = []
  for depth, columns, rows in ((1, 1, 1), (8, 4, 2), (33, 5, 3), (864, 13, 700)):
    for low, high in ((-most, most), (most, most), (-most, -most)):
      x, w = (rng.integers(low, high + 1, shape) for shape in ((rows, depth), (depth, columns)))
      tasks.append((x, np.abs(w) * np.sign(low) if low == high else w))
  found = node.run(
    """
    const {Kernels} = await load("kernels.js");
    const kernels = new Kernels();
    answer(value.map(({x, w}) => {
      const sums = [];
      const matrix = kernels.keep(w.length, w[0].length, (row, column) => w[row][column]);
      kernels.multiply(matrix, x.length, (row, to, at) => to.set(x[row], at),
        (row, from, at) => { sums[row] = [...from.subarray(at, at + w[0].length)]; });
      return sums;
    }));
    """,
    [{"x": x.tolist(), "w": w.tolist()} for x, w in tasks],
  )
  for (x, w), sums in zip(tasks, found):
    np.testing.assert_array_equal(np.array(sums), x @ w)


def test_what_is_no_such_coder_is_one_line(tmp_path: pathlib.Path) -> None:
  make_coder(make_model(), tmp_path)
  weights = (tmp_path / "weights.npz").read_bytes()
  config = (tmp_path / "config.json").read_text()
  tasks = {
    "progressive is not known": (config.replace("interlaced", "progressive"), weights),
    "weights are damaged": (config, weights[: len(weights) // 2]),
    "do not fit its configuration": (config.replace('"hidden": 12', '"hidden": 13'), weights),
  }
  found = node.run(
    """
    const {readCoder} = await load("entropy.js");
    const told = [];
    for (const [config, weights] of value) {
      try {
        await readCoder(config, Uint8Array.from(Buffer.from(weights, "hex")).buffer, 1);
        told.push(null);
      } catch (error) {
        told.push([error.name, error.message]);
      }
    }
    answer(told);
    """,
    [[text, data.hex()] for text, data in tasks.values()],
  )
  for words, (name, message) in zip(tasks, found):
    assert name == "ModelError" and words in message and "\n" not in message


def test_payloads_too_short_for_an_image_and_too_many_layers_are_refused(
  tmp_path: pathlib.Path,
) -> None:
  make_coder(make_model(), tmp_path)
  for fields, words in (
    ({"blocksHigh": 999, "blocksWide": 999, "layers": 1}, "too few for so large an image"),
    ({"blocksHigh": 1, "blocksWide": 1, "layers": 6}, "knows 5 layers of 8 bits"),
  ):
    message = node.run(
      """
      const {readCoder} = await load("entropy.js");
      const read = (name) => fs.readFileSync(`${value.folder}/${name}`);
      const coder = await readCoder(
        read("config.json").toString(), Uint8Array.from(read("weights.npz")).buffer, 7);
      try {
        coder.start(value, 8)(new Uint8Array(3));
      } catch (error) {
        answer(error.message);
      }
      """,
      {"folder": str(tmp_path), **fields},
    )
    assert words in message
