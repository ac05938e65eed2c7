"""Measures speed and memory, as ratios within one run.

  python -m compression.bench [--images='kodak/*.png'] [--widths=0.25,1] [--repeat=3]

Prints, for 768x512 pixels: the machine's float32 rate on plain 3x3 convolutions, the share of it
that one recurrence step reaches at each width (with random weights: speed does not depend on them),
in float32 and bfloat16; seconds to compress and decompress with the released model, its start-up
and its peak memory; that of `compress` and `decompress` with photos of 1 to 24 megapixels; photos
that `compress` and `archive` do in a minute with each processor; seconds that the entropy coder
takes; and those of the exported decoders, SavedModel and TensorFlow Lite, beside the Python API;
and of the page in Chromium, where that is. Run it while nothing else runs.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from compression.codecs import model_folders, registry
from compression.codecs.base import show
from compression.codecs.recurrent import timing as network_timing
from compression.common import memory, program, timing
from compression.common.errors import CompressionError, ImageError

if TYPE_CHECKING:
  from compression.codecs.base import Codec
  from compression.codecs.recurrent.codec import RecurrentCodec

_IMAGES = flags.DEFINE_string("images", None, "a pattern of photos (default: a sample photo)")
_WIDTHS = flags.DEFINE_list("widths", ["0.25", "1"], "widths at which a step is measured")
_REPEAT = flags.DEFINE_integer("repeat", 5, "measurements of which the median counts", 1, 1000)
_MODEL = flags.DEFINE_string("model", model_folders.DEFAULT_MODEL, "a released model or a folder")

_CODED_ITERATIONS = (8, 16)
_EXPORT_ITERATIONS = 8
_SIZES = ((1224, 816), (2448, 1632), (6000, 4000))  # 1, 4 and 24 megapixels
_ARCHIVE_PHOTOS = 8  # for each processor


def _print_steps(rate: float) -> None:
  print("One iteration at 768x512, seconds and share of the plain rate:")
  print("  width  precision         encoder          decoder")
  for text in _WIDTHS.value:
    for precision in ("float32", "mixed_bfloat16"):
      s = network_timing.step(float(text), rate, _REPEAT.value, precision)
      print(
        f"  {text:>5}  {precision:14}{s.encoder:9.3f} {s.encoder_share:5.0%}"
        f"{s.decoder:11.3f} {s.decoder_share:5.0%}",
        flush=True,
      )


def _photos() -> list[np.ndarray]:
  from compression.images.photos import read_photos

  if _IMAGES.value is not None:
    names = program.expand([_IMAGES.value])
    return [photo.image for _, photo in read_photos(names, program.warn)]
  try:
    import skimage.data
  except ImportError:
    raise ImageError("the sample photo is in scikit-image; install it or give --images") from None
  return [
    np.tile(skimage.data.astronaut(), (1, 2, 1))[: network_timing.HEIGHT, : network_timing.WIDTH]
  ]


def _print_codec(codec: Codec, photos: list[np.ndarray]) -> None:
  start = time.perf_counter()
  codec.prepare(photos[0])
  loading = time.perf_counter() - start
  print(f"{_MODEL.value}, {len(photos)} photo(s), mean seconds without start-up:")
  print(f"  {codec.setting_name:>10}  compress  decompress")
  last = len(codec.settings) - 1
  for setting in dict.fromkeys(codec.settings[n] for n in (0, last // 2, last)):
    compress, decompress = [], []
    for photo in photos:
      start = time.perf_counter()
      data = codec.compress(photo, setting)
      middle = time.perf_counter()
      codec.decompress(data)
      compress.append(middle - start)
      decompress.append(time.perf_counter() - middle)
    print(f"  {show(setting):>10}{np.mean(compress):10.3f}{np.mean(decompress):12.3f}", flush=True)
  print(f"loading it, and the first photo of a size, take {loading:.2f} s")


def _print_entropy_coding(codec: RecurrentCodec, photo: np.ndarray) -> None:
  """How long the bits take, beside what the decoder network takes for the same image."""
  every = codec.encode(photo)
  print("entropy coding, seconds:")
  print("  iterations    encode    decode  decoder network  decode / network     MiB")
  for iterations in _CODED_ITERATIONS:
    bits = every[: min(iterations, len(every))]
    found = network_timing.entropy_coding(codec.entropy_coder(), bits, _REPEAT.value)
    network = timing.measure(lambda: list(codec.decode(bits))[-1], _REPEAT.value)  # noqa: B023
    print(
      f"  {len(bits):10}{found.encode:10.3f}{found.decode:10.3f}{network:17.3f}"
      f"{found.decode / network:18.2f}{found.memory / 2**20:8.0f}",
      flush=True,
    )


def _print_exports(codec: RecurrentCodec, photo: np.ndarray) -> None:
  """The decoders of an export, on the same bits and as many threads as the Python API has."""
  from compression.exporting import VARIANTS, saved_model, tflite
  from compression.exporting import benchmark as exports

  bits = codec.encode(photo, min(_EXPORT_ITERATIONS, codec.config.iterations))
  print(f"\nexported decoders, {len(bits)} iterations, seconds and ratio to the Python API:")
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    saved_model.export(codec, folder)
    tflite.export(codec, folder, VARIANTS, [photo])
    for threads in sorted({1, os.cpu_count() or 1}):
      found = exports.seconds(_MODEL.value, folder, bits, threads, _REPEAT.value)
      for decoder, seconds in found.items():
        ratio = seconds / found[exports.PYTHON_API]
        print(f"  {threads} thread(s)  {decoder:16}{seconds:9.3f}{ratio:7.2f}", flush=True)


def _print_page(codec: RecurrentCodec, photo: np.ndarray) -> None:
  """The page beside Python: the same file, from its bytes to its last picture."""
  from compression.exporting import WEB_VARIANTS, web_benchmark

  iterations = min(_EXPORT_ITERATIONS, codec.config.iterations)
  data = codec.compress(photo, iterations)
  print(
    f"\na file of {iterations} iterations, seconds an iteration and ratio to Python; the first run:"
  )
  for variant in WEB_VARIANTS[:2]:
    with tempfile.TemporaryDirectory() as name:
      try:
        found = web_benchmark.measure(codec, data, pathlib.Path(name), variant, _REPEAT.value)
      except CompressionError as error:
        print(f"  no page: {error}")
        return
    python = next(iter(found.values())).seconds
    for decoder, each in found.items():
      memory_used = f"{each.memory / 2**20:8.0f} MiB" if each.memory else ""
      print(
        f"  {variant:8}  {decoder:17}{each.seconds:8.3f}{each.seconds / python:7.2f}"
        f"{each.first:9.2f} s{memory_used}",
        flush=True,
      )


def _print_start_up() -> None:
  """A whole process, from the shell to a compressed 16x16 image, against `import tensorflow`."""
  run = [sys.executable, "-c"]
  tensorflow = "import compression, tensorflow"
  whole = (
    "import compression, numpy; codec = compression.load();"
    "codec.decompress(codec.compress(numpy.zeros([16, 16, 3], numpy.uint8), 2))"
  )
  seconds = [
    timing.measure(lambda: subprocess.run([*run, code], check=True), 3)  # noqa: B023
    for code in (tensorflow, whole)
  ]
  print(
    f"start-up of a process: {seconds[1]:.2f} s, of which `import tensorflow` {seconds[0]:.2f} s"
  )


def _print_memory(codec: Codec, photo: np.ndarray) -> None:
  """The peaks of whole programs, each in a new process."""
  from PIL import Image

  print("peak memory of a process, GiB:")
  print("  megapixels  compress  decompress")
  for size in _SIZES:
    with tempfile.TemporaryDirectory() as folder:
      Image.fromarray(photo).resize(size).save(f"{folder}/photo.png")
      to = f"--output_dir={folder}/out"
      arguments = {
        "compress": [f"{folder}/photo.png", f"--model={_MODEL.value}", to],
        "decompress": [f"{folder}/out/photo{codec.suffix}", f"--model={_MODEL.value}", to],
      }
      peaks = [
        memory.peak_of_program(f"compression.{program}", each) / 2**30
        for program, each in arguments.items()
      ]
    print(f"  {size[0] * size[1] / 1e6:10.0f}{peaks[0]:10.2f}{peaks[1]:12.2f}", flush=True)


def _print_archive(photo: np.ndarray) -> None:
  from compression.archives import benchmark

  processes = os.cpu_count() or 1
  with tempfile.TemporaryDirectory() as name:
    try:
      found = benchmark.photos_per_minute(
        _MODEL.value, photo, _ARCHIVE_PHOTOS * processes, processes, pathlib.Path(name)
      )
    except CompressionError as error:
      print(f"no archive: {error}")
      return
  plain = found[benchmark.PLAIN]
  print("photos per minute and core, and ratio to compress:")
  for each, rate in found.items():
    print(f"  {each:10}{rate:9.1f}{rate / plain:7.2f}", flush=True)


def main(argv: list[str]) -> None:
  program.require(argv)
  codec = registry.find(_MODEL.value)
  photos = _photos()
  _print_start_up()  # first: what this process does later would slow the others down
  _print_codec(codec, photos)
  print(f"peak memory {memory.peak_bytes() / 2**30:.2f} GiB")
  _print_memory(codec, photos[0])
  _print_archive(photos[0])

  from compression.codecs.recurrent.codec import RecurrentCodec

  if not isinstance(codec, RecurrentCodec):
    return

  import tensorflow as tf

  tf.get_logger().setLevel("ERROR")  # a step is traced anew for each width, on purpose
  _print_entropy_coding(codec, photos[0])
  rate = network_timing.plain_rate(_REPEAT.value)
  _print_exports(codec, photos[0])
  _print_page(codec, photos[0])
  print(f"\n{os.cpu_count()} processors; plain float32 3x3 convolutions: {rate:.0f} GFLOP/s")
  _print_steps(rate)


if __name__ == "__main__":
  program.run(main)
