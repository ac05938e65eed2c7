"""Compresses photos.

  python -m compression.compress photo.jpg [more.png ...] --iterations=8
  python -m compression.compress photo.jpg --target_bpp=0.5
  python -m compression.compress photo.jpg --model=dct --setting=20
  cat photo.png | python -m compression.compress - > photo.rnic

Each photo.jpg becomes photo.rnic beside it (other codecs have other suffixes), and one line says
what it cost. The ratio is to the 24 bits per pixel of the uncompressed image. A setting is what the
codec calls its quality: iterations, a step, a quality; the error line of one that it does not have
names those that it has.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

from absl import flags

from compression.codecs import model_folders, registry
from compression.codecs.base import Codec, Options, default_setting
from compression.common import jobs, program, workers
from compression.formats import rnic

if TYPE_CHECKING:
  import numpy as np

  from compression.codecs.targets import Compressed


_ITERATIONS = flags.DEFINE_integer(
  "iterations", None, "quality of recurrent networks (default 8 of 16)", lower_bound=1
)
_SETTING = flags.DEFINE_float("setting", None, "quality, as any codec counts it")
_TARGET_BPP = flags.DEFINE_float(
  "target_bpp", None, "the best quality of at most so many bits per pixel", lower_bound=0.001
)
_TARGET_BYTES = flags.DEFINE_integer(
  "target_bytes", None, "the best quality of at most so many bytes", lower_bound=1
)
_TARGET_PSNR = flags.DEFINE_float(
  "target_psnr", None, "the fewest bytes that reach this PSNR in dB", lower_bound=0
)
_TARGET_MS_SSIM = flags.DEFINE_float(
  "target_ms_ssim",
  None,
  "the fewest bytes that reach this MS-SSIM",
  lower_bound=0,
  upper_bound=1,
)
_MODEL = flags.DEFINE_string(
  "model", model_folders.DEFAULT_MODEL, "a released model, a folder, another codec, FILE.py:CLASS"
)
_PRECISION = jobs.define_precision_flag()
_OUTPUTS = jobs.define_output_flags()
_ENTROPY_CODER = flags.DEFINE_enum(
  "entropy_coder",
  None,
  list(rnic.ENTROPY_CODERS.values()),
  "learned: the model's, smaller files; none: the bits as they are (default: learned, if the model"
  " has one)",
)

_CHOICES = (_ITERATIONS, _SETTING, _TARGET_BPP, _TARGET_BYTES, _TARGET_PSNR, _TARGET_MS_SSIM)


def main(argv: list[str]) -> int:
  chosen = [flag.name for flag in _CHOICES if flag.value is not None]
  if len(chosen) > 1:
    raise program.UsageError(f"--{chosen[0]} and --{chosen[1]} exclude each other")
  names = program.expand(argv)
  codec = _codec()
  if _ITERATIONS.value is not None and codec.setting_name != "iterations":
    raise program.UsageError(
      f"--iterations: {codec.name} has none; --setting is its {codec.setting_name}"
    )
  setting = _ITERATIONS.value if _SETTING.value is None else _SETTING.value
  if setting is not None:
    codec.check_setting(setting)
  return jobs.run(jobs.plan(names, codec.suffix, _OUTPUTS), _compress, "photo", _OUTPUTS)


@functools.lru_cache(maxsize=1)
def _codec() -> Codec:
  """What is wrong with it comes first; weights are read when the first photo has been."""
  threads = workers.threads_each(_OUTPUTS.jobs.value)
  return registry.find(_MODEL.value, Options(_PRECISION.value, threads, _ENTROPY_CODER.value))


def _compress(job: jobs.Job) -> None:
  from compression.images.photos import read_photo

  jobs.check_targets([job.target], job.source, _OUTPUTS)
  photo = read_photo(*jobs.open_source(job.source))
  codec = _codec()
  codec.load()
  start = time.perf_counter()
  result = _by_target(codec, photo.image)
  seconds = time.perf_counter() - start
  jobs.write_target(job.target, result.data, _OUTPUTS)
  height, width, _ = photo.image.shape
  notes = [*photo.notes, *([result.note] if result.note else [])]
  jobs.say(
    f"{job.source} -> {job.target}: {width}x{height} pixels, {codec.say(result.setting)}, "
    f"{jobs.describe(height * width, len(result.data))}, {seconds:.2f} s"
    + (f" ({'; '.join(notes)})" if notes else ""),
    job.target,
  )


def _by_target(codec: Codec, image: np.ndarray) -> Compressed:
  from compression import metrics
  from compression.codecs import targets

  pixels = image.shape[0] * image.shape[1]
  if _TARGET_BPP.value is not None:
    return targets.to_size(codec, image, _TARGET_BPP.value * pixels / 8)
  if _TARGET_BYTES.value is not None:
    return targets.to_size(codec, image, _TARGET_BYTES.value)
  if _TARGET_PSNR.value is not None:
    return targets.to_quality(codec, image, metrics.psnr, _TARGET_PSNR.value)
  if _TARGET_MS_SSIM.value is not None:
    return targets.to_quality(codec, image, metrics.ms_ssim, _TARGET_MS_SSIM.value)
  setting = _ITERATIONS.value if _SETTING.value is None else _SETTING.value
  if setting is None:
    setting = default_setting(codec)
  return targets.Compressed(codec.compress(image, setting), setting)


if __name__ == "__main__":
  program.run(main)
