"""What the TensorFlow Lite variants of a decoder cost: bytes, time and quality, beside the model.

  python -m compression.export --export_dir=export --format=tflite --photos='photos/*.jpg'
  python tools/compare_tflite.py --images='kodak/*.png' --decoder=export/tflite

Prints a Markdown table of means over the photos: megabytes, seconds an iteration with --threads,
and PSNR after some iterations, with what is lost against the model as the Python API runs it.
"""

from __future__ import annotations

import json
import pathlib
import sys
import time
from collections.abc import Iterable

import numpy as np
from absl import flags

# The programs of this folder also run from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compression import metrics
from compression.codecs import model_folders
from compression.common import program
from compression.common.errors import ModelError

_IMAGES = flags.DEFINE_string("images", None, "a pattern of photos")
_DECODER = flags.DEFINE_string("decoder", None, "the folder `tflite` of an export")
_MODEL = flags.DEFINE_string("model", model_folders.DEFAULT_MODEL, "the model that was exported")
_THREADS = flags.DEFINE_integer("threads", 1, "of TensorFlow Lite", lower_bound=1)

_ITERATIONS = (1, 4, 8, 16)
"""Those whose PSNR is shown."""

Times = list[float]
Qualities = list[float]


def main(argv: list[str]) -> None:
  pattern, decoder = program.require(argv, _IMAGES, _DECODER)
  names, folder = program.expand([pattern]), pathlib.Path(decoder)
  networks = sorted(folder.glob("decoder_*.tflite"))
  if not networks:
    raise ModelError(f"{folder}: holds no decoder_*.tflite")

  from tqdm import tqdm

  from compression.codecs.recurrent import litert
  from compression.codecs.recurrent.codec import load
  from compression.exporting import tflite, tflite_player
  from compression.images.photos import read_photo

  codec = load(_MODEL.value)
  description = folder / tflite.DESCRIPTION
  try:
    model_id = json.loads(description.read_text("utf-8"))["model_id"]
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise ModelError(f"{description}: cannot be read: {error}") from error
  if model_id != codec.model_id.hex():
    raise ModelError(f"{folder}: is of model {model_id}; {codec.name} is {codec.model_id.hex()}")
  states = tflite.DecoderStep(codec).states
  steps = {file: tflite_player.load(file, _THREADS.value) for file in networks}
  model: list[Qualities] = []
  found: dict[pathlib.Path, list[tuple[Times, Qualities]]] = {file: [] for file in networks}
  for name in tqdm(names, unit="photo", disable=not sys.stderr.isatty()):
    image = read_photo(name).image
    bits = codec.encode(image)
    zeros = litert.zero_states(states, *bits.shape[1:3])
    model.append(_play(image, codec.decode(bits))[1])
    for file, step in steps.items():
      found[file].append(_play(image, litert.play(step, bits, zeros)))
  print(_table(model, found))


def _play(image: np.ndarray, decoded: Iterable[np.ndarray]) -> tuple[Times, Qualities]:
  """Seconds and PSNR of each iteration."""
  high, wide = image.shape[:2]
  times, qualities = [], []
  start = time.perf_counter()
  for padded in decoded:
    times.append(time.perf_counter() - start)
    qualities.append(float(metrics.psnr(image, padded[:high, :wide])))
    start = time.perf_counter()
  return times, qualities


def _table(model: list[Qualities], found: dict[pathlib.Path, list[tuple[Times, Qualities]]]) -> str:
  expected = np.mean(model, 0)
  shown = [number for number in _ITERATIONS if number <= len(expected)]
  lines = [
    ["decoder", "MB", "s / iteration", *(f"PSNR dB at {number}" for number in shown)],
    ["---", *["---:"] * (2 + len(shown))],
    ["Python API", "", "", *(f"{expected[number - 1]:.2f}" for number in shown)],
  ]
  for file, runs in found.items():
    # The first iteration of a photo takes the time to make room for its size.
    seconds = np.median([time for times, _ in runs for time in times[1:] or times])
    psnr = np.mean([qualities for _, qualities in runs], 0)
    lines.append(
      [
        file.stem[len("decoder_") :],
        f"{file.stat().st_size / 1e6:.2f}",
        f"{seconds:.3f}",
        *(
          f"{psnr[number - 1]:.2f} ({psnr[number - 1] - expected[number - 1]:+.2f})"
          for number in shown
        ),
      ]
    )
  return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
  program.run(main)
