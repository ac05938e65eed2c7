"""web/rnic.js: what Python reads of every file, whole, cut or damaged, however its bytes come."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from compression.common.errors import FormatError
from compression.formats import rnic
from tests.web import node

pytestmark = node.needs_node

_READ = """
const {LayerReader} = await load("rnic.js");
answer(value.map(({data, size, bits}) => {
  const bytes = Uint8Array.from(data);
  const reader = new LayerReader(bits);
  const layers = [];
  try {
    for (let start = 0; start < bytes.length; start += size) {
      for (const {payload, end} of reader.push(bytes.subarray(start, start + size))) {
        layers.push([[...payload], end]);
      }
    }
    reader.finish();
  } catch (error) {
    return {error: error.message, name: error.name};
  }
  return {header: reader.header, layers, damage: reader.damage};
}));
"""

_FIELDS = {
  "height": "height", "width": "width", "layers": "layers", "entropyCoder": "entropy_coder",
  "tile": "tile", "halo": "halo", "tablesId": "tables_id", "blocksHigh": "blocks_high",
  "blocksWide": "blocks_wide",
}  # fmt: skip


def _file(coder: int = 1, layers: int = 3, **fields: int) -> bytes:
  rng = np.random.default_rng(layers)
  header = rnic.Header(33, 50, layers, b"model_id", coder, **fields)
  sizes = rng.integers(0, 60, layers) if coder else [rnic.packed_length(header, 32)] * layers
  return rnic.write(header, [rng.bytes(size) for size in sizes])


def _check(data: bytes, found: dict[str, Any]) -> None:
  """Fails unless it is what Python finds."""
  try:
    header = rnic.read_header(data)
    expected = rnic.read(data, expected_length=rnic.packed_length(header, 32))
  except FormatError as error:
    assert found["name"] == "FormatError"
    words = str(error).replace("this program", "this page")
    # Where Python prints bytes, a page does not.
    assert found["error"] == words or "not an .rnic file" in found["error"] and "RNIC" in words
    return
  assert "error" not in found, found
  assert found["damage"] == expected.damage
  assert [bytes(payload) for payload, _ in found["layers"]] == list(expected.payloads)
  assert [end for _, end in found["layers"]] == list(rnic.layer_ends(data))[: len(found["layers"])]
  assert {name: found["header"][name] for name in _FIELDS} == {
    name: getattr(header, field) for name, field in _FIELDS.items()
  }
  assert found["header"]["modelId"] == header.model_id.hex()


def test_whole_files_in_pieces_of_any_size() -> None:
  files = [_file(), _file(0), _file(layers=16, tile=40, halo=4, tables_id=65535), _file(layers=1)]
  tasks = [(data, size) for data in files for size in (1, 7, 31, 1000)]
  found = node.run(_READ, [{"data": list(d), "size": size, "bits": 32} for d, size in tasks])
  for (data, _), each in zip(tasks, found):
    _check(data, each)
    assert each["damage"] is None and len(each["layers"]) == rnic.read_header(data).layers


def test_files_are_written_as_python_writes_them() -> None:
  files = [_file(), _file(0), _file(layers=16, tile=40, halo=4, tables_id=65535), _file(layers=1)]
  contents = [rnic.read(data) for data in files]
  tasks = [
    {
      "fields": {
        **{name: getattr(header, field) for name, field in _FIELDS.items()},
        "modelId": header.model_id.hex(),
      },
      "payloads": [payload.hex() for payload in payloads],
    }
    for header, payloads, *_ in contents
  ]
  tasks.append({**tasks[0], "payloads": tasks[0]["payloads"][:2]})  # the file of fewer layers
  found = node.run(
    """
    const {makeHeader, write} = await load("rnic_writer.js");
    answer(value.map(({fields, payloads}) => Buffer.from(
      write(makeHeader(fields), payloads.map((payload) => Buffer.from(payload, "hex")))
    ).toString("hex")));
    """,
    tasks,
  )
  assert [bytes.fromhex(each) for each in found] == [*files, rnic.prefix(files[0], 2)]


def test_every_cut_and_every_flipped_bit_is_told_as_python_tells_it() -> None:
  data = _file()
  changed = [data[:length] for length in range(len(data))] + [data + b"ab"]
  for bit in range(8 * len(data)):
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    changed.append(bytes(flipped))
  found = node.run(_READ, [{"data": list(each), "size": 50, "bits": 32} for each in changed])
  for each, told in zip(changed, found):
    _check(each, told)
  assert sum(told.get("damage") is not None for told in found) > 200


def test_headers_that_no_encoder_writes_are_refused() -> None:
  def header(**values: int) -> bytes:
    names = ("version", "coder", "layers", "halo", "height", "width", "tile", "tables")
    v = {**dict(zip(names, (1, 1, 3, 0, 33, 50, 0, 1))), **values}
    data = struct.pack(
      "<4sBBBB8sIIHH", b"RNIC", v["version"], v["coder"], v["layers"], v["halo"], b"model_id",
      v["height"], v["width"], v["tile"], v["tables"],
    )  # fmt: skip
    return data + struct.pack("<I", zlib.crc32(data)) + bytes(20)

  changed = [
    header(version=2), header(version=0), header(coder=2), header(layers=0), header(layers=17),
    header(height=0), header(width=65536), header(height=65535, width=65535), header(tile=4097),
    header(halo=1), header(tile=4, halo=4), header(coder=0, tables=1),
    b"", b"RN", b"RNIX", b"\x89PNG",
  ]  # fmt: skip
  found = node.run(_READ, [{"data": list(each), "size": 50, "bits": 32} for each in changed])
  for each, told in zip(changed, found):
    assert told.get("name") == "FormatError", (each, told)
    _check(each, told)
