"""web/decoder.js and picture.js, in Node, with sums in place of the networks.

The sums are whole numbers, of all that lies within the reach of a block, so that an image says
whether the windows and tiles that it was made of saw what they should.
"""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from compression.codecs.recurrent.tiling import Tiling, tiles
from compression.entropy.bits import PackedBits
from compression.formats import rnic
from tests.entropy.bits.examples import SMALL, make_coder, make_model
from tests.web import node

pytestmark = node.needs_node

BITS = 8
MODEL_ID = b"sums\0\0\0\0"

_DECODE = """
const {decode} = await load("decoder.js");
const {readCoder} = await load("entropy.js");
// Two states, of which the second has 2 x 2 places a block and sees the first.
const description = {
  model: "sums", model_id: "73756d7300000000", bits: 8, iterations: 5,
  tables_id: value.tables_id ?? 0, reach: value.reach, shapes: [],
  states: [{name: "a", stride: 16, depth: 2}, {name: "b", stride: 8, depth: 1}],
};
const around = (high, wide, depth, of) => {
  const sums = new Float32Array(high * wide * depth);
  for (let y = 0; y < high; y++) for (let x = 0; x < wide; x++) for (let d = 0; d < depth; d++) {
    for (let v = Math.max(0, y - 1); v <= Math.min(high - 1, y + 1); v++) {
      for (let u = Math.max(0, x - 1); u <= Math.min(wide - 1, x + 1); u++) {
        sums[(y * wide + x) * depth + d] += of(v, u, d) * (1 + (u - x + 1) + 3 * (v - y + 1));
      }
    }
  }
  return sums.map((sum) => sum % 251);
};
let running = 0, most = 0;
const run = async (task) => {
  most = Math.max(most, ++running);
  const {high, wide, input: bits, states: [a, b]} = task();
  await new Promise((resolve) => setTimeout(resolve, 0));
  const newA = around(high, wide, 2, (y, x, d) => a[(y * wide + x) * 2 + d]
    + bits[(y * wide + x) * 8 + d] + 3 * bits[(y * wide + x) * 8 + d + 5]);
  const newB = around(2 * high, 2 * wide, 1, (y, x) => b[y * 2 * wide + x]
    + newA[((y >> 1) * wide + (x >> 1)) * 2 + (x & 1)]);
  const image = Uint8Array.from({length: 256 * high * wide * 3}, (_, index) => {
    const [y, x] = [Math.floor(index / 3 / (16 * wide)), Math.floor(index / 3) % (16 * wide)];
    return Math.abs(newB[(y >> 3) * 2 * wide + (x >> 3)]) + (index % 3);
  });
  running--;
  return {output: image, states: [newA, newB]};
};
const read = (name) => fs.readFileSync(`${value.folder}/${name}`);
const coder = () => readCoder(
  read("config.json").toString(), Uint8Array.from(read("weights.npz")).buffer, value.tables_id);
const model = {description, workers: value.workers ?? 1, run, coder};
const events = [];
const pieces = function* () {
  for (const [number, piece] of value.pieces.entries()) {
    events.push(`piece ${number}`);
    yield Uint8Array.from(Buffer.from(piece, "hex"));
  }
};
const slowly = async function* () {
  for (const piece of pieces()) {
    yield piece;
    if (value.slow) await new Promise((resolve) => setTimeout(resolve, 100));
  }
};
const images = [];
const show = ({iteration, bytes, pixels}) => {
  events.push(`picture ${iteration}`);
  images.push({iteration, bytes, pixels: Buffer.from(pixels).toString("hex")});
};
let told = {};
try {
  told = await decode(slowly(), model, show, {iterations: value.iterations ?? undefined});
} catch (error) {
  told = {error: error.message, name: error.name};
}
answer({...told, images, events});
"""


def _file(height: int, width: int, layers: int = 3, tiling: Tiling = Tiling()) -> bytes:  # noqa: B008
  blocks = -(-height // 16), -(-width // 16)
  bits = np.random.default_rng(height + width).random([layers, *blocks, BITS]) < 0.5
  header = rnic.Header(height, width, layers, MODEL_ID, 0, tiling.tile, tiling.halo)
  return rnic.write(header, PackedBits().encode(bits))


def _decode(data: bytes | list[bytes], **options: Any) -> dict[str, Any]:
  pieces = data if isinstance(data, list) else [data]
  return node.run(_DECODE, {"pieces": [piece.hex() for piece in pieces], "reach": 2, **options})


def _pixels(found: dict[str, Any], height: int, width: int) -> np.ndarray:
  images = [np.frombuffer(bytes.fromhex(image["pixels"]), np.uint8) for image in found["images"]]
  return np.stack(images).reshape(-1, height, width, 4)


@pytest.mark.parametrize("tiling", [Tiling(), Tiling(6, 3), Tiling(5, 1), Tiling(40, 4)])
def test_windows_change_nothing(tiling: Tiling) -> None:
  """Not in images in tiles either, which are another image than those without."""
  height, width = 165, 213
  data = _file(height, width, tiling=tiling)
  whole = _decode(data, reach=None)
  assert [image["bytes"] for image in whole["images"]] == list(rnic.layer_ends(data))
  expected = _pixels(whole, height, width)
  assert expected[..., 3].min() == 255 and np.std(expected[..., :3], axis=(1, 2, 3)).min() > 5
  for workers in (1, 2, 4, 7):
    np.testing.assert_array_equal(_pixels(_decode(data, workers=workers), height, width), expected)
  if tiling.tile in (5, 6):
    assert len(list(tiles(11, 14, tiling))) > 3
    plain = _pixels(_decode(_file(height, width), reach=None), height, width)
    assert (plain != expected).any()


def test_windows_that_see_too_little_would_be_noticed() -> None:
  data = _file(200, 300)
  expected = _pixels(_decode(data, reach=None), 200, 300)
  assert (_pixels(_decode(data, reach=1, workers=4), 200, 300) != expected).any()


def test_each_picture_is_there_before_the_bytes_of_the_next_have_come() -> None:
  data = _file(40, 50)
  ends = [0, *rnic.layer_ends(data)]
  pieces = [data[start:end] for start, end in zip(ends, ends[1:])]
  found = _decode(pieces, slow=True)
  assert found["events"] == [
    event for layer in range(3) for event in (f"piece {layer}", f"picture {layer + 1}")
  ]
  assert found["damage"] is None and found["iterations"] == 3


def test_no_more_is_read_than_is_wanted() -> None:
  data = _file(40, 50, 5)
  end = rnic.layer_ends(data)[1]
  found = _decode([data[:end], data[end:]], iterations=2)
  assert found["events"] == ["piece 0", "picture 1", "picture 2"]
  assert (found["iterations"], found["damage"]) == (2, None)


def test_damage_is_told_after_the_pictures_before_it() -> None:
  data = _file(40, 50)
  ends = rnic.layer_ends(data)
  flipped = bytearray(data)
  flipped[ends[1] + 7] ^= 4
  for changed, words, count in (
    (data[: ends[1] + 3], "cut short: 2 of 3 layers are whole", 2),
    (bytes(flipped), "layer 3 of 3 is damaged: the 2 layers before it are used", 2),
    (data + b"x", "1 byte after the last layer", 3),
  ):
    found = _decode(changed)
    assert (found["damage"], len(found["images"])) == (words, count)


def test_files_that_cannot_be_decoded_are_refused_in_words(tmp_path: pathlib.Path) -> None:
  def file(**fields: Any) -> bytes:
    values = {"height": 40, "width": 50, "layers": 1, "model_id": MODEL_ID, **fields}
    header = rnic.Header(**values)
    length = rnic.packed_length(header, BITS)
    return rnic.write(header, [bytes(length)] * header.layers)

  coder = make_coder(make_model(), tmp_path)
  assert coder.tables_id not in (0, 7)
  for data, words, name in (
    (b"\x89PNG\r\n\x1a\n", "not an .rnic file", "FormatError"),
    (b"", "not an .rnic file", "FormatError"),
    (file()[:20], "cut short in the header: 20 of 32 bytes", "FormatError"),
    (file()[:40], "cut short: no layer is whole (of 1)", "FormatError"),
    (
      file(model_id=b"another!"),
      "made with model 616e6f7468657221; this page has sums",
      "ModelError",
    ),
    (file(layers=6), "has 6 layers; sums makes 5", "FormatError"),
    (
      file(entropy_coder=1, tables_id=7),
      "made with version 0007 of the entropy coder",
      "ModelError",
    ),
  ):
    found = _decode(data, tables_id=coder.tables_id)
    assert words in found["error"] and found["name"] == name and not found["images"]
  huge = rnic.write(rnic.Header(2**15, 2**15, 1, MODEL_ID, 1, 0, 0, coder.tables_id), [b""])
  assert "GiB, more than a page has" in _decode(huge, tables_id=coder.tables_id)["error"]


def test_learned_bits_are_decoded_as_they_come(tmp_path: pathlib.Path) -> None:
  coder = make_coder(make_model(), tmp_path)
  bits = np.random.default_rng(1).random([SMALL["layer_count"], 3, 4, BITS]) < 0.5
  images = []
  for entropy_coder in (coder, PackedBits()):
    header = rnic.Header(
      40, 50, len(bits), MODEL_ID, entropy_coder.coder_id, tables_id=entropy_coder.tables_id
    )
    data = rnic.write(header, entropy_coder.encode(bits))
    found = _decode(data, folder=str(tmp_path), tables_id=coder.tables_id)
    images.append(_pixels(found, 40, 50))
  np.testing.assert_array_equal(images[0], images[1])
