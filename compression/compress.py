"""Compresses photos to .rnic files.

  python -m compression.compress photo.jpg [more.png ...] --iterations=8
  python -m compression.compress photo.jpg --target_bpp=0.5
  cat photo.png | python -m compression.compress - > photo.rnic

Each photo.jpg becomes photo.rnic beside it, and one line says what it cost. The ratio is to the 24
bits per pixel of the uncompressed image.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

from absl import flags

from compression.codecs import model_folders
from compression.codecs.recurrent.config import DEFAULT_ITERATIONS, MAX_ITERATIONS
from compression.common import jobs, program
from compression.formats import rnic

if TYPE_CHECKING:
  from compression.codecs.recurrent.codec import Compressed, RecurrentCodec


_ITERATIONS = flags.DEFINE_integer(
  "iterations",
  None,
  f"quality; each iteration is at most 0.125 bits per pixel (default {DEFAULT_ITERATIONS})",
  lower_bound=1,
  upper_bound=MAX_ITERATIONS,
)
_TARGET_BPP = flags.DEFINE_float(
  "target_bpp", None, "the best quality of at most so many bits per pixel", lower_bound=0.001
)
_TARGET_BYTES = flags.DEFINE_integer(
  "target_bytes", None, "the best quality of at most so many bytes", lower_bound=1
)
_TARGET_PSNR = flags.DEFINE_float(
  "target_psnr", None, "the fewest iterations that reach this PSNR in dB", lower_bound=0
)
_TARGET_MS_SSIM = flags.DEFINE_float(
  "target_ms_ssim",
  None,
  "the fewest iterations that reach this MS-SSIM",
  lower_bound=0,
  upper_bound=1,
)
_MODEL = flags.DEFINE_string("model", model_folders.DEFAULT_MODEL, "a released model or a folder")
_PRECISION = jobs.define_precision_flag()
_OUTPUTS = jobs.define_output_flags()
_ENTROPY_CODER = flags.DEFINE_enum(
  "entropy_coder",
  None,
  list(rnic.ENTROPY_CODERS.values()),
  "learned: the model's, smaller files; none: the bits as they are (default: learned, if the model"
  " has one)",
)

_TARGETS = (_ITERATIONS, _TARGET_BPP, _TARGET_BYTES, _TARGET_PSNR, _TARGET_MS_SSIM)


def main(argv: list[str]) -> int:
  chosen = [flag.name for flag in _TARGETS if flag.value is not None]
  if len(chosen) > 1:
    raise program.UsageError(f"--{chosen[0]} and --{chosen[1]} exclude each other")
  todo = jobs.plan(program.expand(argv), ".rnic", _OUTPUTS)
  model_folders.find(_MODEL.value)
  return jobs.run(todo, _compress, "photo")


@functools.lru_cache(maxsize=1)
def _codec() -> RecurrentCodec:
  """The model, loaded when the first photo has been read: what is wrong with it comes first."""
  from compression.codecs.recurrent.codec import load

  return load(_MODEL.value, _PRECISION.value)


def _compress(job: jobs.Job) -> None:
  from compression.images.photos import read_photo

  jobs.check_target(job.target, _OUTPUTS)
  photo = read_photo(*jobs.open_source(job.source))
  codec = _codec()
  start = time.perf_counter()
  result = _by_target(codec, photo.image)
  seconds = time.perf_counter() - start
  jobs.write_target(job.target, result.data, _OUTPUTS)
  height, width, _ = photo.image.shape
  notes = [*photo.notes, *([result.note] if result.note else [])]
  jobs.say(
    f"{job.source} -> {job.target}: {width}x{height} pixels, {result.iterations} iterations, "
    f"{jobs.describe(height * width, len(result.data))}, {seconds:.2f} s"
    + (f" ({'; '.join(notes)})" if notes else ""),
    job.target,
  )


def _by_target(codec: RecurrentCodec, image: Any) -> Compressed:
  from compression import metrics
  from compression.codecs.recurrent.codec import Compressed

  coder = _ENTROPY_CODER.value
  pixels = image.shape[0] * image.shape[1]
  if _TARGET_BPP.value is not None:
    limit = _TARGET_BPP.value * pixels / 8
    return codec.compress_to_size(image, limit, entropy_coder=coder)
  if _TARGET_BYTES.value is not None:
    return codec.compress_to_size(image, _TARGET_BYTES.value, entropy_coder=coder)
  if _TARGET_PSNR.value is not None:
    return codec.compress_to_quality(image, metrics.psnr, _TARGET_PSNR.value, entropy_coder=coder)
  if _TARGET_MS_SSIM.value is not None:
    return codec.compress_to_quality(
      image, metrics.ms_ssim, _TARGET_MS_SSIM.value, entropy_coder=coder
    )
  iterations = DEFAULT_ITERATIONS if _ITERATIONS.value is None else _ITERATIONS.value
  return Compressed(codec.compress(image, iterations, entropy_coder=coder), iterations)


if __name__ == "__main__":
  program.run(main)
