"""Compares trained entropy coders on the codes of photos: bytes saved and seconds.

  python tools/compare_entropy_coders.py --images='kodak/*.png' \\
      --coders=models/residual_gru/entropy_coder,run/entropy_coder [--model=residual_gru]

Prints a Markdown table: the share of the bits that each saves up to some iterations, means over the
photos, by the bytes that it writes; the mean seconds to encode and to decode all iterations of a
photo; and the size of its weights. All of them have to give back the bits they were given.
"""

from __future__ import annotations

import pathlib
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression.codecs import model_folders
from compression.common import program
from compression.common.errors import CompressionError

if TYPE_CHECKING:
  from compression.entropy.bits import EntropyCoder

_IMAGES = flags.DEFINE_string("images", None, "a pattern of photos")
_CODERS = flags.DEFINE_list("coders", None, "folders that training wrote, with commas between them")
_MODEL = flags.DEFINE_string(
  "model", model_folders.DEFAULT_MODEL, "whose codes: a model or a folder"
)

_ITERATIONS = (1, 2, 4, 8, 16)


def main(argv: list[str]) -> None:
  pattern, _ = program.require(argv, _IMAGES, _CODERS)
  names = program.expand([pattern])

  from compression.codecs.recurrent.codec import load
  from compression.entropy.bits import learned
  from compression.images.photos import read_photo

  folders = [pathlib.Path(name) for name in _CODERS.value or []]
  coders = [learned.load(folder) for folder in folders]
  codec = load(_MODEL.value)
  codes = [codec.encode(read_photo(name).image) for name in names]
  shown = [t for t in _ITERATIONS if t <= codec.config.iterations]
  heads = ["coder", "model", *(f"saved at {t}" for t in shown), "encode s", "decode s", "MB"]
  rows = [heads, ["---", "---", *["---:"] * (len(heads) - 2)]]
  for folder, coder in zip(folders, coders):
    _code(coder, codes[0][:1])  # what is done once is not timed
    sizes, encode, decode = [], [], []
    for bits in codes:
      lengths, seconds, found = _code(coder, bits)
      if not np.array_equal(found, bits):
        raise CompressionError(f"{folder}: does not give back the bits it was given")
      sizes.append(np.cumsum(lengths) * 8 / bits[0].size)
      encode.append(seconds[0])
      decode.append(seconds[1])
    shares = np.mean(sizes, axis=0) / np.arange(1, len(sizes[0]) + 1)
    saved = [f"{1 - shares[t - 1]:.1%}" for t in shown]
    times = [f"{np.mean(encode):.2f}", f"{np.mean(decode):.2f}"]
    megabytes = (folder / learned.WEIGHTS_FILE).stat().st_size / 1e6
    name, _ = learned.read_config(folder)
    rows.append([str(folder), name, *saved, *times, f"{megabytes:.1f}"])
  for row in rows:
    print("| " + " | ".join(row) + " |")


def _code(
  coder: EntropyCoder, bits: np.ndarray
) -> tuple[list[int], tuple[float, float], np.ndarray]:
  """The bytes of each layer, the seconds to encode and to decode, and the bits that come back."""
  _, high, wide, depth = bits.shape
  start = time.perf_counter()
  payloads = coder.encode(bits)
  middle = time.perf_counter()
  found = coder.decode(payloads, (high, wide, depth))
  seconds = (middle - start, time.perf_counter() - middle)
  return [len(payload) for payload in payloads], seconds, found


if __name__ == "__main__":
  program.run(main)
