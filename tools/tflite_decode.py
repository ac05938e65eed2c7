"""Decodes an .rnic file with TensorFlow Lite, without TensorFlow: the example for writers of apps.

  python tools/tflite_decode.py photo.rnic --decoder=export/tflite
  python tools/tflite_decode.py photo.rnic --decoder=export/tflite --variant=int8 --iterations=4

It writes the image after each iteration: photo_01.png, photo_02.png and so on.
`python -m compression.export --format=tflite` writes the folder. A checkout of this project and the
packages numpy, pillow, absl-py, threadpoolctl and ai-edge-litert (or tflite-runtime) are enough.

`main` has the steps of an app, and what follows it takes them one by one. What an app in Kotlin or
Swift takes from elsewhere is here

    compression/formats/rnic.py                      the file, byte by byte
    compression/entropy/bits/integer_interlaced.py   the probabilities of its bits, all in integers
    compression/entropy/range_decoder.py             the bits
    compression/codecs/recurrent/tiling.py           the tiles of large images
"""

from __future__ import annotations

import contextlib
import importlib
import json
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from absl import flags

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression.codecs.recurrent.config import BLOCK
from compression.codecs.recurrent.tiling import Tile, Tiling, tiles
from compression.common import files, jobs, program
from compression.common.errors import CompressionError, FormatError, ModelError
from compression.entropy import range_decoder
from compression.entropy.bits import EntropyCoder, PackedBits, learned
from compression.formats import rnic
from compression.images.photos import write_png

_DECODER = flags.DEFINE_string("decoder", None, "the folder `tflite` of an export")
_VARIANT = flags.DEFINE_string("variant", "float32", "which decoder_*.tflite of the folder")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "the folder of the images; made if need be")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace images that exist")
_ITERATIONS = flags.DEFINE_integer(
  "iterations", None, "only the first so many", lower_bound=1, upper_bound=rnic.MAX_LAYERS
)
_THREADS = flags.DEFINE_integer("threads", None, "of TensorFlow Lite", lower_bound=1)

_RUNTIMES = (
  "ai_edge_litert.interpreter",
  "tflite_runtime.interpreter",
  "tensorflow.lite.python.interpreter",
)
"""Where a class `Interpreter` may be; TensorFlow's last, as its import takes seconds."""

_MAX_MEMORY_BYTES = 16 * 2**30
"""A file that would need more is refused before it is tried, as by the codec of the package."""

_FLOAT_BYTES = 4

States = dict[str, np.ndarray]
"""What the networks carry from one iteration to the next: name -> float32 [1, height, width, C]."""

Step = Callable[..., dict[str, np.ndarray]]
"""(bits=float32 [1, h, w, B], and the states) -> the new states, and image=uint8 [1, H, W, 3]."""


class State(NamedTuple):
  """A state: each of its places stands for `stride` x `stride` pixels, and has `depth` numbers."""

  name: str
  stride: int
  depth: int


class Decoder(NamedTuple):
  """What decoder.json tells of a folder of decoders.

  Attributes:
    folder: where it is.
    networks: the file that was chosen.
    model: the model's name, for messages.
    model_id: 8 bytes, what its files carry.
    bits: of each block of 16 x 16 pixels and iteration.
    iterations: the most that files have.
    states: of the networks.
  """

  folder: pathlib.Path
  networks: pathlib.Path
  model: str
  model_id: bytes
  bits: int
  iterations: int
  states: tuple[State, ...]


def main(argv: list[str]) -> None:
  if len(argv) != 1 or argv[0] == program.STDIO:
    raise program.UsageError("name one .rnic file; --help shows the usage")
  (folder,) = program.require([], _DECODER)
  source = pathlib.Path(argv[0])
  decoder = read_decoder(pathlib.Path(folder), _VARIANT.value)
  data = jobs.read_source(argv[0])
  try:
    contents = read_layers(data, decoder, _ITERATIONS.value)
    targets = _targets(source, len(contents.payloads))
    bits = decode_bits(contents, decoder)
  except (FormatError, ModelError) as error:
    raise type(error)(f"{source}: {error}") from error
  step = load_step(decoder, _THREADS.value)
  if contents.damage is not None:
    program.warn(f"{source}: {contents.damage}")
  steps = zip(targets, images(bits, contents.header, decoder, step))
  for number, (target, image) in enumerate(steps, 1):
    write_png(target, image, _OVERWRITE.value)
    print(f"{source} -> {target}: iteration {number} of {contents.header.layers}", flush=True)


# Once, when the app starts.


def read_decoder(folder: pathlib.Path, variant: str) -> Decoder:
  """Reads decoder.json.

  Raises:
    ModelError: if it is not as it must be, or there is no such variant of the networks.
  """
  description = folder / "decoder.json"
  try:
    values = json.loads(description.read_text("utf-8"))
    decoder = Decoder(
      folder,
      folder / f"decoder_{variant}.tflite",
      str(values["model"]),
      bytes.fromhex(values["model_id"]),
      int(values["bits"]),
      int(values["iterations"]),
      tuple(State(**state) for state in values["states"]),
    )
  except OSError as error:
    raise ModelError(f"{description}: cannot be read: {error.strerror}") from error
  except (ValueError, KeyError, TypeError) as error:
    raise ModelError(f"{description}: is damaged: {error!r}") from error
  if not decoder.networks.is_file():
    found = sorted(path.stem[len("decoder_") :] for path in folder.glob("decoder_*.tflite"))
    raise ModelError(f"{folder}: has no variant {variant!r}; there are: {', '.join(found)}")
  return decoder


def load_step(decoder: Decoder, threads: int | None = None) -> Step:
  """One iteration of the networks. Its sizes are open: it takes those of the arrays that come.

  Raises:
    ModelError: if the file is damaged, or is not the one that decoder.json tells of.
    CompressionError: if TensorFlow Lite is not installed.
  """
  interpreter = _interpreter_class()
  try:
    loaded = interpreter(str(decoder.networks), num_threads=threads)
    step = loaded.get_signature_runner("decode_step")
  except (ValueError, RuntimeError) as error:
    raise ModelError(f"{decoder.networks}: cannot be loaded: {error}") from error
  depths = {name: int(tensor["shape"][-1]) for name, tensor in step.get_input_details().items()}
  if depths != {"bits": decoder.bits, **{state.name: state.depth for state in decoder.states}}:
    raise ModelError(f"{decoder.networks}: does not fit decoder.json")
  return step


def _interpreter_class() -> Any:
  for name in _RUNTIMES:
    with contextlib.suppress(ImportError):
      return importlib.import_module(name).Interpreter
  raise CompressionError("TensorFlow Lite is not installed; it is in the package ai-edge-litert")


# For each file.


def read_layers(data: bytes, decoder: Decoder, iterations: int | None = None) -> rnic.Contents:
  """The payloads of the layers that are whole, and what is wrong with the rest.

  A file that was cut, or has not yet arrived in full, is an image of lower quality: no error.

  Raises:
    FormatError: if it is no .rnic file, no layer is whole, there are fewer than asked for, or one
      that was asked for is damaged.
    ModelError: if it was made with another model.
  """
  header = rnic.read_header(data)
  if header.model_id != decoder.model_id:
    raise ModelError(
      f"made with model {header.model_id.hex()};"
      f" this is the decoder of {decoder.model} ({decoder.model_id.hex()})"
    )
  if header.layers > decoder.iterations:
    raise FormatError(f"has {header.layers} layers; {decoder.model} makes {decoder.iterations}")
  if iterations is not None and iterations > header.layers:
    raise FormatError(f"has {header.layers} iterations; {iterations} were asked for")
  length = rnic.packed_length(header, decoder.bits)
  contents = rnic.read(data, max_layers=iterations, expected_length=length)
  whole = len(contents.payloads)
  if iterations is not None and whole < iterations:
    raise FormatError(f"{iterations} iterations were asked for; {contents.damage}")
  if contents.corrupt:
    raise FormatError(f"{contents.damage} only with --iterations={whole} or less")
  return contents


def decode_bits(contents: rnic.Contents, decoder: Decoder) -> np.ndarray:
  """bool [T, h, w, B], the layers' bits, for h x w blocks.

  Each layer's probabilities follow from the layers before it, and within it from the bits before:
  integers alone, so that they are the same on every machine (`compression.entropy.bits.learned`).

  Raises:
    FormatError: if the payloads are none of such an image, or it is too large.
    ModelError: if the folder has not the entropy coder that the file was made with.
  """
  header = contents.header
  coder: EntropyCoder = PackedBits()
  if header.entropy_coder != coder.coder_id:
    coder = learned.load(decoder.folder / "entropy_coder", range_decoder)
  if coder.tables_id != header.tables_id:
    raise ModelError(
      f"made with version {header.tables_id:04x} of the entropy coder of {decoder.model};"
      f" this is version {coder.tables_id:04x}"
    )
  shape = (header.blocks_high, header.blocks_wide, decoder.bits)
  need = coder.memory_bytes(header.layers, shape) + _state_bytes(header, decoder)
  if need > _MAX_MEMORY_BYTES:
    raise FormatError(f"needs about {need / 2**30:.0f} GiB to decode")
  return coder.decode(contents.payloads, shape)


def images(
  bits: np.ndarray, header: rnic.Header, decoder: Decoder, step: Step
) -> Iterator[np.ndarray]:
  """The image after each iteration, worst first: uint8 [H, W, 3].

  Large images are in tiles, which have the same network and each its own states; other images are
  a single tile.
  """
  parts = list(_tiles(header))
  states: list[States] = [
    {name: np.zeros(shape, np.float32) for name, shape in _state_shapes(decoder, tile).items()}
    for tile in parts
  ]
  for layer in bits:
    image = np.empty([header.blocks_high * BLOCK, header.blocks_wide * BLOCK, 3], np.uint8)
    for number, tile in enumerate(parts):
      # The blocks around a tile are run with it, so that there is no seam; its own are kept.
      seen = layer[tile.outer]
      signs = np.where(seen, np.float32(1), np.float32(-1))
      outputs = step(bits=signs[np.newaxis], **states[number])
      image[tile.pixels] = outputs.pop("image")[0][tile.inner_pixels]
      states[number] = outputs
    yield image[: header.height, : header.width]  # it was padded to whole blocks


def _tiles(header: rnic.Header) -> Iterator[Tile]:
  return tiles(header.blocks_high, header.blocks_wide, Tiling(header.tile, header.halo))


def _state_shapes(decoder: Decoder, tile: Tile) -> dict[str, tuple[int, ...]]:
  """By name, for one tile: a state has a place where a square of `stride` pixels begins."""
  height, width = (side.stop - side.start for side in tile.outer_pixels)
  return {
    state.name: (1, -(-height // state.stride), -(-width // state.stride), state.depth)
    for state in decoder.states
  }


def _state_bytes(header: rnic.Header, decoder: Decoder) -> float:
  """About how much all tiles' states take."""
  of_block = sum((BLOCK / state.stride) ** 2 * state.depth for state in decoder.states)
  overlap = (1 + 2 * header.halo / header.tile) ** 2 if header.tile else 1
  return _FLOAT_BYTES * of_block * header.blocks_high * header.blocks_wide * overlap


def _targets(source: pathlib.Path, count: int) -> list[pathlib.Path]:
  """The images of a file: NAME_01.png and so on; raises OutputError if one cannot be written."""
  folder = source.parent if _OUTPUT_DIR.value is None else files.make_folder(_OUTPUT_DIR.value)
  targets = [folder / f"{source.stem}_{number:02d}.png" for number in range(1, count + 1)]
  for target in targets:
    files.check_output(target, _OVERWRITE.value)
  return targets


if __name__ == "__main__":
  program.run(main)
